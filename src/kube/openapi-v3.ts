import type { Kind } from "../kinds/kind.ts";
import { apiVersionOf } from "../resources/kinds.ts";
import { KINDS } from "../kinds/registry.ts";
import { type GroupVersionKind, objectSchema, servedAs } from "./schemas.ts";
import type { Schema } from "../kinds/openapi.ts";

// One document for each group and version, as kubectl 1.27 and newer read them:
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3

/** By path, `apis/group/version` or `api/v1`; the hash in a URL lets clients keep what they have. */
interface Index {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

interface Document {
  readonly openapi: "3.0.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

type Verb = "get" | "put" | "post" | "delete" | "patch";
type PathItem = { readonly parameters: readonly Parameter[] } & { readonly [V in Verb]?: Operation };

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required?: boolean;
  readonly schema: Schema;
}

type Content = Readonly<Record<string, { readonly schema: Schema | Reference }>>;

interface Reference {
  readonly $ref: string;
}

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
  readonly "x-kubernetes-action": string;
  readonly "x-kubernetes-group-version-kind": GroupVersionKind;
}

interface Served {
  readonly info: Kind;
  readonly gvk: GroupVersionKind;
}

function served(): readonly Served[] {
  return KINDS.flatMap((info) => servedAs(info).map((gvk) => ({ info, gvk })));
}

/** Where a group and version are served, below the mount: `api/v1` or `apis/group/version`. */
function pathOf({ group, version }: GroupVersionKind): string {
  return `${group === "" ? "api" : "apis"}/${apiVersionOf(group, version)}`;
}

/** The paths of all documents; each is served at `/openapi/v3/` and its path. */
export function openApiV3Paths(): readonly string[] {
  return [...new Set(served().map(({ gvk }) => pathOf(gvk)))];
}

/**
 * The document at `/openapi/v3`.
 *
 * @param hashOf of a path of `openApiV3Paths`: what tells one state of its document from another
 */
export function openApiV3Index(hashOf: (path: string) => string): Index {
  // Without the prefix that the API is mounted under: clients add it themselves.
  const entries = openApiV3Paths().map((path) => {
    const serverRelativeURL = `/openapi/v3/${path}?hash=${encodeURIComponent(hashOf(path))}`;
    return [path, { serverRelativeURL }] as const;
  });
  return { paths: Object.fromEntries(entries) };
}

/** @returns null where no kind is served at `path` */
export function openApiV3Document(path: string): Document | null {
  const kinds = served().filter(({ gvk }) => pathOf(gvk) === path);
  if (kinds.length === 0) return null;
  return {
    openapi: "3.0.0",
    info: { title: "Tulle", version: path },
    paths: Object.fromEntries(kinds.flatMap(pathsOf)),
    components: {
      schemas: Object.fromEntries(
        kinds.map(({ info, gvk }) => [
          componentName(gvk),
          { ...objectSchema(info), "x-kubernetes-group-version-kind": [gvk] },
        ]),
      ),
    },
  };
}

/** The group backwards, as Kubernetes names what clients generate code from: `io.istio.networking.v1.Gateway`. */
export function componentName({ group, version, kind }: GroupVersionKind): string {
  if (group === "") return `io.k8s.api.core.${version}.${kind}`;
  const labels = group.split(".");
  if (group.endsWith(".k8s.io")) return `io.k8s.api.${labels[0]}.${version}.${kind}`;
  return `${labels.reverse().join(".")}.${version}.${kind}`;
}

/** What a PATCH of a kind may hold. Strategic merge is for Kubernetes' own kinds: a client sends it where it is named. */
export function patchTypes({ core }: Kind): readonly string[] {
  return [
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/apply-patch+yaml",
    ...(core ? ["application/strategic-merge-patch+json"] : []),
  ];
}

function query(name: string, type: "string" | "boolean" | "integer" = "string"): Parameter {
  return { name, in: "query", schema: { type } };
}

const DRY_RUN = query("dryRun");
const WRITE = [DRY_RUN, query("fieldManager"), query("fieldValidation")];
export const PATCH_PARAMETERS: readonly Parameter[] = [...WRITE, query("force", "boolean")];
const SELECT = [query("labelSelector"), query("fieldSelector")];
const LIST = [
  ...SELECT,
  query("limit", "integer"),
  query("continue"),
  query("resourceVersion"),
  query("watch", "boolean"),
  query("timeoutSeconds", "integer"),
  query("allowWatchBookmarks", "boolean"),
];

function pathParameter(name: string): Parameter {
  return { name, in: "path", required: true, schema: { type: "string" } };
}

/** Where one object of a kind is: `/apis/group/version/namespaces/{namespace}/plural/{name}`. */
export function objectPath({ namespaced, plural }: Kind, gvk: GroupVersionKind): string {
  return `/${pathOf(gvk)}/${namespaced ? "namespaces/{namespace}/" : ""}${plural}/{name}`;
}

const JSON_TYPE = "application/json";

function pathsOf({ info, gvk }: Served): readonly (readonly [string, PathItem])[] {
  const reference = { $ref: `#/components/schemas/${componentName(gvk)}` };
  const json: Content = { [JSON_TYPE]: { schema: reference } };
  const list: Content = {
    [JSON_TYPE]: { schema: { type: "object", properties: { items: { type: "array", items: reference } } } },
  };
  const status: Content = { [JSON_TYPE]: { schema: { type: "object" } } };

  const operation = (
    action: string,
    parameters: readonly Parameter[],
    answer: Content,
    body?: Content,
    code = "200",
  ): Operation => ({
    operationId: `${action}${gvk.kind}`,
    parameters,
    ...(body && { requestBody: { required: true, content: body } }),
    responses: { [code]: { description: "done", content: answer } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": gvk,
  });

  const patch = Object.fromEntries(patchTypes(info).map((type) => [type, { schema: { type: "object" } as const }]));
  const object: Omit<PathItem, "parameters"> = {
    get: operation("get", [], json),
    ...(!info.readOnly && {
      put: operation("put", WRITE, json, json),
      patch: operation("patch", PATCH_PARAMETERS, json, patch),
      delete: operation("delete", [DRY_RUN], status),
    }),
  };
  const collection: Omit<PathItem, "parameters"> = {
    get: operation("list", LIST, list),
    ...(!info.readOnly && {
      post: operation("post", WRITE, json, json, "201"),
      delete: operation("deletecollection", [DRY_RUN, ...SELECT], status),
    }),
  };

  const one = objectPath(info, gvk);
  const namespace = info.namespaced ? [pathParameter("namespace")] : [];
  const paths: (readonly [string, PathItem])[] = [
    [one, { parameters: [...namespace, pathParameter("name")], ...object }],
    [one.slice(0, -"/{name}".length), { parameters: namespace, ...collection }],
  ];
  if (!info.namespaced) return paths;
  const everywhere = { ...operation("list", LIST, list), operationId: `list${gvk.kind}ForAllNamespaces` };
  return [...paths, [`/${pathOf(gvk)}/${info.plural}`, { parameters: [], get: everywhere }]];
}
