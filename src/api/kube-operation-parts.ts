import { patchTypes } from "../kube/openapi-v3.ts";
import type { KindInfo } from "../resources/kinds.ts";
import { KINDS } from "../kinds/registry.ts";
import { type Content, DRY_RUN, FIELD_MANAGER, type Parameter, pathParameter, type Response } from "./operation.ts";

// What the operations of Kubernetes' API, and their samples, have in common.

export const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";

export const PLACE: readonly Parameter[] = [
  pathParameter("group", "`networking.istio.io`, `security.istio.io`, … For Namespaces and Services: `/k8s/api/v1/…`."),
  pathParameter("version", "One of the group's, such as `v1`."),
  pathParameter("namespace", "Of a list it may be left out with the word before it: all namespaces."),
  pathParameter("plural", "As discovery has it: `destinationrules`."),
];
export const NAME = pathParameter("name", "The object's.");

const FIELD_VALIDATION: Parameter = {
  name: "fieldValidation",
  in: "query",
  description:
    "For Kubernetes' own kinds, which keep what the mesh does not read: `Strict` refuses it, `Ignore` says nothing. Other kinds refuse unknown fields whatever it says.",
  schema: { type: "string", enum: ["Strict", "Warn", "Ignore"], default: "Warn" },
};
export const WRITE = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];

export function query(name: string, type: "string" | "integer" | "boolean", description: string): Parameter {
  return { name, in: "query", description, schema: { type } };
}

export const OBJECT: Content = { "application/json": { schema: { type: "object" } } };
export const OBJECT_OR_YAML: Content = { ...OBJECT, "application/yaml": { schema: { type: "object" } } };
const WARNING = {
  Warning: { description: "What is stored but does not do what it seems to.", schema: { type: "string" } },
};
export const stored: Response = { description: "The object as it is stored.", headers: WARNING, content: OBJECT };

const isMeshKind = ({ core, readOnly }: KindInfo): boolean => !core && !readOnly;
export const PATCHES: Content = Object.fromEntries(
  [...new Set([...KINDS.filter(isMeshKind), ...KINDS].flatMap(patchTypes))].map((type) => [type, {}]),
);

export const TOKEN_CHECKED = ["Forbidden", "NotFound"] as const;

/** @param body of an ES module after the part that all have in common */
export function module(names: readonly string[], body: string): string {
  const imported = [...names, "KubeConfig"].toSorted().join(", ");
  return `import { ${imported} } from "@kubernetes/client-node";

const config = new KubeConfig();
config.loadFromFile(".tulle/kubeconfig");

${body.trim()}`;
}

export const FISH = `const fish = {
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name: "fish", namespace: "default" },
  spec: { host: "fish" },
};`;
export const OBJECTS = "const objects = KubernetesObjectApi.makeApiClient(config);";
export const RULES_OF = `const rules = { group: "networking.istio.io", version: "v1", namespace: "default", plural: "destinationrules" };`;
export const HEAD_OF_FISH = `const header = {
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name: "fish", namespace: "default" },
};`;

export function ruleOf(name: string, connections?: number): string {
  const limits = `\n  trafficPolicy: { connectionPool: { tcp: { maxConnections: ${connections} } } }`;
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec:
  host: ${name}${connections === undefined ? "" : limits}`;
}
