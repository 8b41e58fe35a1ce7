import { burstOf, type Rate } from "./rate.ts";

/**
 * GCRA in its form of a leaky bucket (ITU-T I.371 annex A, which shows that it equals virtual scheduling): in whole numbers, so that
 * no rounding lets anything through. One unit of cost is `windowMs` of debt, and each millisecond takes `limit` of it away.
 */
export interface Bucket {
  /** Epoch ms at which `debt` stood. */
  readonly at: number;
  readonly debt: number;
}

/** @param held back from the burst: what leases that were handed out may still use */
export function gcraRoom(bucket: Bucket | undefined, rate: Rate, now: number, held = 0): number {
  const free = burstOf(rate) * rate.windowMs - held * rate.limit - gcraDebt(bucket, rate, now);
  return Math.max(0, Math.floor(free / rate.windowMs));
}

/** Charges, whether there is room or not. */
export function gcraCharge(bucket: Bucket | undefined, rate: Rate, cost: number, now: number): Bucket {
  return { at: now, debt: gcraDebt(bucket, rate, now) + cost * rate.windowMs };
}

/**
 * Gives back what was not used: less by what has leaked away since, which it would not have done from a bucket that was empty. So a
 * refund never makes more room than if nothing had been taken.
 */
export function gcraRefund(bucket: Bucket, rate: Rate, cost: number, takenAt: number, now: number): Bucket {
  const back = Math.max(0, cost * rate.windowMs - Math.max(0, now - takenAt) * rate.limit);
  return { at: now, debt: Math.max(0, gcraDebt(bucket, rate, now) - back) };
}

/** Milliseconds until there is room for `cost`; infinite where there never is. */
export function gcraWait(bucket: Bucket | undefined, rate: Rate, cost: number, now: number, held = 0): number {
  const most = burstOf(rate) * rate.windowMs - held * rate.limit;
  if (cost * rate.windowMs > most) return Infinity;
  return Math.max(0, Math.ceil((gcraDebt(bucket, rate, now) + cost * rate.windowMs - most) / rate.limit));
}

/** Milliseconds until it is as if nothing had ever been taken. */
export function gcraEmptyIn(bucket: Bucket | undefined, rate: Rate, now: number): number {
  return Math.ceil(gcraDebt(bucket, rate, now) / rate.limit);
}

/** What is left of it: a clock that went back takes nothing away. */
export function gcraDebt(bucket: Bucket | undefined, { limit }: Rate, now: number): number {
  return bucket === undefined ? 0 : Math.max(0, bucket.debt - Math.max(0, now - bucket.at) * limit);
}
