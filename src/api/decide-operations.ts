import { Decided } from "./answers.ts";
import { WantedDecision } from "./decision-bodies.ts";
import { curl, errors, type Operations, referring } from "./operation.ts";

export const DECIDE_SENT = { WantedDecision };
export const DECIDE_ANSWERED = { Decided };

const { body, answer } = referring<keyof typeof DECIDE_SENT, keyof typeof DECIDE_ANSWERED>();

const CALL_OF_BIRDS =
  '{"facts": {"host": "birds.tour", "path": "/wren", "peer": {"principal": "cluster.local/ns/tour/sa/guide"}}}';

/** What would be decided of a request that is written down. */
export const DECIDE_OPERATIONS: Operations = {
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
};
