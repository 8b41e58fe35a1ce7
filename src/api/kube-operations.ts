import { patchTypes } from "../kube/openapi-v3.ts";
import type { KindInfo } from "../resources/kinds.ts";
import { KINDS } from "../kinds/registry.ts";
import {
  type Content,
  CURL,
  curl,
  DRY_RUN,
  errors,
  FIELD_MANAGER,
  type Operation,
  type Parameter,
  pathParameter,
  type Response,
  withBody,
} from "./operation.ts";

// The operations that every kind has, once, for the page and its samples. What kinds there are and how their objects look
// stands in the documents below `/k8s/openapi/`.

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";

const PLACE: readonly Parameter[] = [
  pathParameter("group", "`networking.istio.io`, `security.istio.io`, … For Namespaces and Services: `/k8s/api/v1/…`."),
  pathParameter("version", "One of the group's, such as `v1`."),
  pathParameter("namespace", "Of a list it may be left out with the word before it: all namespaces."),
  pathParameter("plural", "As discovery has it: `destinationrules`."),
];
const NAME = pathParameter("name", "The object's.");

const FIELD_VALIDATION: Parameter = {
  name: "fieldValidation",
  in: "query",
  description:
    "For Kubernetes' own kinds, which keep what the mesh does not read: `Strict` refuses it, `Ignore` says nothing. Other kinds refuse unknown fields whatever it says.",
  schema: { type: "string", enum: ["Strict", "Warn", "Ignore"], default: "Warn" },
};
const WRITE = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];

function query(name: string, type: "string" | "integer" | "boolean", description: string): Parameter {
  return { name, in: "query", description, schema: { type } };
}

const OBJECT: Content = { "application/json": { schema: { type: "object" } } };
const OBJECT_OR_YAML: Content = { ...OBJECT, "application/yaml": { schema: { type: "object" } } };
const WARNING = {
  Warning: { description: "What is stored but does not do what it seems to.", schema: { type: "string" } },
};
const stored: Response = { description: "The object as it is stored.", headers: WARNING, content: OBJECT };

const isMeshKind = ({ core, readOnly }: KindInfo): boolean => !core && !readOnly;
const PATCHES: Content = Object.fromEntries(
  [...new Set([...KINDS.filter(isMeshKind), ...KINDS].flatMap(patchTypes))].map((type) => [type, {}]),
);

const TOKEN_CHECKED = ["Forbidden", "NotFound"] as const;

/** @param body of an ES module after the part that all have in common */
function module(names: readonly string[], body: string): string {
  const imported = [...names, "KubeConfig"].toSorted().join(", ");
  return `import { ${imported} } from "@kubernetes/client-node";

const config = new KubeConfig();
config.loadFromFile(".tulle/kubeconfig");

${body.trim()}`;
}

const FISH = `const fish = {
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name: "fish", namespace: "default" },
  spec: { host: "fish" },
};`;
const OBJECTS = "const objects = KubernetesObjectApi.makeApiClient(config);";
const RULES_OF = `const rules = { group: "networking.istio.io", version: "v1", namespace: "default", plural: "destinationrules" };`;
const HEAD_OF_FISH = `const header = {
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name: "fish", namespace: "default" },
};`;

