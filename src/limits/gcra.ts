import { burstOf, type Rate } from "./rate.ts";

/**
 * GCRA in its form of a leaky bucket (ITU-T I.371 annex A, which shows that it equals virtual scheduling): in whole numbers, so that
 * no rounding lets anything through. One unit of cost is `windowMs` of debt, and each millisecond takes `limit` of it away.
 */
export interface Bucket {
  /** Epoch ms at which `debt` and `late` stood. */
  readonly at: number;
  readonly debt: number;
  /**
   * By how much more may count yet, as leases are used after they were charged: it goes when `debt` has gone. Absent: nothing was leased.
   * With a lease that lives for L ms, what is used in any time is at most what was charged in that time and L ms before it, which
   * `debt` and L ms of the limit bound.
   */
  readonly late?: number;
}

/**
 * @param leaseMs of what is taken in advance: so much of the burst stays untouched, which is all that leases may be late by. 0: it is
 * used at once, and only what they may be late by now stands in its way
 */
export function gcraRoom(bucket: Bucket | undefined, rate: Rate, now: number, leaseMs = 0): number {
  const free = burstOf(rate) * rate.windowMs - heldBack(bucket, rate, now, leaseMs) - gcraDebt(bucket, rate, now);
  return Math.max(0, Math.floor(free / rate.windowMs));
}

/** Charges, whether there is room or not. @param leaseMs as of `gcraRoom` */
export function gcraCharge(bucket: Bucket | undefined, rate: Rate, cost: number, now: number, leaseMs = 0): Bucket {
  const late = Math.max(gcraLate(bucket, rate, now), leaseMs * rate.limit);
  return { at: now, debt: gcraDebt(bucket, rate, now) + cost * rate.windowMs, ...(late > 0 && { late }) };
}

/**
 * Gives back what was not used: less by what has leaked away since, which it would not have done from a bucket that was empty. So a
 * refund never makes more room than if nothing had been taken.
 */
export function gcraRefund(bucket: Bucket, rate: Rate, cost: number, takenAt: number, now: number): Bucket {
  const back = Math.max(0, cost * rate.windowMs - Math.max(0, now - takenAt) * rate.limit);
  const late = gcraLate(bucket, rate, now);
  return { at: now, debt: Math.max(0, gcraDebt(bucket, rate, now) - back), ...(late > 0 && { late }) };
}

/** Milliseconds until there is room for `cost`; infinite where there never is. @param leaseMs as of `gcraRoom` */
export function gcraWait(bucket: Bucket | undefined, rate: Rate, cost: number, now: number, leaseMs = 0): number {
  const most = burstOf(rate) * rate.windowMs - leaseMs * rate.limit;
  if (cost * rate.windowMs > most) return Infinity;
  const late = leaseMs > 0 ? 0 : gcraLate(bucket, rate, now);
  return Math.max(0, Math.ceil((gcraDebt(bucket, rate, now) + late + cost * rate.windowMs - most) / rate.limit));
}

/** Where the clock went back it drains from here on. @returns the same bucket where it did not */
export function gcraAsOf<B extends Bucket>(bucket: B, now: number): B {
  return bucket.at > now ? { ...bucket, at: now } : bucket;
}

/** Milliseconds until nothing of it is used. */
export function gcraResetIn(bucket: Bucket | undefined, rate: Rate, now: number): number {
  return Math.ceil(gcraDebt(bucket, rate, now) / rate.limit);
}

/** Milliseconds until it is as if nothing had ever been taken. */
export function gcraEmptyIn(bucket: Bucket | undefined, rate: Rate, now: number): number {
  return Math.ceil((gcraDebt(bucket, rate, now) + gcraLate(bucket, rate, now)) / rate.limit);
}

/** What is left of it: a clock that went back takes nothing away. */
export function gcraDebt(bucket: Bucket | undefined, { limit }: Rate, now: number): number {
  return bucket === undefined ? 0 : Math.max(0, bucket.debt - Math.max(0, now - bucket.at) * limit);
}

function gcraLate(bucket: Bucket | undefined, { limit }: Rate, now: number): number {
  if (bucket?.late === undefined) return 0;
  const over = Math.max(0, Math.max(0, now - bucket.at) * limit - bucket.debt);
  return Math.max(0, bucket.late - over);
}

function heldBack(bucket: Bucket | undefined, rate: Rate, now: number, leaseMs: number): number {
  return leaseMs > 0 ? leaseMs * rate.limit : gcraLate(bucket, rate, now);
}
