import { Pool, type Ticket, isBounded } from "../../src/resilience/pool.ts";
import type { Cluster } from "../../src/snapshot/model.ts";
import { type Call, callerOf } from "./call.ts";

/** What counts at most of a slot that was never given back, where the route has no timeout. */
const LEASE_MS = 15 * 60_000;

/** Room for the end of the call to be noticed after the route's timeout. */
const LEASE_SLACK_MS = 5_000;

/** A waiter looks this often by itself: another request's promise alone would not keep it alive. */
const LOOK_MS = 100;

/** By caller and cluster, as Envoy counts per proxy; an idle pool is forgotten. */
export type Pools = Map<string, Pool>;

/** How a call was let in: at once, after a wait (the endpoint must be chosen anew), or not; `gone` is its client. */
export type Admitted = "at_once" | "waited" | "overflow" | "timeout" | "gone";

/**
 * Step 5: takes a slot in the concurrency limit of this caller and cluster, or waits for one. The call's lease gives it back.
 *
 * @param timeoutMs the route's; the wait counts
 */
export async function admit(
  call: Call,
  cluster: Cluster,
  timeoutMs: number | undefined,
  pools: Pools,
): Promise<Admitted> {
  const { pool: settings } = cluster;
  if (!isBounded(settings)) return "at_once";
  const { signal } = call.request;
  // Its lease has ended: nobody would give the slot back.
  if (signal.aborted) return "gone";
  const key = `${callerOf(call)} ${cluster.id}`;
  let pool = pools.get(key);
  if (pool === undefined) {
    pool = new Pool();
    pools.set(key, pool);
  }
  const leaseMs = timeoutMs === undefined ? LEASE_MS : timeoutMs + LEASE_SLACK_MS;
  const admission = pool.enter(settings, Date.now(), leaseMs);
  if (admission.kind === "overflow") return "overflow";
  const { ticket } = admission;
  const entered = pool;
  call.release = () => {
    entered.leave(ticket, settings, Date.now());
    if (entered.running === 0 && entered.waiting === 0 && pools.get(key) === entered) pools.delete(key);
  };
  if (admission.kind === "running") return "at_once";
  return granted(ticket, timeoutMs ?? LEASE_MS, signal);
}

/** Wakes by the one who frees the slot, or by its own timer; the ticket alone says whether it is granted. */
async function granted(ticket: Ticket, timeoutMs: number, signal: AbortSignal): Promise<"waited" | "timeout" | "gone"> {
  const until = Date.now() + timeoutMs;
  while (!ticket.granted) {
    if (signal.aborted) return "gone";
    const left = until - Date.now();
    if (left <= 0) return "timeout";
    const { promise, resolve } = Promise.withResolvers<void>();
    ticket.wake = resolve;
    await Promise.race([promise, scheduler.wait(Math.min(LOOK_MS, left))]);
  }
  return signal.aborted ? "gone" : "waited";
}
