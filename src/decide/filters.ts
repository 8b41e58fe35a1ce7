import type { RequestFacts } from "../request/facts.ts";
import { judgeOrigin } from "../routing/cors.ts";
import type { LinkedRoute } from "../snapshot/link.ts";
import { type Answer, answerOf } from "./answers.ts";
import type { Trace } from "./trace.ts";
import type { Decision, Forward } from "./types.ts";

/**
 * What stands between a destination's policies and its endpoints, in Envoy's order: the route's CORS policy.
 *
 * @param facts the request as it was routed
 * @param decision what becomes of it behind these: a call, or the answer that there is nobody to call
 */
export function filtered(
  { filters, model }: LinkedRoute,
  facts: RequestFacts,
  decision: Forward | Answer,
  trace: Trace | undefined,
): Decision {
  if (filters === null) return decision;
  const verdict = judgeOrigin(filters.cors, facts);
  if (verdict === null) return decision;
  trace?.saw("filter", model.name, verdict.kind === "preflight" ? "cors_preflight" : "origin allowed");
  if (verdict.kind === "preflight") {
    const { route, cluster } = decision;
    return { ...answerOf("cors_preflight", null, route, cluster), headers: verdict.headers };
  }
  const { changes } = verdict;
  if (decision.effect === "forward")
    return { ...decision, cors: changes, response: [...decision.response, ...changes] };
  const added = changes.map(({ name, value }) => [name, value] as const);
  return { ...decision, headers: [...decision.headers, ...added] };
}
