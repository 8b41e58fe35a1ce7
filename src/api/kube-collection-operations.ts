import {
  FISH,
  module,
  OBJECT,
  OBJECT_OR_YAML,
  OBJECTS,
  PLACE,
  query,
  ruleOf,
  RULES,
  RULES_OF,
  stored,
  TOKEN_CHECKED,
  WRITE,
} from "./kube-operation-parts.ts";
import { curl, errors, type Operation, withBody } from "./operation.ts";

// What every kind has as a whole, once, for the page and its samples. What kinds there are and how their objects look
// stands in the documents below `/k8s/openapi/`.

export const KUBE_COLLECTION_OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
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
        query(
          "labelSelector",
          "string",
          "As in Kubernetes: `app=web,tier!=db`, `app in (a, b)`; at most 100 requirements.",
        ),
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
};
