import {
  HEAD_OF_FISH,
  module,
  NAME,
  OBJECT,
  OBJECT_OR_YAML,
  OBJECTS,
  PATCHES,
  PLACE,
  query,
  ruleOf,
  RULES,
  RULES_OF,
  stored,
  TOKEN_CHECKED,
  WRITE,
} from "./kube-operation-parts.ts";
import { CURL, curl, DRY_RUN, errors, type Operation, withBody } from "./operation.ts";

/** What each object has. */
export const KUBE_OBJECT_OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
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
