import { asOf, charge, type CounterState, emptyIn, NOTHING_TAKEN, refund, room, standing, waitFor } from "./counter.ts";
import type { Rate } from "./rate.ts";

/** What is asked of one counter. */
export interface Ask {
  /** Named by policy, limit and key, never by its number. */
  readonly counter: string;
  readonly rates: readonly Rate[];
  readonly cost: number;
  /** Above `cost`: what is taken in advance, if it is there. */
  readonly want: number;
  /** For how long the rest may be used; 0: nothing is taken in advance. */
  readonly leaseMs: number;
  /** What is over is told, and refuses nothing. */
  readonly audit: boolean;
  /** It was refused before and has rested for long (`LONG_REST_MS`); no other request of its isolate asks meanwhile. Absent: others may. */
  readonly again?: true;
}

/** What came of one. */
export interface Grant {
  /** 0: it was refused. */
  readonly amount: number;
  /** The rate that leaves the least, by its place. Absent: the first. */
  readonly rate?: number;
  readonly left: number;
  readonly resetMs: number;
  /** Of one that was refused: until there is room. */
  readonly retryAfterMs: number;
  /** Of one that got less than was asked for, or the last: milliseconds until its turn comes. Absent: of a limiter that gives none. */
  readonly restMs?: number;
  /** Another one refused before: how this one stands nobody knows. Absent: it was asked. */
  readonly skipped?: true;
}

export interface Taken {
  /** False: nothing was charged. */
  readonly ok: boolean;
  /** One for each ask. */
  readonly grants: readonly Grant[];
  /** The limiter's time, epoch ms: what is given back names it. */
  readonly at: number;
}

/** Where counters are kept. */
export interface Counters {
  get(counter: string): CounterState | undefined;
  /** @param emptyAt epoch ms from which on it need not be kept */
  set(ask: Ask, state: CounterState, emptyAt: number): void;
}

/** Charges all of them, or none: those that are audited stand for themselves. */
export function takeAll(counters: Counters, asks: readonly Ask[], now: number): Taken {
  // Several limits of a request may share a counter only where they are one; each is looked at before any is charged.
  const looked = asks.map((ask) => look(known(counters, ask, now), ask, now));
  const ok = looked.every(({ amount }, index) => amount > 0 || asks[index]?.audit === true);
  const grants = asks.map((ask, index) => {
    const { state, amount } = looked[index] ?? { state: NOTHING_TAKEN, amount: 0 };
    const retryAfterMs = amount > 0 ? 0 : waitFor(state, ask.rates, ask.cost, now, ask.leaseMs);
    if (!ok || amount === 0) return grantOf(amount, state, ask, now, retryAfterMs);
    const charged = charge(state, ask.rates, amount, now, ask.leaseMs);
    counters.set(ask, charged, now + emptyIn(charged, now));
    return grantOf(amount, charged, ask, now, 0);
  });
  return { ok, grants, at: now };
}

/** Charges what was used already, whether there is room or not: until that is paid back there is none. */
export function chargeAll(counters: Counters, asks: readonly Ask[], now: number): void {
  for (const ask of asks) {
    const charged = charge(known(counters, ask, now), ask.rates, ask.cost, now);
    counters.set(ask, charged, now + emptyIn(charged, now));
  }
}

/** Gives back what `takeAll` charged. @param at what it said */
export function refundAll(counters: Counters, asks: readonly Ask[], taken: Taken, now: number): void {
  asks.forEach((ask, index) => {
    const state = counters.get(ask.counter);
    const amount = taken.grants[index]?.amount ?? 0;
    if (state === undefined || amount === 0) return;
    const left = refund(state, ask.rates, amount, taken.at, now, ask.leaseMs);
    counters.set(ask, left, now + emptyIn(left, now));
  });
}

/** What was taken, as of now: where the clock went back that is written down, so that refused asks do not put off its end. */
function known(counters: Counters, ask: Ask, now: number): CounterState {
  const kept = counters.get(ask.counter) ?? NOTHING_TAKEN;
  const state = asOf(kept, now);
  if (state !== kept) counters.set(ask, state, now + emptyIn(state, now));
  return state;
}

function look(state: CounterState, { rates, cost, want, leaseMs }: Ask, now: number) {
  const free = room(state, rates, now, leaseMs);
  return { state, amount: free < cost ? 0 : Math.min(free, Math.max(cost, want)) };
}

function grantOf(amount: number, state: CounterState, { rates }: Ask, now: number, retryAfterMs: number): Grant {
  return { amount, ...standing(state, rates, now), retryAfterMs };
}
