import { answerOf } from "../../src/decide/answers.ts";
import type { Result } from "../../src/routing/retries.ts";
import { LEASE_SLACK_MS, pickAgain } from "./admit.ts";
import { backendFor } from "./backend.ts";
import { takeRetry } from "./retry.ts";
import { RpcAttempt } from "./rpc-attempt.ts";
import type { RpcCall } from "./rpc-call.ts";

/** Step 6: calls the method of an endpoint, of another where the route's policy says so. */
export function sendRpc(call: RpcCall): Promise<unknown> {
  const { endpoint, forward, mesh } = call;
  // Its lease has ended: nobody would give back what is taken from here on.
  if (call.lease.ended) return Promise.reject(call.gone());
  if (endpoint.limit !== undefined && (call.view.active.get(endpoint.id) ?? 0) >= endpoint.limit)
    return Promise.reject(call.answer(answerOf("overflow")));
  const now = Date.now();
  if (call.deadline === 0) {
    call.deadline = now + (forward.route.model.timeoutMs ?? Number.POSITIVE_INFINITY);
    if (call.deadline !== Number.POSITIVE_INFINITY) mesh.openCalls.expect(call.lease, call.deadline + LEASE_SLACK_MS);
  }
  const backend = backendFor(endpoint.address, forward.origin, call.variant, mesh.env);
  call.journal.endpoint = endpoint;
  if (!backend?.worker) {
    const code = endpoint.address.kind === "binding" ? "binding_missing" : "rpc_endpoint";
    return tryAgain(call, UNSENT) ?? Promise.reject(call.answer(answerOf(code)));
  }
  call.journal.attempts += 1;
  call.journal.sentAt = now;
  const attempt = new RpcAttempt(call, endpoint, tryAgain);
  call.attempt = attempt;
  return attempt.perform(backend.worker, now);
}

const UNSENT: Result = { kind: "unsent" };

/** The failed attempt is gone before the next begins. */
function tryAgain(call: RpcCall, result: Result): Promise<unknown> | null {
  const waitMs = takeRetry(call, result, canRepeat(call.args), null);
  return waitMs === null ? null : sendAgain(call, waitMs);
}

async function sendAgain(call: RpcCall, waitMs: number): Promise<unknown> {
  await scheduler.wait(waitMs);
  let sent: Promise<unknown>;
  try {
    const refusal = pickAgain(call, Date.now());
    sent = refusal === null ? sendRpc(call) : Promise.reject(refusal);
  } catch (error) {
    throw call.broken(error);
  }
  return sent;
}

/** What is no primitive may be a stream that was read, or a stub that was given away: it is looked at by its type alone. */
function canRepeat(args: readonly unknown[] | null): boolean {
  return args === null || args.every((arg) => arg === null || (typeof arg !== "object" && typeof arg !== "function"));
}
