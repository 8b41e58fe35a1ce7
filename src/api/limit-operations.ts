import { z } from "zod";
import { curl, errors, type Operations, referring } from "./operation.ts";

const policy = z
  .string()
  .regex(/^[^/]{1,63}\/[^/]{1,253}$/)
  .describe("`namespace/name` of a RateLimitPolicy.");
const limit = z.string().min(1).max(63).describe("The name of one of its limits.");

export const ResetLimit = z.union([
  z.strictObject({
    policy,
    limit,
    key: z.array(z.string().max(256)).max(5).describe("The parts of the key, as text; empty where the limit has none."),
  }),
  z.strictObject({ counter: z.string().min(1).max(2_000).describe("As `counts` has it.") }),
]);

export const Limits = z.strictObject({
  counts: z
    .array(
      z.strictObject({
        counter: z.string().describe("By which the count is taken back."),
        namespace: z.string().describe("Of the policy."),
        policy: z.string().describe("Its name."),
        limit: z.string().describe("The limit's name."),
        target: z.string().describe("Which of the policy's targets; empty: all, which are counted together."),
        key: z
          .string()
          .describe(
            "A digest of what is counted by, 128 bits of SHA-256; `others`: all keys for which there was no room.",
          ),
        location: z.string().nullable().describe("Null: the mesh's count."),
        used: z
          .number()
          .min(0)
          .max(1)
          .describe("Which share of what may be taken at once, by the rate that leaves the least."),
        left: z.int().min(0).describe("Of that."),
        most: z.int().describe("What may be taken at once."),
        quota: z.int().describe("That rate's `limit`,"),
        windowSeconds: z.int().describe("and its window."),
        emptyAt: z.string().describe("When nothing of it is used any more, if nobody asks."),
        seenAt: z.string().describe("When it was last asked and told."),
      }),
    )
    .describe("Nearest to their limits first."),
  continue: z.string().nullable().describe("For the next page; null: this is the last."),
});

export const LimitsReset = z.strictObject({ counters: z.array(z.string()).describe("Those that are taken back.") });

export const LIMIT_SENT = { ResetLimit };
export const LIMIT_ANSWERED = { Limits, LimitsReset };

const { answer, body } = referring<keyof typeof LIMIT_SENT, keyof typeof LIMIT_ANSWERED>();

const COUNTER = `shop/api/per-client|Gateway/public|#${"0".repeat(32)}`;

/** How rate limits stand. */
export const LIMIT_OPERATIONS: Operations = {
  "/api/v1/limits": {
    get: {
      operationId: "limits",
      summary: "Who is how near to which rate limit",
      description:
        "Counts of RateLimitPolicies as the objects that count them told last, each at most every two seconds while it is asked: of each the 50 that are nearest. Those of scope `Local` are each isolate's own, and nobody tells of them. What is counted by is shown as a digest alone. A token of one namespace sees the counts of its own policies.",
      tags: ["Mesh"],
      parameters: [
        { name: "policy", in: "query", description: "Only of this one, `namespace/name`.", schema: { type: "string" } },
        { name: "limit", in: "query", description: "Only of limits of this name.", schema: { type: "string" } },
        {
          name: "most",
          in: "query",
          description: "At most so many.",
          schema: { type: "integer", minimum: 1, maximum: 1_000, default: 100 },
        },
        {
          name: "continue",
          in: "query",
          description: "Of the page before: counts move meanwhile, so one may be told twice or not at all.",
          schema: { type: "string" },
        },
      ],
      responses: { "200": answer("The counts.", "Limits"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "viewer",
      "x-codeSamples": [{ lang: "curl", source: curl("/api/v1/limits"), "x-expect": { counts: [] } }],
    },
  },
  "/api/v1/limits/reset": {
    post: {
      operationId: "resetLimit",
      summary: "Take a key's count back to zero",
      description:
        "By what is counted by, which is not written down, or by `counter`. The object that counts hears of it when it tells next, within some seconds of the next request; an isolate refuses by what it knew for a second more. It needs the right to update the policy, and is a row of the audit.",
      tags: ["Mesh"],
      requestBody: body("ResetLimit"),
      responses: {
        "202": answer("It is ordered.", "LimitsReset"),
        ...errors("BadRequest", "Forbidden", "NotFound", "RequestEntityTooLarge"),
      },
      "x-tulle-role": "editor",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/limits/reset", `-H 'Content-Type: application/json' -d '{"counter": "${COUNTER}"}'`),
          "x-expect": { counters: [COUNTER] },
        },
      ],
    },
  },
};