function ruleOf(name: string, connections?: number): string {
  const limits = `\n  trafficPolicy: { connectionPool: { tcp: { maxConnections: ${connections} } } }`;
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec:
  host: ${name}${connections === undefined ? "" : limits}`;
}

export const KUBE_OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/k8s/apis/{group}/{version}": {
    get: {
      operationId: "discover",
      summary: "Which resources there are",
      description:
        "Groups are listed at `/k8s/apis`, Kubernetes' own kinds at `/k8s/api/v1`, schemas at `/k8s/openapi/v3` and `/k8s/openapi/v2`, the version at `/k8s/version`. All of them have an `ETag`.",
      tags: ["Kubernetes API"],
      parameters: PLACE.slice(0, 2),
      responses: { "200": { description: "An APIResourceList.", content: OBJECT }, ...errors("NotFound") },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/k8s/apis/networking.istio.io/v1"),
          "x-expect": { kind: "APIResourceList", resources: [{ name: "destinationrules", kind: "DestinationRule" }] },
        },
        {
          lang: "kubectl",
          source: "kubectl api-resources\nkubectl explain destinationrule.spec.trafficPolicy",
          "x-expect": "destinationrules\nconnectionPool\noutlierDetection",
        },
        {
          lang: "javascript",
          source: module(
            ["CustomObjectsApi"],
            `
const api = config.makeApiClient(CustomObjectsApi);
const { resources } = await api.getAPIResources({ group: "networking.istio.io", version: "v1" });
for (const { kind, name } of resources) console.log(kind, name);`,
          ),
          "x-expect": "Gateway gateways\nDestinationRule destinationrules",
        },
      ],
    },
  },
  "/k8s/apis/{group}/{version}/namespaces/{namespace}/{plural}": {
    post: {
      operationId: "create",
      summary: "Create an object",
      tags: ["Kubernetes API"],
      parameters: [...PLACE, ...WRITE],
      requestBody: { required: true, content: OBJECT_OR_YAML },
      responses: {
        "201": stored,
        ...errors(
          "BadRequest",
          ...TOKEN_CHECKED,
          "AlreadyExists",
          "RequestEntityTooLarge",
          "UnsupportedMediaType",
          "Invalid",
        ),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: withBody(curl(RULES, "-H 'Content-Type: application/yaml' --data-binary @-"), "YAML", ruleOf("cats")),
          "x-expect": { metadata: { name: "cats", generation: 1 }, spec: { host: "cats" } },
        },
        {
          lang: "kubectl",
          source: withBody("kubectl apply -f -", "YAML", ruleOf("dogs")),
          "x-expect": "destinationrule.networking.istio.io/dogs created",
        },
        {
          lang: "javascript",
          source: module(
            ["KubernetesObjectApi"],
            `
${OBJECTS}
${FISH}
const { metadata } = await objects.create(fish);
console.log(metadata.name, "is of generation", metadata.generation);`,
          ),
          "x-expect": "fish is of generation 1",
        },
      ],
    },
    get: {
      operationId: "list",
      summary: "List and watch objects",
      description:
        "As JSON, as a Table for people, or as PartialObjectMetadata, by `Accept`. With `watch` the answer does not end: each change is a line of JSON.",
      tags: ["Kubernetes API"],
      parameters: [
        ...PLACE,
        query("labelSelector", "string", "As in Kubernetes: `app=web,tier!=db`, `app in (a, b)`."),
        query(
          "fieldSelector",
          "string",
          "On `metadata.name` and `metadata.namespace`; of Events also what they are about.",
        ),
        query("limit", "integer", "At most so many; `metadata.continue` of the answer gets the rest."),
        query("continue", "string", "Of the page before."),
        query("watch", "boolean", "Tell changes as they come."),
        query(
          "resourceVersion",
          "string",
          "Where a watch goes on: of a list or of the last event. Absent: what there is comes first.",
        ),
        query("timeoutSeconds", "integer", "When a watch ends. Absent: after 30 to 60 minutes."),
        query("allowWatchBookmarks", "boolean", "Tell each minute how far the watch is."),
      ],
      responses: {
        "200": { description: "The list, or lines of watch events.", content: OBJECT },
        ...errors("BadRequest", "Forbidden", "NotFound", "Expired", "TooManyRequests"),
      },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "List",
          source: curl(`${RULES}?limit=100`),
          "x-expect": { kind: "DestinationRuleList", items: [{ metadata: { name: "cats" } }] },
        },
        {
          lang: "kubectl",
          label: "List",
          source: "kubectl get destinationrules\nkubectl get istio-io -A",
          "x-expect": "NAME\ndogs\nNAMESPACE\ndestinationrule.networking.istio.io/dogs",
        },
        {
          lang: "javascript",
          label: "List",
          source: module(
            ["CustomObjectsApi"],
            `
const api = config.makeApiClient(CustomObjectsApi);
${RULES_OF}
const { items } = await api.listNamespacedCustomObject(rules);
for (const { metadata, spec } of items) console.log(metadata.name, spec.host);`,
          ),
          "x-expect": "fish fish",
        },
        {
          lang: "curl",
          label: "Watch",
          source: curl(`${RULES}?watch=true&timeoutSeconds=1`),
          "x-expect": '{"type":"ADDED","object":{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule"',
        },
        {
          lang: "kubectl",
          label: "Watch",
          source:
            "kubectl wait destinationrule/dogs --for=condition=Accepted --timeout=10s\ntimeout 2 kubectl get destinationrules --watch --output-watch-events || true",
          "x-expect": "destinationrule.networking.istio.io/dogs condition met\nADDED",
        },
        {
          lang: "javascript",
          label: "Watch",
          source: module(
            ["Watch"],
            `
const path = "/apis/networking.istio.io/v1/namespaces/default/destinationrules";
const tell = (type, object) => console.log(type, object.metadata.name);
await new Promise((ended, failed) => {
  new Watch(config).watch(path, { timeoutSeconds: 1 }, tell, ended).catch(failed);
});
console.log("ended");`,
          ),
          "x-expect": "ADDED fish\nended",
        },
        {
          lang: "javascript",
          label: "Keep a copy",
          source: module(
            ["CustomObjectsApi", "makeInformer"],
            `
const api = config.makeApiClient(CustomObjectsApi);
${RULES_OF}
const path = "/apis/networking.istio.io/v1/namespaces/default/destinationrules";
const informer = makeInformer(config, path, () => api.listNamespacedCustomObject(rules));
for (const type of ["add", "update", "delete"])
  informer.on(type, ({ metadata }) => console.log(type, metadata.name));
// Where control is restarted its watch ends with an error; begun again it goes on where it was.
informer.on("error", (error) => {
  if (error.name !== "AbortError") setTimeout(() => informer.start(), 1_000);
});
await informer.start();
console.log("host:", informer.get("fish", "default").spec.host);
await informer.stop();`,
          ),
          "x-expect": "add fish\nhost: fish",
        },
      ],
    },
  },
  "/k8s/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}": {
    get: {
      operationId: "read",
      summary: "Read an object",
      description: "`…/{name}/status` is the same object; a write there changes its `status` alone.",
      tags: ["Kubernetes API"],
      parameters: [...PLACE, NAME],
      responses: { "200": { description: "The object.", content: OBJECT }, ...errors(...TOKEN_CHECKED) },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(`${RULES}/cats`),
          "x-expect": { metadata: { name: "cats" }, status: { conditions: [{ type: "Accepted", status: "True" }] } },
        },
        {
          lang: "kubectl",
          source: "kubectl get destinationrule dogs -o yaml\nkubectl describe destinationrule dogs",
          "x-expect": "  host: dogs\nEvents:\nAccepted",
        },
        {
          lang: "javascript",
          source: module(
            ["CustomObjectsApi"],
            `
const api = config.makeApiClient(CustomObjectsApi);
${RULES_OF}
const { status } = await api.getNamespacedCustomObject({ ...rules, name: "fish" });
for (const { type, status: state } of status.conditions) console.log(type, "is", state);`,
          ),
          "x-expect": "Accepted is True",
        },
      ],
    },
    put: {
      operationId: "replace",
      summary: "Replace an object",
      description:
        "With `metadata.resourceVersion` in it the write holds only for that version: where another one wrote in between it is a 409 `Conflict`. Without, the last writer wins.",
      tags: ["Kubernetes API"],
      parameters: [...PLACE, NAME, ...WRITE],
      requestBody: { required: true, content: OBJECT_OR_YAML },
      responses: {
        "200": stored,
        ...errors(
          "BadRequest",
          ...TOKEN_CHECKED,
          "Conflict",
          "RequestEntityTooLarge",
          "UnsupportedMediaType",
          "Invalid",
        ),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${CURL} "$TULLE${RULES}/cats" \\
  | sed 's/"host":"cats"/"host":"lions"/' \\
  | ${curl(`${RULES}/cats`, "-X PUT --json @-").replaceAll("\n", "\n  ")}`,
          "x-expect": { metadata: { name: "cats", generation: 2 }, spec: { host: "lions" } },
        },
        {
          lang: "kubectl",
          source: "kubectl get destinationrule dogs -o yaml | sed 's/host: dogs/host: wolves/' | kubectl replace -f -",
          "x-expect": "destinationrule.networking.istio.io/dogs replaced",
        },
        {
          lang: "javascript",
          source: module(
            ["KubernetesObjectApi"],
            `
${OBJECTS}
${HEAD_OF_FISH}
const fish = await objects.read(header);
fish.spec.host = "sharks";
try {
  const { spec } = await objects.replace(fish);
  console.log("the host is", spec.host);
} catch (error) {
  if (error.code !== 409) throw error;
  console.log("another one wrote in between; read it again");
}`,
          ),
          "x-expect": "the host is sharks",
        },
      ],
    },
    patch: {
      operationId: "patch",
      summary: "Change a part of an object",
      description:
        "The `Content-Type` says how: a merge patch (RFC 7396), a JSON patch (RFC 6902), or server-side apply. Strategic merge patches are for Kubernetes' own kinds alone. The patch is worked out when its turn comes, so two that touch different fields both hold.",
      tags: ["Kubernetes API"],
      parameters: [
        ...PLACE,
        NAME,
        ...WRITE,
        query("force", "boolean", "Of server-side apply: take over fields that others keep."),
      ],
      requestBody: { required: true, content: PATCHES },
      responses: {
        "200": stored,
        "201": { ...stored, description: "Server-side apply created it." },
        ...errors(
          "BadRequest",
          ...TOKEN_CHECKED,
          "Conflict",
          "RequestEntityTooLarge",
          "UnsupportedMediaType",
          "Invalid",
        ),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "Merge patch",
          source: curl(
            `${RULES}/cats`,
            `-X PATCH -H 'Content-Type: application/merge-patch+json'`,
            `-d '{"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 10}}}}}'`,
          ),
          "x-expect": { spec: { trafficPolicy: { connectionPool: { tcp: { maxConnections: 10 } } } } },
        },
        {
          lang: "kubectl",
          label: "Merge patch",
          source: `kubectl patch destinationrule dogs --type=merge \\\n  -p '{"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 10}}}}}'`,
          "x-expect": "destinationrule.networking.istio.io/dogs patched",
        },
        {
          lang: "javascript",
          label: "Merge patch",
          source: module(
            ["CustomObjectsApi", "PatchStrategy", "setHeaderOptions"],
            `
const api = config.makeApiClient(CustomObjectsApi);
${RULES_OF}
const body = { spec: { trafficPolicy: { connectionPool: { tcp: { maxConnections: 10 } } } } };
const { spec } = await api.patchNamespacedCustomObject(
  { ...rules, name: "fish", body, fieldManager: "tuner" },
  setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
);
console.log("at most", spec.trafficPolicy.connectionPool.tcp.maxConnections);`,
          ),
          "x-expect": "at most 10",
        },
        {
          lang: "curl",
          label: "Server-side apply",
          source: withBody(
            curl(
              `${RULES}/cats?fieldManager=ci&force=true`,
              "-X PATCH -H 'Content-Type: application/apply-patch+yaml' --data-binary @-",
            ),
            "YAML",
            ruleOf("cats", 20),
          ),
          "x-expect": {
            metadata: { managedFields: [{ manager: "ci", operation: "Apply" }] },
            spec: { host: "cats", trafficPolicy: { connectionPool: { tcp: { maxConnections: 20 } } } },
          },
        },
        {
          lang: "kubectl",
          label: "Server-side apply",
          source: withBody(
            "kubectl apply --server-side --field-manager=ci --force-conflicts -f -",
            "YAML",
            ruleOf("dogs", 20),
          ),
          "x-expect": "destinationrule.networking.istio.io/dogs serverside-applied",
        },
        {
          lang: "javascript",
          label: "Server-side apply",
          source: module(
            ["KubernetesObjectApi", "PatchStrategy"],
            `
${OBJECTS}
const fish = {
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name: "fish", namespace: "default" },
  spec: { host: "sharks", trafficPolicy: { connectionPool: { tcp: { maxConnections: 20 } } } },
};
const apply = (force) =>
  objects.patch(fish, undefined, undefined, "ci", force, PatchStrategy.ServerSideApply);
try {
  await apply(false);
} catch (error) {
  if (error.code !== 409) throw error;
  for (const { field, message } of JSON.parse(error.body).details.causes) console.log(field, message);
}
const { metadata } = await apply(true);
for (const { manager, operation } of metadata.managedFields) console.log(manager, operation);`,
          ),
          "x-expect": '.spec.trafficPolicy.connectionPool.tcp.maxConnections conflict with "tuner"\nci Apply',
        },
      ],
    },
    delete: {
      operationId: "delete",
      summary: "Delete an object",
      description:
        "The body may be DeleteOptions: its preconditions and its dry run hold. A Namespace takes what stands in it along, and a WorkloadGroup the WorkloadEntries of its workloads, unless `propagationPolicy` is `Orphan`. A DELETE of the collection deletes what the selectors select, in one namespace.",
      tags: ["Kubernetes API"],
      parameters: [...PLACE, NAME, DRY_RUN],
      responses: {
        "200": { description: "A Status of success.", content: OBJECT },
        ...errors("BadRequest", ...TOKEN_CHECKED, "Conflict", "Invalid"),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(`${RULES}/cats`, "-X DELETE"),
          "x-expect": { kind: "Status", status: "Success", details: { name: "cats", kind: "destinationrules" } },
        },
        {
          lang: "kubectl",
          source: "kubectl delete destinationrule dogs",
          "x-expect": 'destinationrule.networking.istio.io "dogs" deleted',
        },
        {
          lang: "javascript",
          source: module(
            ["KubernetesObjectApi"],
            `
${OBJECTS}
${HEAD_OF_FISH}
const { status } = await objects.delete(header);
console.log(status);`,
          ),
          "x-expect": "Success",
        },
      ],
    },
  },
};
