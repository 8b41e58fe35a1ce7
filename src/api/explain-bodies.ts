import { z } from "zod";
import { AskedRequest } from "./decision-bodies.ts";
import { RecordWindows } from "./record-bodies.ts";

// What `/api/v1/explain` reads and answers.

/** What `POST /api/v1/explain` reads. */
export const WantedExplanation = AskedRequest.extend({
  at: z.int().min(1).optional().describe("Generation of the configuration that decides. Absent: the newest."),
  as: z
    .string()
    .max(2_060)
    .optional()
    .describe("Who calls: a SPIFFE ID, with `spiffe://` or without. In the place of `facts.peer`."),
  jwt: z
    .array(z.string().max(16_384))
    .max(5)
    .default([])
    .describe("Tokens, compact. They count as signed by their issuers; those that have ended are refused."),
});

const Compared = z.strictObject({
  field: z.string().describe("Below the rule or match block."),
  of: z.string().describe("What of the request is compared: `path`, `source principal`."),
  actual: z.string().nullable().describe("What the request has; null: nothing."),
  wanted: z.array(z.string()).describe("One of these; of a field that begins with `not`, none of these."),
  holds: z.boolean().nullable().describe("Null: the record does not say."),
});

const ObjectName = z.strictObject({ kind: z.string(), namespace: z.string(), name: z.string() });

const ExplainedStage = z.strictObject({
  stage: z.enum([
    "request",
    "listener",
    "identity",
    "tls",
    "key",
    "jwt",
    "custom",
    "deny",
    "allow",
    "mtls",
    "route",
    "filter",
    "limit",
    "mirror",
    "shadow",
    "breakers",
    "endpoint",
  ]),
  at: z.enum(["gateway", "destination"]).nullable().describe("Whose policies; null: nobody's."),
  outcome: z
    .enum(["passed", "refused", "matched", "missed", "told", "unknown"])
    .describe("`refused` ended it; `told` is of policies that enforce nothing; `unknown`: the record does not say."),
  detail: z.string().describe("In words."),
  object: ObjectName.nullable().describe("What was looked at; null: no object."),
  field: z.string().nullable().describe("Path within the object: of the condition that failed, else of the rule."),
  revision: z
    .strictObject({ generation: z.int(), at: z.string(), actor: z.string() })
    .nullable()
    .describe("The write that brought the object to this; null: the history does not say."),
  compared: z.array(Compared),
  failed: Compared.nullable().describe("The first condition that failed."),
});

const verdict = z.strictObject({
  effect: z.enum(["answer", "forward"]),
  code: z
    .string()
    .describe(
      "`forward`, or the code of the answer, as in the access log. `refused`: by policies of the other side, which an account of the caller's namespace does not see. `not_shown`: such an account is not told what they would make of a request that nobody sent.",
    ),
  status: z.int().nullable().describe("Of an answer of the gateway's own."),
  policy: z.string().nullable(),
  route: z.string().nullable(),
  cluster: z.string().nullable(),
});

const Hop = z.strictObject({
  requestId: z.string(),
  traceId: z.string(),
  at: z.string(),
  gateway: z.string(),
  location: z.string(),
  host: z.string(),
  code: z.string(),
  status: z.int(),
});

export const ExplainedRequest = z.strictObject({
  verdict,
  generation: z.int(),
  scope: z.string().describe("Where the host was found, or looked for first."),
  host: z.string(),
  slice: z.string().nullable().describe("Id of the configuration that decided; null: none lists the host."),
  request: z
    .strictObject({
      protocol: z.enum(["http", "workers-rpc"]),
      method: z.string(),
      scheme: z.enum(["http", "https"]),
      authority: z.string(),
      port: z.int(),
      path: z.string().describe("Canonical: what rules are matched with."),
      query: z.string().describe("Names alone."),
      principal: z.string().nullable(),
      clientIp: z.string().nullable(),
    })
    .nullable()
    .describe("Null: it could not be read, or its host is not listed."),
  stages: z.array(ExplainedStage).describe("In the order in which they were looked at."),
  endpoints: z
    .array(z.strictObject({ endpoint: z.string(), workload: z.string(), weight: z.int() }))
    .describe("Those that may be called, if all are healthy."),
  record: z
    .strictObject({
      requestId: z.string(),
      traceId: z.string(),
      at: z.string(),
      kind: z.enum(["refused", "failed", "passed"]),
      gateway: z.string(),
      location: z.string(),
      weight: z.number(),
      status: z.int(),
      flag: z.string(),
      details: z.string(),
      endpoint: z.string().nullable(),
      attempts: z.int(),
      durationMs: z.number(),
      code: z.string().describe("The gateway's verdict then."),
      agrees: z.boolean().nullable().describe("Whether it is decided the same again; null: it was not decided again."),
    })
    .nullable()
    .describe("Null: nobody sent this request."),
  hops: z.array(Hop).describe("All records of the request or trace, the oldest first."),
  windows: RecordWindows,
});
