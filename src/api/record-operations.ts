import { curl, errors, type Operations, type Parameter, referring } from "./operation.ts";
import { DecisionRecords, ErasedRecords } from "./record-bodies.ts";

export const RECORDS_ANSWERED = { DecisionRecords, ErasedRecords };

const { answer } = referring<never, keyof typeof RECORDS_ANSWERED>();

function query(name: string, description: string, schema: Parameter["schema"] = { type: "string" }): Parameter {
  return { name, in: "query", description, schema };
}

/** Decisions that were written down. */
export const RECORD_OPERATIONS: Operations = {
  "/api/v1/records": {
    get: {
      operationId: "readRecords",
      summary: "Decisions that gateways wrote down",
      description:
        "Samples: of each route, policy and code every call has the same chance, and `weight` tells for how many it stands. A ring a location, of the last 5,000 refusals, failures and good calls each, at most a day; `windows` says what is really there. Without Authorization, cookies and values of the query. An account of one namespace sees requests to its workloads whole, and of those from them neither facts nor the other side's policies: conditions hold for what it is shown. Every look is audited.",
      tags: ["Mesh"],
      parameters: [
        query("requestId", "Of the access log, and of the answer."),
        query("traceId", "32 hex digits."),
        query("kind", "`refused` by the gateway, `failed` with a status from 500 on, `passed`.", {
          type: "string",
          enum: ["refused", "failed", "passed"],
        }),
        query("principal", "Of the caller or of the accepted token, without `spiffe://`."),
        query("policy", "`NAMESPACE/NAME` of what decided."),
        query("code", "`details` of the access log."),
        query("gateway", "The deployment."),
        query("location", "Only this one's ring."),
        query("before", "Only those that came before: RFC 3339."),
        query("limit", "At most so many.", { type: "integer", minimum: 1, maximum: 500, default: 50 }),
      ],
      responses: { "200": answer("Those that are kept.", "DecisionRecords"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "viewer",
      "x-tulle-permission": "explain",
      "x-codeSamples": [
        { lang: "curl", source: curl("/api/v1/records?kind=refused&limit=5"), "x-expect": '{"records":[' },
      ],
    },
    delete: {
      operationId: "eraseRecords",
      summary: "Take out all records of one principal",
      description:
        "At every location; what is under way of it does not come back. For administrators of the mesh, and audited.",
      tags: ["Mesh"],
      parameters: [
        {
          ...query("principal", "Of the caller or of the accepted token, without `spiffe://`."),
          required: true,
        },
      ],
      responses: { "200": answer("How many there were.", "ErasedRecords"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "admin",
      "x-tulle-permission": "explain",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/records?principal=cluster.local/ns/tour/sa/gone", "-X DELETE"),
          "x-expect": { erased: 0 },
        },
      ],
    },
  },
};
