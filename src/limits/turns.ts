import type { Ask, Grant, Taken } from "./limiter.ts";
import { isGcra, type Rate } from "./rate.ts";

/** Of one key so many a second come back, of those that take some in advance, */
const PARTS_PER_SECOND = 400;
/** and of those that were refused, where each request is a call. */
const REFUSED_PER_SECOND = 200;
/** By what was asked for nobody waits longer: somebody may have taken the count back to zero. */
const MAX_WAIT_MS = 1_000;
/** Where so many ask that this is passed, those bounds give way. */
const MAX_TURN_MS = 60_000;
/** Keys whose turns are known; the oldest are forgotten. */
const MAX_KEYS = 1_000;

/** Epoch ms of the last turn that was given. */
interface Queue {
  /** By what those before will take, */
  readonly byAmount: number;
  /** and by how often they may ask. */
  readonly byCount: number;
}

/**
 * Who got less than they asked for is told when to ask again: one behind the other, each when what those before will take has come back.
 * So an object is called no more often by many isolates than by few, and each call gets what it asks for. In memory alone: nobody gets
 * more by it than there is.
 */
export class Turns {
  readonly #queues = new Map<string, Queue>();

  /** The same, with their turns. */
  given(asks: readonly Ask[], taken: Taken): Taken {
    const { at, ok } = taken;
    const waits = asks.map((ask, index) => this.#waits(ask, taken.grants[index], ok, at));
    if (!waits.includes(true)) return taken;
    const grants = taken.grants.map((grant, index) => {
      const ask = asks[index];
      return ask !== undefined && waits[index] ? { ...grant, restMs: this.#next(ask, at) } : grant;
    });
    return { ...taken, grants };
  }

  #waits(ask: Ask, grant: Grant | undefined, ok: boolean, now: number): boolean {
    if (grant === undefined || grant.retryAfterMs === Infinity) return false;
    if (grant.amount === 0) return true;
    if (!ok || ask.leaseMs === 0) return false;
    if (grant.amount < ask.want) return true;
    // While others wait, who has got a part asks for the next one behind them; but not where there is enough for all that come.
    return spareOf(ask, grant) < ask.want && startOf(this.#queues.get(ask.counter)?.byAmount, now) > now;
  }

  #next({ counter, rates, cost, want, leaseMs }: Ask, now: number): number {
    const before = this.#queues.get(counter);
    const amount = leaseMs > 0 ? timeOf(rates, Math.max(cost, want)) : 0;
    const byAmount = Math.min(now + MAX_WAIT_MS, startOf(before?.byAmount, now) + amount);
    const byCount = Math.min(
      now + MAX_TURN_MS,
      startOf(before?.byCount, now) + 1_000 / (leaseMs > 0 ? PARTS_PER_SECOND : REFUSED_PER_SECOND),
    );
    this.#queues.delete(counter);
    this.#queues.set(counter, { byAmount, byCount });
    const [oldest] = this.#queues.keys();
    if (this.#queues.size > MAX_KEYS && oldest !== undefined) this.#queues.delete(oldest);
    return Math.ceil(Math.max(byAmount, byCount) - now);
  }
}

/** A clock that went back begins anew. */
function startOf(end: number | undefined, now: number): number {
  return end === undefined || end > now + MAX_TURN_MS ? now : Math.max(now, end);
}

/** Milliseconds in which so much comes back. */
function timeOf(rates: readonly Rate[], amount: number): number {
  return rates.reduce((longest, { limit, windowMs }) => Math.max(longest, (amount * windowMs) / limit), 0);
}

/** What may still be taken in advance. */
function spareOf({ rates, leaseMs }: Ask, { rate: index = 0, left }: Grant): number {
  const rate = rates[index];
  return rate === undefined || !isGcra(rate) ? left : left - (leaseMs * rate.limit) / rate.windowMs;
}
