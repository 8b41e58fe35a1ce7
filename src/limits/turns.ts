import type { Ask, Grant, Taken } from "./limiter.ts";
import { isGcra, type Rate } from "./rate.ts";
import { LONG_REST_MS, MAX_REST_MS, MAX_TURN_MS } from "./rests.ts";

/** Of one key so many isolates a second come back that make one call each, as who takes some in advance, or has rested for long; */
const ISOLATES_PER_SECOND = 400;
/** or fewer where its object is called for others, too: so many in all, but always twice as many as bring what the limit lets through. */
const CALLS_PER_SECOND = 450;
const LEAST_PER_SECOND = 200;
/** Of requests that were refused, where each is a call. */
const REFUSED_PER_SECOND = 200;
/** Keys whose turns are known; the oldest are forgotten. */
const MAX_KEYS = 1_000;

/** Epoch ms of the last turn that was given. */
interface Queue {
  /** When that was. */
  readonly at: number;
  /** By what those before will take, or by how many were refused: a second ahead at most, as calls say nothing of how many isolates make them; */
  readonly byCall: number;
  /** and by how many isolates wait. */
  readonly byIsolate: number;
}

/**
 * Who got less than they asked for is told when to ask again: one behind the other, each when what those before will take has come back.
 * So an object is called no more often by many isolates than by few, and each call gets what it asks for. In memory alone: nobody gets
 * more by it than there is.
 */
export class Turns {
  readonly #queues = new Map<string, Queue>();
  /** Calls that no isolate was given a turn for, and since when they are counted. */
  #others = 0;
  #since = Number.NEGATIVE_INFINITY;
  /** How many there were a second, the last time and the one before: what is but a rush does not count. */
  #othersPerSecond: readonly [number, number] = [0, 0];

  /** The same, with their turns. */
  given(asks: readonly Ask[], taken: Taken): Taken {
    const { at, ok } = taken;
    const waits = asks.map((ask, index) => this.#waits(ask, taken.grants[index], ok, at));
    this.#count(asks.some((ask, index) => waits[index] && isOne(ask)) ? 0 : 1, at);
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
    if (!ok) return false;
    const waitMs = startOf(this.#queues.get(ask.counter), "byCall", now) - now;
    // Who has rested for long would be refused by its next call, or take what others come for.
    if (ask.leaseMs === 0) return ask.again === true && (grant.left < ask.cost || waitMs > LONG_REST_MS);
    if (grant.amount < ask.want) return true;
    // While others wait, who has got a part asks for the next one behind them; but not where there is enough for all that come.
    return spareOf(ask, grant) < ask.want && waitMs > 0;
  }

  #count(others: number, now: number): void {
    const ms = now - this.#since;
    if (ms >= 1_000 || ms < 0) {
      this.#othersPerSecond = ms < 0 ? [0, 0] : [(this.#others * 1_000) / ms, this.#othersPerSecond[0]];
      this.#others = 0;
      this.#since = now;
    }
    this.#others += others;
  }

  #next(ask: Ask, now: number): number {
    const { counter, rates, cost, want, leaseMs } = ask;
    const before = this.#queues.get(counter);
    const takes = leaseMs > 0 ? timeOf(rates, Math.max(cost, want)) : 1_000 / REFUSED_PER_SECOND;
    const byCall = Math.min(now + MAX_REST_MS, startOf(before, "byCall", now) + takes);
    const enough = Math.max(LEAST_PER_SECOND, leaseMs > 0 ? 2_000 / takes : 0);
    const left = Math.max(enough, CALLS_PER_SECOND - Math.min(...this.#othersPerSecond));
    const start = startOf(before, "byIsolate", now);
    const next = Math.min(now + MAX_TURN_MS, start + 1_000 / Math.min(ISOLATES_PER_SECOND, left));
    const byIsolate = isOne(ask) ? next : start;
    this.#queues.delete(counter);
    this.#queues.set(counter, { at: now, byCall, byIsolate });
    const [oldest] = this.#queues.keys();
    if (this.#queues.size > MAX_KEYS && oldest !== undefined) this.#queues.delete(oldest);
    return Math.ceil((isOne(ask) ? Math.max(byCall, byIsolate) : byCall) - now);
  }
}

/** No other call of its isolate is under way. */
function isOne({ leaseMs, again }: Ask): boolean {
  return leaseMs > 0 || again === true;
}

/** A clock that went back begins anew: by turns from before it all would wait for as long as that went back. */
function startOf(queue: Queue | undefined, by: "byCall" | "byIsolate", now: number): number {
  return queue === undefined || now < queue.at ? now : Math.max(now, queue[by]);
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
