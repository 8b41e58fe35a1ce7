import { burstOf, type Rate } from "./rate.ts";
import { AT_ONCE, fadingMs, type Term } from "./term.ts";

/**
 * GCRA in its form of a leaky bucket (ITU-T I.371 annex A, which shows that it equals virtual scheduling): in whole numbers, so that
 * no rounding lets anything through. One unit of cost is `windowMs` of debt, and each millisecond takes `limit` of it away.
 *
 * What isolates have in hand is charged, and may be used later. So the debt at any time is the most, of all times before it, of what was
 * in hand then and charged since, less what has leaked away since: no window that ends now holds more. Where all of it fades (`out`)
 * that is what is left of the debt before, or what is in hand now, whichever is more: what is in hand falls ever slower, so that
 * between two charges no other moment is worse than the first and the last.
 */
export interface Bucket {
  /** Epoch ms at which `debt` and `late` stood. */
  readonly at: number;
  readonly debt: number;
  /**
   * By how much more may count yet, as what does not fade is used after it was charged: it goes when `debt` has gone. Absent: nothing was
   * taken so. Of what may be used for L ms, what is used in any time is at most what was charged in that time and L ms before it, which
   * `debt` and L ms of the limit bound.
   */
  readonly late?: number;
  /** What isolates may have in hand that fades: `debt` is never less. Absent: nothing. */
  readonly out?: readonly Fading[];
}

/** Of what was taken so much is left at most: `units` at `fadingMs` before its end, ever less from then on, and nothing at its end. */
type Fading = readonly [endsAt: number, fadingMs: number, units: number];

/** Those that end within such a part of their time are kept as one that ends with the last of them. */
const PARTS = 16;

/**
 * @param term of what is taken. Where it does not fade so much of the burst stays untouched, which is all that it may be late by; else
 * only what others may be late by now stands in its way
 */
export function gcraRoom(bucket: Bucket | undefined, rate: Rate, now: number, term = AT_ONCE): number {
  const free = burstOf(rate) * rate.windowMs - heldBack(bucket, rate, now, term) - gcraDebt(bucket, rate, now);
  return Math.max(0, Math.floor(free / rate.windowMs));
}

/** Charges, whether there is room or not. @param term as of `gcraRoom` */
export function gcraCharge(bucket: Bucket | undefined, rate: Rate, cost: number, now: number, term = AT_ONCE): Bucket {
  const units = cost * rate.windowMs;
  const out = term.fades ? withMore(bucket?.out, units, now, term) : bucket?.out;
  return bucketOf(now, gcraDebt(bucket, rate, now) + units, heldBack(bucket, rate, now, term), out);
}

/**
 * Gives back what was not used: less by what has leaked away since, which it would not have done from a bucket that was empty.
 * So a refund never makes more room than if nothing had been taken. Where the clock went back meanwhile nobody knows how much that is:
 * nothing is given back.
 */
export function gcraRefund(
  bucket: Bucket,
  rate: Rate,
  cost: number,
  takenAt: number,
  now: number,
  term = AT_ONCE,
): Bucket {
  if (now < takenAt) return bucket;
  const units = cost * rate.windowMs;
  const back = Math.max(0, units - (now - takenAt) * rate.limit);
  const debt = Math.max(0, drained(bucket, rate, now) - back);
  const out = term.fades ? withMore(bucket.out, -units, takenAt, term) : bucket.out;
  return bucketOf(now, debt, gcraLate(bucket, rate, now), out);
}

/** Milliseconds until there is room for `cost`; infinite where there never is. @param term as of `gcraRoom` */
export function gcraWait(bucket: Bucket | undefined, rate: Rate, cost: number, now: number, term = AT_ONCE): number {
  if (gcraRoom(undefined, rate, now, term) < cost) return Infinity;
  let [before, wait] = [-1, gcraEmptyIn(bucket, rate, now)];
  while (wait - before > 1) {
    const middle = Math.floor((before + wait) / 2);
    if (gcraRoom(bucket, rate, now + middle, term) < cost) before = middle;
    else wait = middle;
  }
  return wait;
}

/** Where the clock went back it drains, and fades, from here on. @returns the same bucket where it did not */
export function gcraAsOf<B extends Bucket>(bucket: B, now: number): B {
  const ms = bucket.at - now;
  if (ms <= 0) return bucket;
  const out = bucket.out?.map(([endsAt, fading, units]): Fading => [endsAt - ms, fading, units]);
  return { ...bucket, at: now, ...(out && { out }) };
}

/** Milliseconds until nothing of it is used. */
export function gcraResetIn(bucket: Bucket | undefined, rate: Rate, now: number): number {
  return Math.max(Math.ceil(drained(bucket, rate, now) / rate.limit), endsIn(bucket, now));
}

/** Milliseconds until it is as if nothing had ever been taken. */
export function gcraEmptyIn(bucket: Bucket | undefined, rate: Rate, now: number): number {
  const ms = Math.ceil((drained(bucket, rate, now) + gcraLate(bucket, rate, now)) / rate.limit);
  return Math.max(ms, endsIn(bucket, now));
}

/** What is left of it: a clock that went back takes nothing away. */
export function gcraDebt(bucket: Bucket | undefined, rate: Rate, now: number): number {
  return Math.max(drained(bucket, rate, now), gcraFading(bucket, now));
}

function drained(bucket: Bucket | undefined, { limit }: Rate, now: number): number {
  return bucket === undefined ? 0 : Math.max(0, bucket.debt - Math.max(0, now - bucket.at) * limit);
}

/** By how much more may count yet. */
export function gcraLate(bucket: Bucket | undefined, { limit }: Rate, now: number): number {
  if (bucket?.late === undefined) return 0;
  const over = Math.max(0, Math.max(0, now - bucket.at) * limit - bucket.debt);
  return Math.max(0, bucket.late - over);
}

function heldBack(bucket: Bucket | undefined, rate: Rate, now: number, { ms, fades }: Term): number {
  const late = gcraLate(bucket, rate, now);
  return fades ? late : Math.max(late, ms * rate.limit);
}

/** How much of what fades isolates may have in hand. */
export function gcraFading(bucket: Pick<Bucket, "out"> | undefined, now: number): number {
  let sum = 0;
  for (const [endsAt, fading, units] of bucket?.out ?? [])
    if (endsAt > now) sum += Math.ceil((units * (endsAt - now)) / fading);
  return sum;
}

function endsIn(bucket: Bucket | undefined, now: number): number {
  return (bucket?.out ?? []).reduce((longest, [endsAt]) => Math.max(longest, endsAt - now), 0);
}

/** @param units below 0: so much less @param takenAt when that was taken */
function withMore(out: Bucket["out"] = [], units: number, takenAt: number, { ms }: Term): readonly Fading[] {
  const part = Math.ceil(ms / PARTS);
  const [end, fading] = [Math.ceil((takenAt + ms) / part) * part, fadingMs(ms)];
  const isSame = ([endsAt, of]: Fading): boolean => endsAt === end && of === fading;
  const before = out.find(isSame)?.[2] ?? 0;
  const others = out.filter((one) => one[0] > takenAt && !isSame(one));
  return before + units > 0 ? [...others, [end, fading, before + units]] : others;
}

function bucketOf(at: number, debt: number, late: number, out: Bucket["out"] = []): Bucket {
  if (out.length === 0) return { at, debt, ...(late > 0 && { late }) };
  return { at, debt: Math.max(debt, gcraFading({ out }, at)), ...(late > 0 && { late }), out };
}
