import {
  asOf,
  charge,
  type CounterState,
  emptyIn,
  inHand,
  NOTHING_TAKEN,
  refund,
  room,
  standing,
  waitFor,
} from "./counter.ts";
import type { Rate } from "./rate.ts";
import { AT_ONCE, type Term } from "./term.ts";

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
  /** So long where the limiter lets it fade (src/limits/term.ts). Absent: of a gateway that does not know how, or none is longer. */
  readonly fadesMs?: number;
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
  /** What was taken in advance fades in this time. Absent: all of it may be used for `leaseMs`. */
  readonly fadesMs?: number;
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
    const { state, amount, term } = looked[index] ?? { state: NOTHING_TAKEN, amount: 0, term: AT_ONCE };
    const retryAfterMs = amount > 0 ? 0 : waitFor(state, ask.rates, ask.cost, now, term);
    const isTaken = ok && amount > 0;
    if (!isTaken && !isHeldUp(ask, state, now)) return grantOf(amount, state, ask, now, retryAfterMs);
    const charged = charge(state, ask.rates, isTaken ? amount : 0, now, term);
    counters.set(ask, charged, now + emptyIn(charged, now));
    const grant = grantOf(amount, charged, ask, now, retryAfterMs);
    return term.fades ? { ...grant, fadesMs: term.ms } : grant;
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
    const { fadesMs } = taken.grants[index] ?? {};
    const term = fadesMs === undefined ? { ms: ask.leaseMs, fades: false } : { ms: fadesMs, fades: true };
    const left = refund(state, ask.rates, amount, taken.at, now, term);
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

function look(state: CounterState, ask: Ask, now: number) {
  const { rates, cost, want } = ask;
  const term = termOf(ask, state, now);
  const free = room(state, rates, now, term);
  return { state, term, amount: free < cost ? 0 : Math.min(free, Math.max(cost, want)) };
}

/** While some of it does not fade nothing does: what may fade leaves no room for what may not. */
function termOf({ rates, leaseMs, fadesMs }: Ask, state: CounterState, now: number): Term {
  const fades = fadesMs !== undefined && !inHand(state, rates, now).whole;
  return fades ? { ms: fadesMs, fades } : { ms: leaseMs, fades: false };
}

/** A gateway that lets nothing fade is refused for what others have in hand: those do as it does from now on. */
function isHeldUp({ rates, leaseMs, fadesMs }: Ask, state: CounterState, now: number): boolean {
  const { whole, fading } = inHand(state, rates, now);
  return leaseMs > 0 && fadesMs === undefined && fading && !whole;
}

function grantOf(amount: number, state: CounterState, { rates }: Ask, now: number, retryAfterMs: number): Grant {
  return { amount, ...standing(state, rates, now), retryAfterMs };
}
