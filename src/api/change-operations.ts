import { Applied, ApplyRefused, Findings, MeshStatus, Revision, Revisions, RolledBack } from "./answers.ts";
import { Rollback } from "./bodies.ts";
import {
  type Content,
  type Parameter,
  CURL,
  curl,
  DRY_RUN,
  errors,
  FIELD_MANAGER,
  pathParameter,
  withBody,
  YAML_BODY,
  type Operations,
  referring,
} from "./operation.ts";

export const CHANGE_SENT = { Rollback };
export const CHANGE_ANSWERED = { Applied, ApplyRefused, RolledBack, MeshStatus, Revisions, Revision, Findings };

const { body, answer } = referring<keyof typeof CHANGE_SENT, keyof typeof CHANGE_ANSWERED>();

const ETAG = { ETag: { description: "The generation in quotes, for `If-Match`.", schema: { type: "string" } } };
const IF_MATCH: Parameter = {
  name: "If-Match",
  in: "header",
  description: 'A generation in quotes, as in `"7"`: nothing is done where the configuration is of another one.',
  schema: { type: "string", pattern: '^(\\*|"\\d{1,15}")$' },
};

const OBJECTS: Content = {
  "application/yaml": { schema: { description: "A stream of documents." } },
  "application/json": {
    schema: {
      description: "One object, an array of them, or a `List`.",
      anyOf: [{ type: "object" }, { type: "array", items: { type: "object" } }],
    },
  },
};

const TOUR = `
apiVersion: v1
kind: Namespace
metadata: { name: tour }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: tour }
spec:
  selector: { istio: tour }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [tour.test] }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: birds, namespace: tour }
spec: { host: birds, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }`;

