import { retryOf } from "../../src/decide/retry.ts";
import type { Result } from "../../src/routing/retries.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import type { Call } from "./call.ts";

/**
 * Decides on an attempt that ended: where another follows, it is settled, and the retry is taken out of the caller's budget.
 *
 * @param canRepeatBody what was sent can be sent again
 * @param asked milliseconds that the endpoint's answer says to wait, if it says any
 * @returns milliseconds to wait before the next attempt; null: the answer that is there stands
 */
export function takeRetry(call: Call, result: Result, canRepeatBody: boolean, asked: number | null): number | null {
  const { forward, facts, endpoint, journal, budget, attempt } = call;
  if (forward.route.retries === null) return null;
  const history = [...call.history, { endpoint, result }];
  const now = Date.now();
  const left = { method: facts.method, canRepeatBody, leftMs: call.deadline - now, retryAfterMs: asked };
  const verdict = retryOf(forward, history, left, facts.seed);
  if (verdict.kind === "stop") {
    if (verdict.flag !== null) {
      journal.notRetried = verdict.flag;
      tell(call, "limit_exceeded");
    }
    return null;
  }
  call.history = history;
  if (call.retrying) budget?.give();
  call.retrying = budget?.take(forward.cluster.model.pool, now) ?? false;
  if (!call.retrying) {
    // Envoy's flag for what the limits of retries hold back.
    journal.notRetried = "UO";
    tell(call, "over_budget");
    return null;
  }
  tell(call, "retried");
  if (call.plan !== null && attempt !== null) {
    const ended = { endpoint, cluster: forward.cluster.model, sentAt: journal.sentAt, endedAt: now, result };
    journal.tries = [...(journal.tries ?? []), ended];
  }
  attempt?.settle("ok", now);
  call.attempt = null;
  return verdict.waitMs;
}

function tell({ mesh, caller, forward }: Call, result: "retried" | "limit_exceeded" | "over_budget"): void {
  const cluster = forward.cluster.model.id;
  mesh.configuration.count(counterKey("tulle_retries_total", { source_principal: caller, cluster, result }));
}
