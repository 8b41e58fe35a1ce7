import type { Value } from "../match/expression.ts";
import type { LimitAnswer } from "./limit-answer.ts";
import { NOTHING_TAKEN, standing } from "./counter.ts";
import { KeptCounters } from "./kept-counters.ts";
import { giveBack, Lease, type Part } from "./lease.ts";
import { type Ask, chargeAll, type Grant, refundAll, takeAll, type Taken } from "./limiter.ts";
import type { LimitsFact, TakenLimit } from "./limits-fact.ts";
import { burstOf, fadesMs, isDear, leaseMs, type Rate, ratesText, usedIn } from "./rate.ts";
import { LONG_REST_MS, MAX_REST_MS, MAX_TURN_MS } from "./rests.ts";

/** One limit that a request is asked about. */
export interface LimitAsk {
  /** `namespace/policy/limit`. */
  readonly name: string;
  readonly scope: "GLOBAL" | "LOCATION" | "LOCAL";
  /** The counter of its key; and that of all keys for which there is no room. */
  readonly counter: string;
  readonly shared: string;
  readonly rates: readonly Rate[];
  readonly cost: number;
  /** What is over is told, and refuses nothing. */
  readonly audit: boolean;
  /** Where nobody can be asked it refuses. */
  readonly closed: boolean;
  /** What it counts by is not there: it refuses, and charges nothing. */
  readonly missing: boolean;
  /** A request waits so long for it. */
  readonly timeoutMs: number;
  /** What its answer costs besides, once that is there. Absent: nothing. */
  readonly answerCost?: (answer: LimitAnswer) => Value;
}

/** What must be asked of the limiter. What the isolate counts by itself is charged meanwhile. */
export interface Asking {
  readonly kind: "asking";
  readonly asks: readonly LimitAsk[];
  /** Which of them are asked about, and how. */
  readonly remote: readonly { readonly index: number; readonly ask: Ask }[];
  readonly own: { readonly asks: readonly Ask[]; readonly taken: Taken; readonly indexes: readonly number[] };
  /** Of leases. */
  readonly used: readonly { readonly part: Part | null; readonly cost: number }[];
  /** Of those that are audited: known to be over, or to lack what they count by. */
  readonly known: readonly { readonly index: number; readonly retryAfterMs: number }[];
  readonly at: number;
}

/** Keys that an isolate counts by itself, */
const MAX_OWN = 20_000;
/** of which it has a lease, */
const MAX_LEASES = 1_000;
/** and of which it knows that they are used up. The oldest of these two are forgotten. */
const MAX_REFUSED = 20_000;

/** What is known of a count that is used up. */
interface Refused {
  /** Who costs less may have room. */
  readonly cost: number;
  /** Epoch ms: when that was, */
  readonly since: number;
  /** when there is room, */
  readonly freeAt: number;
  /** and until when nobody asks whether there is. */
  readonly until: number;
  /** It is for so long that many isolates may wait: one request alone asks then. */
  readonly isLong: boolean;
}

/** What is known of a count is known of it by these rates alone: others leave other room. */
export function nameOfRated({ counter, rates }: Pick<Ask, "counter" | "rates">): string {
  return `${ratesText(rates)}|${counter}`;
}

/** What one isolate knows of limits: its own counters, what it took in advance, and what it knows to be used up. */
export class LimitBook {
  readonly #own = new KeptCounters(MAX_OWN);
  readonly #leases = new Map<string, Lease>();
  readonly #refused = new Map<string, Refused>();