const MISSPELT = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: birds, namespace: tour }
spec: { hots: birds }`;

const BIRDS =
  '{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",\n    "metadata": {"name": "birds", "namespace": "tour"}, "spec": {"host": "birds"}}';

/** What there is to count on: the newest generation comes first in the answer. */
const GENERATION = `generation=$(${CURL} \\\n  "$TULLE/api/v1/status" | sed -E 's/^\\{"generation":([0-9]+).*/\\1/')`;

/** Changes of the configuration, their history, and what is found in it. */
export const CHANGE_OPERATIONS: Operations = {
  "/api/v1/apply": {
    post: {
      operationId: "apply",
      summary: "Store objects: all of them, or none",
      description:
        "Takes up to 500 documents and 1 MiB. Namespaces are stored before what stands in them, the rest as given. All of them are checked together with everything that is stored; one error refuses them all. What is stored already is `unchanged`. An object that names no namespace is of `default`.",
      tags: ["Mesh"],
      parameters: [DRY_RUN, FIELD_MANAGER, IF_MATCH],
      requestBody: { required: true, content: OBJECTS },
      responses: {
        "200": { ...answer("What became of each document, in their order.", "Applied"), headers: ETAG },
        ...errors("BadRequest", "PreconditionFailed", "RequestEntityTooLarge", "UnsupportedMediaType", "Conflict"),
        "422": answer("A document was refused, also for want of rights, and so none was stored.", "ApplyRefused"),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: withBody(curl("/api/v1/apply?fieldManager=ci", YAML_BODY), "YAML", TOUR),
          "x-expect": {
            results: [
              { kind: "Namespace", name: "tour", action: "created" },
              { kind: "Gateway", namespace: "tour", name: "front", action: "created" },
              {
                kind: "DestinationRule",
                namespace: "tour",
                name: "birds",
                action: "created",
                warnings: ["spec.host: there is no service `birds.tour.svc.cluster.local` yet [TULLE0105]"],
              },
            ],
          },
        },
        {
          lang: "kubectl",
          source: withBody("kubectl apply -f -", "YAML", TOUR),
          "x-expect": "namespace/tour\ndestinationrule.networking.istio.io/birds",
        },
        {
          lang: "curl",
          label: "Only while nothing else was changed",
          source: `${GENERATION}\n${curl("/api/v1/apply", '-H "If-Match: \\"$generation\\""', `--json '${BIRDS}'`)}`,
          "x-expect": { results: [{ name: "birds", action: "configured" }] },
        },
        {
          lang: "curl",
          label: "What is refused",
          source: withBody(
            `${curl("/api/v1/apply", YAML_BODY).replace(" --fail-with-body", "")} -w '\\n%{http_code}\\n'`,
            "YAML",
            MISSPELT,
          ),
          "x-expect":
            '"message":"nothing was stored: line 1: DestinationRule.networking.istio.io \\"birds\\" is invalid: spec.hots: unknown field"\n422',
        },
      ],
    },
  },
  "/api/v1/status": {
    get: {
      operationId: "status",
      summary: "The mesh's generation, and which one each gateway has",
      tags: ["Mesh"],
      responses: { "200": answer("How the mesh is.", "MeshStatus"), ...errors("Forbidden") },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        { lang: "curl", source: curl("/api/v1/status"), "x-expect": '{"generation":\n"gateways":[' },
        { lang: "kubectl", source: "kubectl get --raw /api/v1/status", "x-expect": '{"generation":\n"gateways":[' },
      ],
    },
  },
  "/api/v1/findings": {
    get: {
      operationId: "findings",
      summary: "What is wrong with what is stored",
      description:
        "Of every object that the token reaches, each among all others, as it is now; what an object silences is left out. A token of one namespace hears of that one. [findings.md](findings.md) has every code.",
      tags: ["Mesh"],
      parameters: [
        { name: "namespace", in: "query", description: "Only what stands in it.", schema: { type: "string" } },
      ],
      responses: { "200": answer("The findings.", "Findings"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/findings"),
          "x-expect": '"code":"TULLE0105","name":"UnknownRuleHost"',
        },
      ],
    },
  },
  "/api/v1/revisions": {
    get: {
      operationId: "listRevisions",
      summary: "What was changed, newest first",
      description:
        "Each write that changed the configuration is one generation. What the mesh itself writes into `status` makes none.",
      tags: ["Mesh"],
      parameters: [
        {
          name: "limit",
          in: "query",
          description: "At most so many.",
          schema: { type: "integer", minimum: 1, maximum: 500, default: 50 },
        },
        { name: "before", in: "query", description: "Only older ones.", schema: { type: "integer", minimum: 1 } },
      ],
      responses: { "200": answer("The generations.", "Revisions"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/revisions?limit=3"),
          "x-expect": { revisions: [{ actor: "admin", verb: "apply" }] },
        },
      ],
    },
  },
  "/api/v1/revisions/{generation}": {
    get: {
      operationId: "readRevision",
      summary: "Which objects one generation changed",
      tags: ["Mesh"],
      parameters: [{ ...pathParameter("generation", "As the list has it."), schema: { type: "integer", minimum: 1 } }],
      responses: { "200": answer("The generation.", "Revision"), ...errors("Forbidden", "NotFound") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/revisions/1"),
          "x-expect": { generation: 1, changes: [{ type: "ADDED", kind: "Namespace", name: "default" }] },
        },
      ],
    },
  },
  "/api/v1/rollback": {
    post: {
      operationId: "rollback",
      summary: "Make all objects what they were at a generation, as a new one",
      description:
        "Objects that there were not at that generation are deleted. Their `status` and `resourceVersion` do not go back. The result is checked like any other write.",
      tags: ["Mesh"],
      parameters: [DRY_RUN, IF_MATCH],
      requestBody: body("Rollback"),
      responses: {
        "200": { ...answer("What it changed.", "RolledBack"), headers: ETAG },
        ...errors(
          "BadRequest",
          "RequestEntityTooLarge",
          "Forbidden",
          "NotFound",
          "Conflict",
          "PreconditionFailed",
          "Invalid",
        ),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "Undo the last change, as a dry run",
          source: `${GENERATION}\n${curl("/api/v1/rollback?dryRun=All", '--json "{\\"generation\\": $((generation - 1))}"')}`,
          "x-expect": { results: [{ kind: "DestinationRule", name: "birds", action: "configured" }] },
        },
      ],
    },
  },
};
