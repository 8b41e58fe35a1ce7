import { z } from "zod";

// What `/api/v1/records` answers.

const time = z.string().describe("RFC 3339.");
const nullableTime = z.string().nullable().describe("RFC 3339; null: nothing is kept.");
const plain = z.record(z.string(), z.unknown());

export const RecordWindows = z
  .array(
    z.strictObject({
      location: z.string(),
      from: nullableTime,
      to: nullableTime,
      records: z.int().min(0),
    }),
  )
  .describe("What the ring of each location really covers.");

const Outcome = z.strictObject({
  verdict: z.string().describe("`forward`, or the code of the gateway's answer."),
  policy: z.string().nullable(),
  status: z.int(),
  flag: z.string(),
  details: z.string().describe("As in the access log."),
  route: z.string().nullable(),
  cluster: z.string().nullable(),
  endpoint: z.string().nullable(),
  attempts: z.int(),
  durationMs: z.number(),
  requestPrincipal: z.string().nullable(),
});

const KeptDecision = z.strictObject({
  requestId: z.string(),
  traceId: z.string().describe("Empty where the request was refused before its trace was read."),
  at: time,
  kind: z.enum(["refused", "failed", "passed"]),
  gateway: z.string(),
  location: z.string(),
  generation: z.int(),
  scope: z.string(),
  slice: z.string().nullable().describe("Id of the configuration that decided; null: none was found."),
  destination: z.string().nullable().describe("Namespace of what was called."),
  weight: z.number().describe("So many calls of its route, policy and code it stands for."),
  facts: plain.nullable().describe("As `facts` of `POST /api/v1/decide`; null where nothing was decided by rules."),
  came: plain.optional().describe("What came, where there are no facts."),
  readings: plain.optional().describe("What was read of breakers and balancer."),
  outcome: Outcome,
});

export const DecisionRecords = z.strictObject({
  records: z.array(KeptDecision).describe("Newest first."),
  windows: RecordWindows,
});

export const ErasedRecords = z.strictObject({ erased: z.int().min(0).describe("Records that were taken out.") });