  /** Takes what can be taken here. @returns what came of it, or what must be asked of the limiter */
  begin(asks: readonly LimitAsk[], now: number): LimitsFact | Asking {
    const [only] = asks;
    return (only !== undefined && asks.length === 1 && this.#inAdvance(only, now)) || this.#begin(asks, now);
  }

  /** Most requests have one limit, of which there is enough here. @returns null, and nothing is charged: the long way tells */
  #inAdvance(one: LimitAsk, now: number): LimitsFact | null {
    if (one.missing || one.scope === "LOCAL") return null;
    const name = nameOfRated(one);
    const lease = this.#leases.get(name);
    if (lease === undefined || this.#refused.has(name) || isDear(one.rates, one.cost, leaseMs(one.rates))) return null;
    const left = lease.left(now);
    if (left < one.cost) return null;
    lease.saw(one.cost, now);
    lease.use(one.cost);
    return {
      limits: [takenOf(one, { amount: 1, left: left - one.cost, resetMs: 0, retryAfterMs: 0 }, "taken")],
    };
  }

  #begin(asks: readonly LimitAsk[], now: number): LimitsFact | Asking {
    const here: number[] = [];
    const remote: { index: number; ask: Ask }[] = [];
    const leased: { lease: Lease; cost: number }[] = [];
    const known: { index: number; retryAfterMs: number }[] = [];
    asks.forEach((one, index) => {
      if (one.missing) return void known.push({ index, retryAfterMs: 0 });
      if (one.scope === "LOCAL") return void here.push(index);
      const wait = this.#knownWait(one, now);
      if (wait > 0) return void known.push({ index, retryAfterMs: wait });
      const lease = this.#leaseFor(one, now);
      if (lease !== null && lease.left(now) >= one.cost) leased.push({ lease, cost: one.cost });
      else remote.push({ index, ask: this.#askOf(one, lease, now) });
    });
    const refused = known.find(({ index }) => asks[index]?.audit === false);
    if (refused !== undefined) return this.#refusal(asks, refused, now);
    const ownAsks = here.flatMap((index) => this.#ownAsk(asks[index], now));
    const taken = takeAll(this.#own, ownAsks, now);
    const over = taken.grants.findIndex(({ amount }, at) => amount === 0 && ownAsks[at]?.audit === false);
    if (over >= 0)
      return this.#refusal(asks, { index: here[over] ?? 0, retryAfterMs: taken.grants[over]?.retryAfterMs ?? 0 }, now);
    const used = leased.map(({ lease, cost }) => ({ part: lease.use(cost), cost }));
    for (const { index, ask } of remote) if (ask.again === true) this.#askAgain(asks[index], now);
    const asking: Asking = {
      kind: "asking",
      asks,
      remote,
      own: { asks: ownAsks, taken, indexes: here },
      used,
      known,
      at: now,
    };
    return remote.length === 0 ? this.settle(asking, { ok: true, grants: [], at: now }, now) : asking;
  }

  /**
   * What an answer costs: nothing stands in its way. @returns what must be charged by the limiter, null: it is done here. Of what was
   * taken in advance it is paid as far as there is enough.
   */
  owe(one: LimitAsk, cost: number, now: number): Ask | null {
    const lease = one.scope === "LOCAL" ? undefined : this.#leases.get(nameOfRated(one));
    if (lease !== undefined && lease.left(now) >= cost) {
      lease.use(cost);
      return null;
    }
    const ask = { counter: one.counter, rates: one.rates, cost, want: cost, leaseMs: 0, audit: one.audit };
    if (one.scope !== "LOCAL") return ask;
    this.oweHere(one, cost, now);
    return null;
  }

  /** The limiter cannot be asked: it counts where requests are counted then. */
  oweHere(one: LimitAsk, cost: number, now: number): void {
    chargeAll(this.#own, this.#ownAsk({ ...one, cost }, now), now);
  }

  /** Nobody is asked after all: what was charged here is given back. */
  cancel(asking: Asking, now: number): void {
    this.#answered(asking);
    this.#giveBack(asking, now);
  }

  /** The limiter has answered. */
  settle(asking: Asking, taken: Taken, now: number): LimitsFact {
    const { asks, remote } = asking;
    this.#answered(asking);
    const grants: (Grant | undefined)[] = asks.map(() => undefined);
    remote.forEach(({ index, ask }, at) => {
      const grant = taken.grants[at];
      const one = asks[index];
      if (grant === undefined || one === undefined) return;
      if (grant.skipped !== true) grants[index] = grant;
      const lease = ask.leaseMs > 0 ? this.#leases.get(nameOfRated(one)) : undefined;
      if (grant.amount === 0 && lease !== undefined) lease.refused(one.cost, grant, asking.at);
      else if (grant.amount === 0) this.#note(one, ask, grant, now);
      else if (taken.ok && ask.again === true) this.#granted(one, ask, grant, now);
      else if (taken.ok && lease !== undefined) {
        const rate = one.rates[grant.rate ?? 0];
        lease.granted(ask, grant, rate === undefined ? 0 : burstOf(rate), asking.at);
      }
    });
    if (!taken.ok) this.#giveBack(asking, now);
    return this.#fact(asking, grants, taken.ok, now);
  }

  /** The limiter could not be asked: what protects capacity stays open, with a limit of the same size here, unless it says otherwise. */
  fail(asking: Asking, now: number): LimitsFact {
    const { asks, remote } = asking;
    this.#answered(asking);
    const closed = remote.find(({ index }) => isClosed(asks[index]));
    if (closed !== undefined) {
      this.#giveBack(asking, now);
      return { limits: asks.map((one, index) => takenOf(one, undefined, index === closed.index ? "failed" : "taken")) };
    }
    const own = remote.flatMap(({ index }) => this.#ownAsk(asks[index], now));
    const taken = takeAll(this.#own, own, now);
    const grants: (Grant | undefined)[] = asks.map(() => undefined);
    remote.forEach(({ index }, at) => (grants[index] = taken.grants[at]));
    if (!taken.ok) this.#giveBack(asking, now);
    return this.#fact(asking, grants, taken.ok, now);
  }

  #knownWait(one: LimitAsk, now: number): number {
    const name = nameOfRated(one);
    const refused = this.#refused.get(name);
    // A clock that went back would keep it for ever.
    if (refused !== undefined && one.cost >= refused.cost && now < refused.until && now >= refused.since)
      return Math.max(1, refused.freeAt - now);
    const lease = this.#leases.get(name);
    if (lease === undefined || isDear(one.rates, one.cost, leaseMs(one.rates))) return 0;
    lease.saw(one.cost, now);
    return lease.left(now) < one.cost ? lease.rest(one.cost, now) : 0;
  }

  /** What is too dear for a lease asks for itself. */
  #leaseFor(one: LimitAsk, now: number): Lease | null {
    const ms = leaseMs(one.rates);
    if (ms === 0 || isDear(one.rates, one.cost, ms)) return null;
    const name = nameOfRated(one);
    const known = this.#leases.get(name);
    if (known !== undefined) return known;
    const lease = new Lease(ms, usedIn(one.rates, ms), now);
    this.#leases.set(name, lease);
    forgetOldest(this.#leases, MAX_LEASES);
    return lease;
  }

  #note(one: LimitAsk, { again }: Ask, { retryAfterMs, restMs = 0 }: Grant, now: number): void {
    // There is never room for it: that says nothing of others.
    if (retryAfterMs === Infinity) return;
    const name = nameOfRated(one);
    const before = this.#refused.get(name);
    if (before !== undefined && now < before.until && before.cost < one.cost) return;
    this.#refused.delete(name);
    // Of requests that were refused at once each has a turn: that is no reason to wait for all of them.
    const turn = Math.min(restMs, again === true ? MAX_TURN_MS : MAX_REST_MS);
    const rest = Math.max(turn, Math.min(retryAfterMs, MAX_REST_MS));
    const freeAt = now + Math.max(rest, retryAfterMs);
    const isLong = rest > LONG_REST_MS;
    this.#refused.set(name, { cost: one.cost, since: now, freeAt, until: now + rest, isLong });
    forgetOldest(this.#refused, MAX_REFUSED);
  }

  /** There is room again; where that was the last of it, the isolate's next turn is told at once. */
  #granted(one: LimitAsk, ask: Ask, grant: Grant, now: number): void {
    this.#refused.delete(nameOfRated(one));
    if (grant.restMs !== undefined) this.#note(one, ask, grant, now);
  }

  #askOf(one: LimitAsk, lease: Lease | null, now: number): Ask {
    const { counter, rates, cost, audit } = one;
    if (lease !== null) {
      const ms = leaseMs(rates);
      const fades = fadesMs(rates, ms, lease.isScarce);
      const want = lease.want(cost, fades, now);
      return { counter, rates, cost, want, leaseMs: ms, audit, ...(fades !== undefined && { fadesMs: fades }) };
    }
    const refused = this.#refused.get(nameOfRated(one));
    const isAgain = refused !== undefined && refused.isLong && cost >= refused.cost;
    return { counter, rates, cost, want: cost, leaseMs: 0, audit, ...(isAgain && { again: true }) };
  }

  /** Until that is answered, or nobody waits for it any more, others are refused as before. */
  #askAgain(one: LimitAsk | undefined, now: number): void {
    const refused = one && this.#refused.get(nameOfRated(one));
    if (refused) this.#refused.set(nameOfRated(one), { ...refused, since: now, until: now + one.timeoutMs });
  }

  #answered({ asks, remote }: Asking): void {
    for (const { index, ask } of remote) {
      const one = asks[index];
      const refused = ask.again === true && one ? this.#refused.get(nameOfRated(one)) : undefined;
      if (one && refused) this.#refused.set(nameOfRated(one), { ...refused, until: refused.since });
    }
  }

  #ownAsk(one: LimitAsk | undefined, now: number): Ask[] {
    if (one === undefined) return [];
    const counter = this.#own.nameOf(one.counter, one.shared, now);
    return [{ counter, rates: one.rates, cost: one.cost, want: one.cost, leaseMs: 0, audit: one.audit }];
  }

  #giveBack({ own, used }: Asking, now: number): void {
    refundAll(this.#own, own.asks, own.taken, now);
    for (const { part, cost } of used) if (part !== null) giveBack(part, cost);
  }

  /** Refused before anything was charged. */
  #refusal(
    asks: readonly LimitAsk[],
    { index, retryAfterMs }: { readonly index: number; readonly retryAfterMs: number },
    now: number,
  ): LimitsFact {
    return {
      limits: asks.map((one, at) => {
        if (at !== index) return takenOf(one, undefined, "taken");
        const own =
          one.scope === "LOCAL" ? standing(this.#own.get(one.counter) ?? NOTHING_TAKEN, one.rates, now) : null;
        const grant = { amount: 0, retryAfterMs, ...(own ?? { left: 0, resetMs: retryAfterMs }) };
        return takenOf(one, grant, "over");
      }),
    };
  }

  #fact({ asks, own, known }: Asking, grants: (Grant | undefined)[], ok: boolean, now: number): LimitsFact {
    for (const { index, retryAfterMs } of known)
      grants[index] = { amount: 0, left: 0, resetMs: retryAfterMs, retryAfterMs };
    own.indexes.forEach((index, at) => (grants[index] = own.taken.grants[at]));
    return {
      limits: asks.map((one, index) => {
        const grant = grants[index] ?? (ok ? this.#leaseGrant(one, now) : undefined);
        return takenOf(one, grant, grant?.amount === 0 ? "over" : "taken");
      }),
    };
  }

  /** Of what was taken in advance the isolate knows no more than what it has itself. */
  #leaseGrant(one: LimitAsk, now: number): Grant {
    return { amount: 1, left: this.#leases.get(nameOfRated(one))?.left(now) ?? 0, resetMs: 0, retryAfterMs: 0 };
  }
}

function isClosed(ask: LimitAsk | undefined): boolean {
  return ask !== undefined && ask.closed && !ask.audit;
}

function takenOf(one: LimitAsk, grant: Grant | undefined, verdict: TakenLimit["verdict"]): TakenLimit {
  const { limit = 0, windowMs = 0 } = one.rates[grant?.rate ?? 0] ?? {};
  const quota = { name: one.name, quota: limit, windowMs, ...(one.rates.length > 1 && { rates: one.rates }) };
  if (one.missing) return { ...quota, verdict: "missing", left: limit, resetMs: 0, retryAfterMs: 0 };
  const { left = null, resetMs = 0, retryAfterMs = 0 } = grant ?? {};
  return { ...quota, verdict, left, resetMs: finite(resetMs), retryAfterMs: finite(retryAfterMs) };
}

/** Facts are written down as JSON. */
function finite(ms: number): number {
  return Number.isFinite(ms) ? ms : 0;
}

function forgetOldest(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
