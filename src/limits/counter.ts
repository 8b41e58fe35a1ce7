import {
  type Bucket,
  gcraAsOf,
  gcraCharge,
  gcraDebt,
  gcraEmptyIn,
  gcraFading,
  gcraLate,
  gcraRefund,
  gcraResetIn,
  gcraRoom,
  gcraWait,
} from "./gcra.ts";
import { burstOf, isGcra, type Rate } from "./rate.ts";
import {
  slidingAsOf,
  slidingCharge,
  slidingEmptyIn,
  slidingRefund,
  slidingRoom,
  slidingWait,
  type Slots,
} from "./sliding-counter.ts";
import { AT_ONCE, type Term } from "./term.ts";

/** What was taken, by one rate: of several that were in force, as of tiers, each is kept until nothing of it is used. */
type Count = (Bucket | Slots) & { readonly rate: Rate };

/** What was taken of one key. In one length of window it is one count, which each rate empties at its own pace. */
export type CounterState = Readonly<Record<string, Count>>;

export const NOTHING_TAKEN: CounterState = {};

/** How much is left, by the rate that leaves the least. */
export interface Standing {
  readonly rate: number;
  readonly left: number;
  /** Milliseconds until nothing of that rate is used. */
  readonly resetMs: number;
}

/**
 * How much may be taken at once, of all rates.
 *
 * @param term for how long what is taken may be kept before it is used: there is so much less room that in no window more is used than
 * the rate allows
 */
export function room(state: CounterState, rates: readonly Rate[], now: number, term = AT_ONCE): number {
  let least = Infinity;
  for (const rate of rates) least = Math.min(least, roomOf(state, rate, now, term));
  return least;
}

/** Whether, of any of the rates, something may be in hand that does not fade, and that does. */
export function inHand(state: CounterState, rates: readonly Rate[], now: number) {
  const buckets = rates.flatMap((rate) => {
    const of = state[nameOf(rate)];
    return of !== undefined && "debt" in of ? of : [];
  });
  return {
    whole: buckets.some((of) => gcraLate(of, of.rate, now) > 0),
    fading: buckets.some((of) => gcraFading(of, now) > 0),
  };
}

/**
 * A clock that went back would keep full what was taken by it for as long as it went back. As of now nothing of that is given away, and it
 * comes back in the time of its rate.
 *
 * @returns the same state where the clock did not go back
 */
export function asOf(state: CounterState, now: number): CounterState {
  let next: Record<string, Count> | null = null;
  for (const [name, of] of Object.entries(state)) {
    const moved = "debt" in of ? gcraAsOf(of, now) : slidingAsOf(of, of.rate, now);
    if (moved !== of) (next ??= { ...state })[name] = moved;
  }
  return next ?? state;
}

/** Charges each rate, whether there is room or not, and what other rates of the same windows count. @param term as of `room` */
export function charge(
  state: CounterState,
  rates: readonly Rate[],
  cost: number,
  now: number,
  term = AT_ONCE,
): CounterState {
  const next: Record<string, Count> = {};
  for (const [name, of] of Object.entries(state)) {
    if (emptyOf(of, now) === 0) continue;
    next[name] =
      "debt" in of && rates.some(({ windowMs }) => windowMs === of.rate.windowMs) ? filled(of, cost, now) : of;
  }
  for (const rate of rates) {
    const count = isGcra(rate)
      ? gcraCharge(bucketOf(state, rate, now), rate, cost, now, term)
      : slidingCharge(slotsOf(state, rate), rate, cost, now, now + term.ms);
    next[nameOf(rate)] = { ...count, rate };
  }
  return next;
}

/**
 * Of what other rates of the same windows count nothing is given back: they may have had less room than was taken.
 *
 * @param takenAt epoch ms at which it was charged
 */
export function refund(
  state: CounterState,
  rates: readonly Rate[],
  cost: number,
  takenAt: number,
  now: number,
  term = AT_ONCE,
): CounterState {
  const next: Record<string, Count> = { ...state };
  for (const rate of rates) {
    const of = state[nameOf(rate)];
    if (of === undefined) continue;
    const left =
      "debt" in of ? gcraRefund(of, rate, cost, takenAt, now, term) : slidingRefund(of, rate, cost, takenAt + term.ms);
    next[nameOf(rate)] = { ...left, rate };
  }
  return next;
}

/** Milliseconds until there is room for `cost` in each rate; infinite where there never is. */
export function waitFor(
  state: CounterState,
  rates: readonly Rate[],
  cost: number,
  now: number,
  term = AT_ONCE,
): number {
  let longest = 0;
  for (const rate of rates) {
    const wait = isGcra(rate)
      ? gcraWait(bucketOf(state, rate, now), rate, cost, now, term)
      : slidingWait(slotsOf(state, rate), rate, cost, now);
    longest = Math.max(longest, wait);
  }
  return longest;
}

export function standing(state: CounterState, rates: readonly Rate[], now: number): Standing {
  let worst: Standing = { rate: 0, left: Infinity, resetMs: 0 };
  rates.forEach((rate, index) => {
    const left = roomOf(state, rate, now, AT_ONCE);
    if (left < worst.left) worst = { rate: index, left, resetMs: resetOf(state, rate, now) };
  });
  return worst;
}

/** Milliseconds until it need not be kept: nothing of any rate is used then. */
export function emptyIn(state: CounterState, now: number): number {
  return Object.values(state).reduce((longest, of) => Math.max(longest, emptyOf(of, now)), 0);
}

function roomOf(state: CounterState, rate: Rate, now: number, term: Term): number {
  return isGcra(rate)
    ? gcraRoom(bucketOf(state, rate, now), rate, now, term)
    : slidingRoom(slotsOf(state, rate), rate, now);
}

function resetOf(state: CounterState, rate: Rate, now: number): number {
  return isGcra(rate)
    ? gcraResetIn(bucketOf(state, rate, now), rate, now)
    : slidingEmptyIn(slotsOf(state, rate), rate, now);
}

function emptyOf(of: Count, now: number): number {
  return "debt" in of ? gcraEmptyIn(of, of.rate, now) : slidingEmptyIn(of, of.rate, now);
}

/** A sliding counter is the same for each limit; a bucket is emptied as fast as its limit says. */
function nameOf(rate: Rate): string {
  return isGcra(rate) ? `${rate.windowMs}/${rate.limit}` : String(rate.windowMs);
}

/** Where a rate is new it goes on from what others of its window count: other numbers do not begin anew. */
function bucketOf(state: CounterState, rate: Rate, now: number): Bucket | undefined {
  const own = state[nameOf(rate)];
  if (own !== undefined) return "debt" in own ? own : undefined;
  let debt = 0;
  for (const of of Object.values(state))
    if ("debt" in of && of.rate.windowMs === rate.windowMs) debt = Math.max(debt, gcraDebt(of, of.rate, now));
  return debt === 0 ? undefined : { at: now, debt: Math.min(debt, fullOf(rate)) };
}

function slotsOf(state: CounterState, rate: Rate): Slots | undefined {
  const of = state[nameOf(rate)];
  return of !== undefined && "slots" in of ? of : undefined;
}

/** By what another rate took: full at most, so that it has room again as soon as it would have by itself. */
function filled(of: Bucket & { readonly rate: Rate }, cost: number, now: number): Count {
  const { debt, ...rest } = gcraCharge(of, of.rate, cost, now);
  return { rate: of.rate, ...rest, debt: Math.min(debt, Math.max(fullOf(of.rate), gcraDebt(of, of.rate, now))) };
}

function fullOf(rate: Rate): number {
  return burstOf(rate) * rate.windowMs;
}
