import { ExplainedRequest, WantedExplanation } from "./explain-bodies.ts";
import { curl, errors, type Content, type Operation, type Response } from "./operation.ts";

export const EXPLAIN_SENT = { WantedExplanation };
export const EXPLAIN_ANSWERED = { ExplainedRequest };

function json(name: keyof typeof EXPLAIN_SENT | keyof typeof EXPLAIN_ANSWERED): Content {
  return { "application/json": { schema: { $ref: `#/components/schemas/${name}` } } };
}

const EXPLAINED: Response = { description: "What was decided, and why.", content: json("ExplainedRequest") };

/** Why a request was answered as it was, or would be. */
export const EXPLAIN_OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api/v1/explain": {
    get: {
      operationId: "explainRecorded",
      summary: "Why a request was answered as it was",
      description:
        "Decides once more on its record, by the configuration that decided then, and tells each stage: the object, its field, the write that brought it in, what was compared, the first condition that failed. Of several hops the first that was refused or failed is told, else the last; `hops` lists all. Where there is no record the error says what the rings cover. An account of one namespace sees requests to its workloads whole, and those from them without the other side's policies. Every question is audited.",
      tags: ["Mesh"],
      parameters: [
        {
          name: "requestId",
          in: "query",
          description: "`x-request-id` of the answer, `request_id` of the access log.",
          schema: { type: "string" },
        },
        { name: "traceId", in: "query", description: "In its place: 32 hex digits.", schema: { type: "string" } },
        {
          name: "hop",
          in: "query",
          description: "Which of `hops`, from 0.",
          schema: { type: "integer", minimum: 0 },
        },
      ],
      responses: { "200": EXPLAINED, ...errors("BadRequest", "Forbidden", "NotFound") },
      "x-tulle-role": "viewer",
      "x-tulle-permission": "explain",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "What is not recorded",
          source: `${curl("/api/v1/explain?requestId=unknown").replace(" --fail-with-body", "")} -w '\\n%{http_code}\\n'`,
          "x-expect": "there is no record of `unknown`\n404",
        },
      ],
    },
    post: {
      operationId: "explainInvented",
      summary: "Why a request would be answered as it would be",
      description:
        "Decides as a gateway does on a request that nobody sent, by the newest configuration or an earlier generation, and tells each stage as `GET` does. Tokens, those of `jwt` and those that the request holds, count as signed by their issuers. An account of the caller's namespace alone gets one answer, `not_shown`, for all that come to the policies of what is called. Nothing is sent, counted, logged or remembered, but that somebody asked. The body is at most 128 KiB.",
      tags: ["Mesh"],
      requestBody: { required: true, content: json("WantedExplanation") },
      responses: {
        "200": EXPLAINED,
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden", "NotFound", "Invalid"),
      },
      "x-tulle-role": "viewer",
      "x-tulle-permission": "explain",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/explain",
            `--json '{"facts": {"host": "nobody.tour.svc.cluster.local", "path": "/a"}}'`,
          ),
          "x-expect": { verdict: { code: "no_route", status: 404 } },
        },
      ],
    },
  },
};
