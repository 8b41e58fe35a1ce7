import {
  Applied,
  ApplyRefused,
  AssertionKeys,
  Audit,
  AuditVerified,
  Bootstrapped,
  Decided,
  Enrolled,
  Findings,
  JoinTokenMade,
  JwtSvid,
  MeshStatus,
  NonceMade,
  Registered,
  Revision,
  Revisions,
  RolledBack,
  SpiffeBundle,
  SessionMade,
  Sessions,
  SessionsEnded,
  Status,
  TokenMade,
  Tokens,
} from "./answers.ts";
import { CA_ANSWERED, CA_OPERATIONS, CA_SENT } from "./ca-operations.ts";
import { DASHBOARD_ANSWERED, DASHBOARD_OPERATIONS } from "./dashboard-operations.ts";
import { DESCRIBE_ANSWERED, DESCRIBE_OPERATIONS } from "./describe-operations.ts";
import { QUERY_ANSWERED, QUERY_OPERATIONS } from "./query-operations.ts";
import { TAIL_OPERATIONS } from "./tail-operations.ts";
import { WantedDecision } from "./decision-bodies.ts";
import { EXPLAIN_ANSWERED, EXPLAIN_OPERATIONS, EXPLAIN_SENT } from "./explain-operations.ts";
import { RECORD_OPERATIONS, RECORDS_ANSWERED } from "./record-operations.ts";
import {
  Listening,
  RegisteredWorkload,
  Rollback,
  WantedCertificate,
  WantedJoinToken,
  WantedJwtSvid,
  WantedRenewal,
  WantedSession,
  WantedToken,
  WorkloadAddress,
} from "./bodies.ts";
import {
  BARE_CURL,
  type Content,
  CURL,
  curl,
  DRY_RUN,
  errors,
  FIELD_MANAGER,
  jsonSchema,
  type JsonSchema,
  type Operation,
  type Parameter,
  pathParameter,
  type Response,
  withBody,
} from "./operation.ts";

/** By their names in the document. What is sent is read as `input`; what is answered is as `output` says. */
const SENT = {
  RegisteredWorkload,
  WorkloadAddress,
  WantedToken,
  WantedSession,
  WantedJoinToken,
  WantedCertificate,
  WantedRenewal,
  WantedJwtSvid,
  WantedDecision,
  Rollback,
  Listening,
  ...CA_SENT,
  ...EXPLAIN_SENT,
};
const ANSWERED = {
  Status,
  Applied,
  ApplyRefused,
  RolledBack,
  MeshStatus,
  TokenMade,
  SessionMade,
  Sessions,
  SessionsEnded,
  Bootstrapped,
  Tokens,
  JoinTokenMade,
  Enrolled,
  NonceMade,
  JwtSvid,
  SpiffeBundle,
  Revisions,
  Revision,
  Audit,
  AuditVerified,
  Decided,
  ...EXPLAIN_ANSWERED,
  ...RECORDS_ANSWERED,
  Findings,
  Registered,
  AssertionKeys,
  ...CA_ANSWERED,
  ...DASHBOARD_ANSWERED,
  ...DESCRIBE_ANSWERED,
  ...QUERY_ANSWERED,
};

export function plainSchemas(): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries([
    ...Object.entries(ANSWERED).map(([name, schema]) => [name, jsonSchema(schema, "output")] as const),
    ...Object.entries(SENT).map(([name, schema]) => [name, jsonSchema(schema, "input")] as const),
  ]);
}

function json(name: keyof typeof SENT | keyof typeof ANSWERED): Content {
  return { "application/json": { schema: { $ref: `#/components/schemas/${name}` } } };
}

function body(name: keyof typeof SENT) {
  return { required: true, content: json(name) } as const;
}

function answer(description: string, name: keyof typeof ANSWERED): Response {
  return { description, content: json(name) };
}

const TEXT: Content = { "text/plain": { schema: { type: "string" } } };
const ETAG = { ETag: { description: "The generation in quotes, for `If-Match`.", schema: { type: "string" } } };
const NOTHING: Response = { description: "Done; there is nothing to say." };

const IF_MATCH: Parameter = {
  name: "If-Match",
  in: "header",
  description: 'A generation in quotes, as in `"7"`: nothing is done where the configuration is of another one.',
  schema: { type: "string", pattern: '^(\\*|"\\d{1,15}")$' },
};

const ROW_ID = { type: "integer", minimum: 0 };

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

