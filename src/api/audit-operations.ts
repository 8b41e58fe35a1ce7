import { z } from "zod";
import { Audit, AuditRestored, AuditVerified } from "./answers.ts";
import { curl, errors, type Operations, referring } from "./operation.ts";

export const AcceptedRestore = z.strictObject({
  seen: z
    .strictObject({ id: z.int().min(1), hash: z.string().regex(/^[0-9a-f]{64}$/) })
    .describe("The row that had been seen before, as `breaks` names it."),
  reason: z.string().max(256).default("").describe("For the audit."),
});
export const RESTORED_FORM = '{"seen": {"id": 812, "hash": "…"}, "reason"?: "back to 12:00"}';

export const AUDIT_SENT = { AcceptedRestore };
export const AUDIT_ANSWERED = { Audit, AuditRestored, AuditVerified };

const { body, answer } = referring<keyof typeof AUDIT_SENT, keyof typeof AUDIT_ANSWERED>();

const ROW_ID = { type: "integer", minimum: 0 };

/** Who did what. */
export const AUDIT_OPERATIONS: Operations = {
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
        "Works the chain of hashes out again, 5,000 rows an answer, and names the first row that is missing, changed or not chained to the one before. The chain's end is kept outside of the database as well: `breaks` tells when rows that had been seen there were gone or others, as after a restore of the database, and which of them an administrator has accepted.",
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
  "/api/v1/audit/restores": {
    post: {
      operationId: "acceptRestore",
      summary: "Say that the database was restored",
      description:
        "Of a break that `GET /api/v1/audit/verify` tells. It is a row of the audit, which holds what had been seen and what was found, and the chain goes on from there; the break is listed as accepted for as long as that row stands. Refused where no row that had been seen before is in the audit: that is no restore, and goes on being told.",
      tags: ["Mesh"],
      requestBody: body("AcceptedRestore"),
      responses: {
        "201": answer("The break, accepted.", "AuditRestored"),
        ...errors("BadRequest", "Forbidden", "NotFound", "Conflict", "RequestEntityTooLarge"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "What is refused",
          source: `${curl("/api/v1/audit/restores", `--json '{"seen": {"id": 1, "hash": "${"0".repeat(64)}"}}'`).replace(" --fail-with-body", "")} -w '\\n%{http_code}\\n'`,
          "x-expect": "no break of the audit is known\n404",
        },
      ],
    },
  },
};
