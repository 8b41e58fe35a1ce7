import { DEFAULT_MAX_RPS, MAX_MAX_RPS } from "../telemetry/tail-filter.ts";
import { CURL, errors, type Operation, type Parameter } from "./operation.ts";

function query(name: string, description: string, schema: Parameter["schema"] = { type: "string" }): Parameter {
  return { name, in: "query", description, schema };
}

/** Of live requests. */
export const TAIL_OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api/v1/tail": {
    get: {
      operationId: "tail",
      summary: "Live requests, each as it ends",
      description:
        "Server-sent events until the client goes, or its token ends: `ready` once, where all gateways that take requests show them (`all` is false where three seconds were not enough; `warnings` tell which conditions name a service, route or policy that there is not); `line` for each request, whose data is its record in the access log; `note` where some were left out, with `dropped` and the `reasons`. A comment comes every two seconds. Conditions must all hold. A token of one namespace sees its side of a request alone, as above. At most 20 are open at a time, 5 of one account; each is a row of the audit.",
      tags: ["Mesh"],
      parameters: [
        query("service", "Whom they call: `shop/reviews`, a host, or its first labels, such as `reviews.shop`."),
        query("route", "A route's name, or its first parts, such as `shop/reviews`."),
        query("status", "Statuses or classes of them: `404`, `5xx`, `4xx,503`."),
        query("principal", "Who calls: `namespace/account`, a SPIFFE ID, or `-` for callers without one."),
        query("policy", "`namespace/name` of the policy that decided."),
        query("path", "Whole, or with `*` at its end for all that begin so."),
        query("namespace", "Only requests to its workloads, or from them."),
        query("maxRps", "At most so many lines a second.", {
          type: "integer",
          minimum: 1,
          maximum: MAX_MAX_RPS,
          default: DEFAULT_MAX_RPS,
        }),
      ],
      responses: {
        "200": { description: "The events.", content: { "text/event-stream": { schema: { type: "string" } } } },
        ...errors("BadRequest", "Forbidden", "TooManyRequests"),
      },
      "x-tulle-role": "viewer",
      "x-tulle-permission": "tail",
      "x-codeSamples": [
        {
          lang: "curl",
          source: `timeout 4 ${CURL} -N \\\n  "$TULLE/api/v1/tail?status=5xx" || true`,
          "x-expect": "event: ready\ndata: {",
        },
      ],
    },
  },
};