const WRENS = `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: wrens, namespace: tour }
spec: { template: { serviceAccount: wren, labels: { app: wren } } }`;

const MISSPELT = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: birds, namespace: tour }
spec: { hots: birds }`;

const BIRDS =
  '{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",\n    "metadata": {"name": "birds", "namespace": "tour"}, "spec": {"host": "birds"}}';

const CALL_OF_BIRDS =
  '{"facts": {"host": "birds.tour", "path": "/wren", "peer": {"principal": "cluster.local/ns/tour/sa/guide"}}}';

const YAML_BODY = "-H 'Content-Type: application/yaml' --data-binary @-";
const CODE_ONLY = "-o /dev/null -w '%{http_code}\\n'";
/** What there is to count on: the newest generation comes first in the answer. */
const GENERATION = `generation=$(${CURL} \\\n  "$TULLE/api/v1/status" | sed -E 's/^\\{"generation":([0-9]+).*/\\1/')`;

function field(name: string): string {
  return `sed -E 's/.*"${name}":"([^"]+)".*/\\1/'`;
}

/** Of the plain API, by path and method in lower case, in the order of the page. */
export const PLAIN_OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
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
  "/api/v1/audit": {
    get: {
      operationId: "audit",
      summary: "Who did what",
      description:
        "Writes, tokens, sessions, join tokens, certificates, and what of them was refused. Each row has the hash of the one before it; none is ever changed or deleted. Newest first; with `after` the oldest first. `next` is the `before`, or the `after`, of the next page.",
      tags: ["Mesh"],
      parameters: [
        { name: "after", in: "query", description: "Only rows with a larger `id`.", schema: ROW_ID },
        { name: "before", in: "query", description: "Only rows with a smaller `id`.", schema: ROW_ID },
        {
          name: "limit",
          in: "query",
          description: "At most so many; more than 1,000 are 1,000.",
          schema: { type: "integer", minimum: 1, default: 100 },
        },
        { name: "actor", in: "query", description: "Only what this one did.", schema: { type: "string" } },
        { name: "verb", in: "query", description: "Only this.", schema: { type: "string" } },
        {
          name: "target",
          in: "query",
          description: "Only what was done to this, as `targets` has it.",
          schema: { type: "string" },
        },
        { name: "from", in: "query", description: "Only since then, RFC 3339.", schema: { type: "string" } },
        { name: "to", in: "query", description: "Only until then, RFC 3339.", schema: { type: "string" } },
      ],
      responses: { "200": answer("The rows.", "Audit"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/audit?after=0"),
          "x-expect": { entries: [{ id: 1, actor: "bootstrap", verb: "create-token" }] },
        },
      ],
    },
  },
  "/api/v1/audit/verify": {
    get: {
      operationId: "verifyAudit",
      summary: "Whether the audit is what was written",
      description:
        "Works the chain of hashes out again, 5,000 rows an answer, and names the first row that is missing, changed or not chained to the one before. The chain's end is kept outside of the database as well: `breaks` tells when rows that had been seen there were gone or others, as after a restore of the database.",
      tags: ["Mesh"],
      parameters: [
        {
          name: "after",
          in: "query",
          description: "From the row behind this one on: `next` of the answer before.",
          schema: { ...ROW_ID, default: 0 },
        },
      ],
      responses: { "200": answer("What was found.", "AuditVerified"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/audit/verify"),
          "x-expect": { intact: true, broken: null, breaks: [], next: null },
        },
      ],
    },
  },
  "/api/v1/decide": {
    post: {
      operationId: "decide",
      summary: "What would become of a request",
      description:
        "Decides as a gateway does, by the newest configuration, on a request that nobody sent: which route it takes, which policy refuses it, which endpoints it may reach. Or on the record of one: rules that are newer than the record and want to know what it leaves out are named in a 422. Nothing is sent, counted, logged or remembered. Health is not looked at, nor which bindings a gateway has. A host that the scope does not list is a decision too: `no_route`. The body is at most 64 KiB.",
      tags: ["Mesh"],
      requestBody: body("WantedDecision"),
      responses: {
        "200": answer("The decision.", "Decided"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden", "Invalid"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/decide", `--json '${CALL_OF_BIRDS}'`),
          "x-expect": { decision: { effect: "answer", code: "no_route", status: 404 } },
        },
      ],
    },
  },
  ...EXPLAIN_OPERATIONS,
  ...RECORD_OPERATIONS,
  "/metrics": {
    get: {
      operationId: "metrics",
      summary: "All gateways' metrics, in Prometheus' text format",
      tags: ["Mesh"],
      responses: { "200": { description: "The sums of all gateways.", content: TEXT }, ...errors("Forbidden") },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/metrics"),
          "x-expect": "# TYPE istio_requests_total counter\ntulle_configuration_generation",
        },
        {
          lang: "kubectl",
          source: "kubectl get --raw /metrics",
          "x-expect": "# TYPE istio_requests_total counter",
        },
      ],
    },
  },
  "/healthz": {
    get: {
      operationId: "health",
      summary: "Whether control runs",
      tags: ["Mesh"],
      security: [],
      responses: { "200": { description: "It does.", content: TEXT } },
      "x-tulle-role": null,
      "x-codeSamples": [{ lang: "curl", source: `${BARE_CURL} "$TULLE/healthz"`, "x-expect": "ok" }],
    },
  },
  "/api/v1/gateways/{namespace}/{name}/listeners": {
    post: {
      operationId: "reportListeners",
      summary: "Say where a Gateway is listened for",
      description:
        "For whoever opens the ports of Gateways, such as the local edge: it becomes the Gateway's `status.addresses` and its condition `Programmed`. The role is what a write to `gateways/status` needs. This is no change of the configuration.",
      tags: ["Mesh"],
      parameters: [pathParameter("namespace", "The Gateway's."), pathParameter("name", "The Gateway's.")],
      requestBody: body("Listening"),
      responses: { "204": NOTHING, ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden", "NotFound") },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/gateways/tour/front/listeners",
            `--json '{"addresses": ["127.0.0.9"], "boundPorts": {"80": 20080}, "failed": []}'`,
            CODE_ONLY,
          ),
          "x-expect": "204",
        },
      ],
    },
  },
  "/api/v1/workload-groups/{namespace}/{name}/register": {
    post: {
      operationId: "registerWorkload",
      summary: "Register a workload of a WorkloadGroup",
      description:
        "Makes a WorkloadEntry of the group's template, named after group and address; the role is what a write of WorkloadEntries needs. The same call again renews it: nothing is stored as long as nothing differs and more than half of the lease is left. Without `ttlSeconds` the entry stays until it is deleted.",
      tags: ["Mesh"],
      parameters: [pathParameter("namespace", "The group's."), pathParameter("name", "The group's.")],
      requestBody: body("RegisteredWorkload"),
      responses: {
        "200": answer("It was registered before.", "Registered"),
        "201": answer("It is registered.", "Registered"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden", "NotFound", "Conflict", "Invalid"),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${withBody(curl("/api/v1/apply", "-o /dev/null", YAML_BODY), "YAML", WRENS)}\n${curl("/api/v1/workload-groups/tour/wrens/register", `--json '{"address": "binding:EP_WREN", "ttlSeconds": 600}'`)}`,
          "x-expect": { namespace: "tour", name: "wrens-binding-ep-wren", action: "created" },
        },
      ],
    },
  },
  "/api/v1/workload-groups/{namespace}/{name}/deregister": {
    post: {
      operationId: "deregisterWorkload",
      summary: "Deregister a workload of a WorkloadGroup",
      description: "Deletes the WorkloadEntry that it registered. An entry that no workload registered is left alone.",
      tags: ["Mesh"],
      parameters: [pathParameter("namespace", "The group's."), pathParameter("name", "The group's.")],
      requestBody: body("WorkloadAddress"),
      responses: {
        "204": NOTHING,
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden", "NotFound", "Conflict"),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/workload-groups/tour/wrens/deregister",
            `--json '{"address": "binding:EP_WREN"}'`,
            CODE_ONLY,
          ),
          "x-expect": "204",
        },
      ],
    },
  },
  "/api/v1/openapi.json": {
    get: {
      operationId: "openapi",
      summary: "This API as an OpenAPI 3.1 document",
      description:
        "What this page is made from, samples included. Kubernetes' own documents, with the schemas of all kinds, are below `/k8s/openapi/`.",
      tags: ["Mesh"],
      responses: {
        "200": {
          description: "The document.",
          headers: { ETag: { description: "For `If-None-Match`.", schema: { type: "string" } } },
          content: { "application/json": { schema: { type: "object" } } },
        },
        "304": { description: "It is the one that `If-None-Match` names." },
        ...errors(),
      },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/openapi.json"),
          "x-expect": { openapi: "3.1.0", info: { title: "Tulle" } },
        },
      ],
    },
  },
  "/api/v1/bootstrap": {
    post: {
      operationId: "bootstrap",
      summary: "An administrator's token, for the bootstrap secret",
      description:
        "For the first token of a deployment. `npm start` does this by itself, and keeps the secret in `.tulle/bootstrap.secret`; `tulle deploy` in `.tulle/deploy/MESH/bootstrap-secret`.",
      tags: ["Access"],
      security: [{ bootstrapSecret: [] }],
      responses: { "201": answer("The token, which never ends by itself.", "Bootstrapped"), ...errors() },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${BARE_CURL} -X POST \\\n  -H "Authorization: Bearer $(cat .tulle/bootstrap.secret)" "$TULLE/api/v1/bootstrap"`,
          "x-expect": '"token":"tulle_',
        },
      ],
    },
  },
  "/api/v1/tokens": {
    post: {
      operationId: "createToken",
      summary: "A new token for this API",
      tags: ["Access"],
      requestBody: body("WantedToken"),
      responses: {
        "201": answer("The token; only its hash is kept.", "TokenMade"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/tokens",
            `--json '{"name": "ci", "role": "editor", "namespace": "tour", "ttlSeconds": 3600}'`,
          ),
          "x-expect": { name: "ci", role: "editor", namespace: "tour" },
        },
      ],
    },
    get: {
      operationId: "listTokens",
      summary: "The tokens that were made, without their secrets",
      tags: ["Access"],
      responses: { "200": answer("All of them, revoked and expired ones too.", "Tokens"), ...errors("Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/tokens"),
          "x-expect": { tokens: [{ name: "ci", role: "editor", namespace: "tour", revokedAt: null }] },
        },
      ],
    },
  },
  "/api/v1/tokens/{id}": {
    delete: {
      operationId: "revokeToken",
      summary: "End a token now",
      tags: ["Access"],
      parameters: [pathParameter("id", "As the list has it.")],
      responses: { "204": NOTHING, ...errors("Forbidden", "NotFound") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: [
            `id=$(${curl("/api/v1/tokens", `--json '{"name": "short", "role": "viewer"}'`)} | ${field("id")})`,
            curl("/api/v1/tokens/$id", "-X DELETE", CODE_ONLY),
          ].join("\n"),
          "x-expect": "204",
        },
      ],
    },
  },
  "/api/v1/sessions": {
    post: {
      operationId: "signIn",
      summary: "A session for somebody's ID token",
      description:
        "The bearer token is the ID token of an issuer that `signIn` of the MeshConfig lists; behind Cloudflare Access its own header `Cf-Access-Jwt-Assertion` does. It makes one session (Access's may make more). A session's token is sent as any other, by kubectl too, and holds for 8 hours; what it may do is asked of the rules at every request.",
      tags: ["Access"],
      security: [{ idToken: [] }],
      requestBody: body("WantedSession"),
      responses: {
        "201": answer("The session; only its token's hash is kept.", "SessionMade"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden"),
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          label: "Without an ID token",
          source: `${BARE_CURL} -o /dev/null -w '%{http_code}\\n' --json '{"namespace": "tour"}' "$TULLE/api/v1/sessions" || true`,
          "x-expect": "401",
        },
      ],
    },
    get: {
      operationId: "listSessions",
      summary: "Who is signed in",
      tags: ["Access"],
      responses: { "200": answer("Those that hold, the oldest first.", "Sessions"), ...errors("Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [{ lang: "curl", source: curl("/api/v1/sessions"), "x-expect": { sessions: [] } }],
    },
    delete: {
      operationId: "endSessions",
      summary: "End all sessions of somebody now",
      tags: ["Access"],
      parameters: [
        { name: "issuer", in: "query", required: true, description: "As the list has it.", schema: { type: "string" } },
        {
          name: "subject",
          in: "query",
          required: true,
          description: "As the list has it.",
          schema: { type: "string" },
        },
      ],
      responses: { "200": answer("How many there were.", "SessionsEnded"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/sessions?issuer=https://login.example.com&subject=248289", "-X DELETE"),
          "x-expect": { ended: 0 },
        },
      ],
    },
  },
  "/api/v1/sessions/current": {
    delete: {
      operationId: "signOut",
      summary: "End the session whose token is sent",
      tags: ["Access"],
      responses: { "204": NOTHING, ...errors("BadRequest") },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "With an admin token, which is no session",
          source: `${curl("/api/v1/sessions/current", "-X DELETE", CODE_ONLY)} || true`,
          "x-expect": "400",
        },
      ],
    },
  },
  "/api/v1/sessions/{id}": {
    delete: {
      operationId: "endSession",
      summary: "End a session now",
      tags: ["Access"],
      parameters: [pathParameter("id", "As the list has it.")],
      responses: { "204": NOTHING, ...errors("Forbidden", "NotFound") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "One that there is not",
          source: `${curl("/api/v1/sessions/none", "-X DELETE", CODE_ONLY)} || true`,
          "x-expect": "404",
        },
      ],
    },
  },
  "/api/v1/join-tokens": {
    post: {
      operationId: "createJoinToken",
      summary: "A token that gets one workload, or one gateway, one certificate",
      tags: ["Access"],
      requestBody: body("WantedJoinToken"),
      responses: {
        "201": answer("The token; it can be used once.", "JoinTokenMade"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/join-tokens", `--json '{"namespace": "tour", "serviceAccount": "guide"}'`),
          "x-expect": { spiffeId: "spiffe://cluster.local/ns/tour/sa/guide" },
        },
      ],
    },
  },
  "/api/v1/enrol": {
    post: {
      operationId: "enrol",
      summary: "A certificate, for a join token or a token of an issuer",
      description:
        "The workload makes a key, which stays with it, and a request that is signed by it. `tulle cert enrol` does all of this in one step. In place of the join token goes a token of an OpenID Connect issuer for which there is an EnrolmentRule.",
      tags: ["Access"],
      security: [{ joinToken: [] }],
      requestBody: body("WantedCertificate"),
      responses: {
        "201": answer("The certificate: one URI, the workload's SPIFFE ID.", "Enrolled"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Invalid"),
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: [
            `token=$(${curl("/api/v1/join-tokens", `--json '{"namespace": "tour", "serviceAccount": "guide"}'`)} \\\n  | ${field("token")})`,
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \\\n  -keyout guide.key -subj / -out guide.csr 2>/dev/null",
            `${BARE_CURL} -H "Authorization: Bearer $token" \\\n  --json "{\\"csr\\": \\"$(awk '{printf "%s\\\\n", $0}' guide.csr)\\"}" "$TULLE/api/v1/enrol"`,
          ].join("\n"),
          "x-expect": { spiffeId: "spiffe://cluster.local/ns/tour/sa/guide" },
        },
      ],
    },
  },
  "/api/v1/bundle": {
    get: {
      operationId: "bundle",
      summary: "The mesh's own certificate",
      description: "What certificates of workloads are checked against. It is public.",
      tags: ["Access"],
      security: [],
      responses: {
        "200": { description: "PEM.", content: { "application/x-pem-file": { schema: { type: "string" } } } },
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${BARE_CURL} "$TULLE/api/v1/bundle"`,
          "x-expect": "-----BEGIN CERTIFICATE-----",
        },
      ],
    },
  },
  "/api/v1/nonces": {
    post: {
      operationId: "makeNonce",
      summary: "A nonce for one proof",
      description: "It counts once, for a minute.",
      tags: ["Access"],
      security: [],
      responses: { "201": answer("The nonce.", "NonceMade") },
      "x-tulle-role": null,
      "x-codeSamples": [
        { lang: "curl", source: `${BARE_CURL} -X POST "$TULLE/api/v1/nonces"`, "x-expect": '"nonce":' },
      ],
    },
  },
  "/api/v1/renew": {
    post: {
      operationId: "renew",
      summary: "A new certificate, for a good one",
      description:
        "Under the same SPIFFE ID, for the key of the request. The bearer token is a proof: a compact JWS by the key of the certificate that is held, over `aud`, `nonce`, `for: renew` and `csr`, the SHA-256 of the request; docs/identity.md tells more.",
      tags: ["Access"],
      security: [{ proof: [] }],
      requestBody: body("WantedRenewal"),
      responses: {
        "201": answer("The certificate.", "Enrolled"),
        ...errors("BadRequest", "Unauthorized", "RequestEntityTooLarge", "Invalid"),
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: [
            "openssl genpkey -algorithm ed25519 -out owl.key\nopenssl req -new -key owl.key -subj / -out owl.csr",
            `pem() { awk '{printf "%s\\\\n", $0}' "$1"; }\nb64() { openssl base64 -A | tr '+/' '-_' | tr -d =; }`,
            `token=$(${curl("/api/v1/join-tokens", `--json '{"namespace": "tour", "serviceAccount": "owl"}'`)} \\\n  | ${field("token")})`,
            `${BARE_CURL} -H "Authorization: Bearer $token" \\\n  --json "{\\"csr\\": \\"$(pem owl.csr)\\"}" "$TULLE/api/v1/enrol" > owl.json`,
            `nonce=$(${BARE_CURL} -X POST "$TULLE/api/v1/nonces" | ${field("nonce")})`,
            "csr=$(openssl req -in owl.csr -outform DER | openssl dgst -sha256 -binary | b64)",
            `claims='{"aud":"tulle://cluster.local","nonce":"'$nonce'","for":"renew","csr":"'$csr'"}'`,
            `printf '%s.%s' "$(printf '{"alg":"EdDSA"}' | b64)" "$(printf %s "$claims" | b64)" > owl.jws`,
            "proof=$(cat owl.jws).$(openssl pkeyutl -sign -inkey owl.key -rawin -in owl.jws | b64)",
            `${BARE_CURL} -H "Authorization: Bearer $proof" \\\n  --json "{\\"certificate\\": \\"$(${field("certificate")} < owl.json)\\",\n  \\"csr\\": \\"$(pem owl.csr)\\"}" "$TULLE/api/v1/renew"`,
          ].join("\n"),
          "x-expect": { spiffeId: "spiffe://cluster.local/ns/tour/sa/owl" },
        },
      ],
    },
  },
  "/api/v1/jwt-svid": {
    post: {
      operationId: "jwtSvid",
      summary: "A JWT-SVID for one audience, for a good certificate",
      description:
        "The bearer token is a proof: a compact JWS by the certificate's key, over `aud`, `nonce`, `for: jwt-svid` and `audience`; docs/identity.md tells more.",
      tags: ["Access"],
      security: [{ proof: [] }],
      requestBody: body("WantedJwtSvid"),
      responses: {
        "201": answer("The token; it holds for five minutes at most.", "JwtSvid"),
        ...errors("BadRequest", "Unauthorized", "RequestEntityTooLarge"),
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: [
            "b64() { openssl base64 -A | tr '+/' '-_' | tr -d =; }",
            `nonce=$(${BARE_CURL} -X POST "$TULLE/api/v1/nonces" | ${field("nonce")})`,
            "for=spiffe://cluster.local/ns/tour/sa/wrens",
            `claims='{"aud":"tulle://cluster.local","nonce":"'$nonce'","for":"jwt-svid","audience":"'$for'"}'`,
            `printf '%s.%s' "$(printf '{"alg":"EdDSA"}' | b64)" "$(printf %s "$claims" | b64)" > owl.jws`,
            "proof=$(cat owl.jws).$(openssl pkeyutl -sign -inkey owl.key -rawin -in owl.jws | b64)",
            `${BARE_CURL} -H "Authorization: Bearer $proof" \\\n  --json "{\\"certificate\\": \\"$(${field("certificate")} < owl.json)\\",\n  \\"audience\\": \\"$for\\"}" "$TULLE/api/v1/jwt-svid"`,
          ].join("\n"),
          "x-expect": { spiffeId: "spiffe://cluster.local/ns/tour/sa/owl" },
        },
      ],
    },
  },
  "/api/v1/spiffe-bundle": {
    get: {
      operationId: "spiffeBundle",
      summary: "The mesh's SPIFFE trust bundle",
      description:
        "A JWK set: what X.509-SVIDs and JWT-SVIDs of the mesh are checked against, in the profile `https_web`. It is public.",
      tags: ["Access"],
      security: [],
      responses: { "200": answer("The bundle.", "SpiffeBundle") },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${BARE_CURL} "$TULLE/api/v1/spiffe-bundle"`,
          "x-expect": '"use":"x509-svid"',
        },
      ],
    },
  },
  "/api/v1/assertion-keys": {
    get: {
      operationId: "assertionKeys",
      summary: "The gateways' public keys",
      description:
        "A JWK set: what services check the assertions of gateways by. While a key changes, old and new are both listed. It is public.",
      tags: ["Access"],
      security: [],
      responses: { "200": answer("The keys of all gateways.", "AssertionKeys") },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${BARE_CURL} "$TULLE/api/v1/assertion-keys"`,
          "x-expect": '"crv":"Ed25519"',
        },
      ],
    },
  },
  ...CA_OPERATIONS,
  ...DASHBOARD_OPERATIONS,
  ...DESCRIBE_OPERATIONS,
  ...QUERY_OPERATIONS,
  ...TAIL_OPERATIONS,
};
