import { type Bucket, gcraCharge, gcraEmptyIn, gcraRefund, gcraRoom, gcraWait } from "./gcra.ts";
import { isGcra, type Rate } from "./rate.ts";
import {
  slidingCharge,
  slidingEmptyIn,
  slidingRefund,
  slidingRoom,
  slidingWait,
  type Slots,
} from "./sliding-counter.ts";

/** What was taken of one key, by the length of each rate's window: other numbers in place of a rate's keep its count. */
export type CounterState = Readonly<Record<string, Bucket | Slots>>;

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
 * @param leaseMs for how long what is taken may be kept before it is used: so much of each burst is left untouched, so that in no window
 * more is used than the rate allows
 */
export function room(state: CounterState, rates: readonly Rate[], now: number, leaseMs = 0): number {
  let least = Infinity;
  for (const rate of rates) least = Math.min(least, roomOf(state, rate, now, leaseMs));
  return least;
}

/** Charges each rate, whether there is room or not. @param leaseMs as of `room` */
export function charge(
  state: CounterState,
  rates: readonly Rate[],
  cost: number,
  now: number,
  leaseMs = 0,
): CounterState {
  const next: Record<string, Bucket | Slots> = {};
  for (const rate of rates) {
    const of = state[rate.windowMs];
    next[rate.windowMs] = isGcra(rate)
      ? gcraCharge(bucketOf(of), rate, cost, now)
      : slidingCharge(slotsOf(of), rate, cost, now, now + leaseMs);
  }
  return next;
}

/** @param takenAt epoch ms at which it was charged */
export function refund(
  state: CounterState,
  rates: readonly Rate[],
  cost: number,
  takenAt: number,
  now: number,
  leaseMs = 0,
): CounterState {
  const next: Record<string, Bucket | Slots> = {};
  for (const rate of rates) {
    const of = state[rate.windowMs];
    if (of === undefined) continue;
    next[rate.windowMs] =
      "debt" in of ? gcraRefund(of, rate, cost, takenAt, now) : slidingRefund(of, rate, cost, takenAt + leaseMs);
  }
  return next;
}

/** Milliseconds until there is room for `cost` in each rate; infinite where there never is. */
export function waitFor(state: CounterState, rates: readonly Rate[], cost: number, now: number, leaseMs = 0): number {
  let longest = 0;
  for (const rate of rates) {
    const of = state[rate.windowMs];
    const wait = isGcra(rate)
      ? gcraWait(bucketOf(of), rate, cost, now, leaseMs)
      : slidingWait(slotsOf(of), rate, cost, now);
    longest = Math.max(longest, wait);
  }
  return longest;
}

export function standing(state: CounterState, rates: readonly Rate[], now: number): Standing {
  let worst: Standing = { rate: 0, left: Infinity, resetMs: 0 };
  rates.forEach((rate, index) => {
    const left = roomOf(state, rate, now, 0);
    if (left < worst.left) worst = { rate: index, left, resetMs: emptyOf(state, rate, now) };
  });
  return worst;
}

/** Milliseconds until it need not be kept: nothing of any rate is used then. */
export function emptyIn(state: CounterState, rates: readonly Rate[], now: number): number {
  return rates.reduce((longest, rate) => Math.max(longest, emptyOf(state, rate, now)), 0);
}

function roomOf(state: CounterState, rate: Rate, now: number, leaseMs: number): number {
  const of = state[rate.windowMs];
  return isGcra(rate) ? gcraRoom(bucketOf(of), rate, now, leaseMs) : slidingRoom(slotsOf(of), rate, now);
}

function emptyOf(state: CounterState, rate: Rate, now: number): number {
  const of = state[rate.windowMs];
  return isGcra(rate) ? gcraEmptyIn(bucketOf(of), rate, now) : slidingEmptyIn(slotsOf(of), rate, now);
}

function bucketOf(of: Bucket | Slots | undefined): Bucket | undefined {
  return of !== undefined && "debt" in of ? of : undefined;
}

function slotsOf(of: Bucket | Slots | undefined): Slots | undefined {
  return of !== undefined && "slots" in of ? of : undefined;
}
