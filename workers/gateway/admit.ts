import { answerOf } from "../../src/decide/answers.ts";
import { nextAttempt } from "../../src/decide/attempts.ts";
import { isBounded, type Ticket } from "../../src/resilience/pool.ts";
import type { Call } from "./call.ts";

/** What counts at most of a slot that was never given back, where the route has no timeout. */
export const LEASE_MS = 15 * 60_000;

/** Room for the end of the call to be noticed after the route's timeout. */
export const LEASE_SLACK_MS = 5_000;

/** A waiter looks this often by itself: another request's promise alone would not keep it alive. */
const LOOK_MS = 100;

/**
 * Step 5: picks the endpoint, and takes a slot in the concurrency limit of this caller and cluster, or waits for one. The end
 * of the call gives the slot back. Where no endpoint may be called nobody waits.
 */
export function admit<Reply>(call: Call<Reply>): Reply | null | Promise<Reply | null> {
  const { cluster, route, heldMs } = call.forward;
  // Its lease has ended: nobody would give back what is taken from here on.
  if (call.lease.ended) return call.gone();
  const now = Date.now();
  call.view = call.mesh.callers.view(call.caller, cluster);
  call.budget = call.view.budget;
  call.budget.begin(cluster.model.pool, now);
  call.turn = call.view.turns.first();
  const refused = pick(call, now);
  if (refused !== null) return refused;
  const settings = cluster.model.pool;
  if (!isBounded(settings)) return null;
  const { timeoutMs } = route.model;
  const admission = call.view.pool.enter(
    settings,
    now,
    timeoutMs === undefined ? LEASE_MS : timeoutMs + heldMs + LEASE_SLACK_MS,
  );
  if (admission.kind === "overflow") return call.answer(answerOf("overflow"));
  call.ticket = admission.ticket;
  return admission.kind === "running" ? null : wait(call, admission.ticket, timeoutMs ?? LEASE_MS);
}

/** For another attempt. @param now epoch ms */
export function pickAgain<Reply>(call: Call<Reply>, now: number): Reply | null {
  call.turn = call.view.turns.retry();
  return pick(call, now);
}

/** Picks by what is known of the endpoints now. @param now epoch ms */
export function pick<Reply>(call: Call<Reply>, now: number): Reply | null {
  const { forward, view, facts } = call;
  const next = nextAttempt(forward, call.history, view.at(now, call.whereabouts, call.turn), facts.seed);
  if (next.kind === "answer") return call.answer(next.answer);
  call.endpoint = next.endpoint;
  return null;
}

/** Wakes by the one who frees the slot, or by its own timer; the ticket alone says whether it is granted. */
async function wait<Reply>(call: Call<Reply>, ticket: Ticket, timeoutMs: number): Promise<Reply | null> {
  const { signal } = call;
  const until = Date.now() + timeoutMs;
  while (!ticket.granted) {
    if (signal?.aborted) return call.gone();
    const left = until - Date.now();
    if (left <= 0) return call.answer(answerOf("response_timeout"));
    const { promise, resolve } = Promise.withResolvers<void>();
    ticket.wake = resolve;
    await Promise.race([promise, scheduler.wait(Math.min(LOOK_MS, left))]);
  }
  if (signal?.aborted) return call.gone();
  // Meanwhile the endpoint may have been ejected, by those that ran before.
  return pick(call, Date.now());
}
