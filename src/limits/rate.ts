/** So much in any window of that length. Windows up to a minute are counted by GCRA, longer ones by a sliding counter. */
export interface Rate {
  readonly limit: number;
  readonly windowMs: number;
  /** What may be taken at once. Absent: `limit`. A sliding counter has none. */
  readonly burst?: number;
}

const GCRA_UP_TO_MS = 60_000;

export function isGcra({ windowMs }: Rate): boolean {
  return windowMs <= GCRA_UP_TO_MS;
}

export function burstOf({ limit, burst = limit }: Rate): number {
  return burst;
}

const texts = new WeakMap<readonly Rate[], string>();

/** The same for the same rates, worked out once for each list of them. */
export function ratesText(rates: readonly Rate[]): string {
  let text = texts.get(rates);
  if (text === undefined) {
    text = rates.map((rate) => `${rate.limit}/${rate.windowMs}/${burstOf(rate)}`).join();
    texts.set(rates, text);
  }
  return text;
}

/** Up to this each request asks the limiter; above, an isolate takes some in advance. */
const EXACT_UP_TO_PER_SECOND = 100;
const MAX_LEASE_MS = 1_250;
/** So much where the burst is far larger: an eighth of it at most is held back then. */
export const MAX_LONG_LEASE_MS = 2_000;
/** What lives shorter is used up, or lost, before it saves a call. */
const MIN_LEASE_MS = 50;

/**
 * For how long what was taken in advance may be used, in ms: half of the time in which the burst comes back, 1.25 s at most, or an
 * eighth of it, so that the rest serves as before. 0: nothing is taken in advance.
 */
export function leaseMs(rates: readonly Rate[]): number {
  let longest = MAX_LONG_LEASE_MS;
  for (const rate of rates) {
    const { limit, windowMs } = rate;
    if (limit * 1_000 <= EXACT_UP_TO_PER_SECOND * windowMs) return 0;
    const burstMs = isGcra(rate) ? (burstOf(rate) * windowMs) / limit : windowMs;
    longest = Math.min(longest, Math.floor(Math.max(Math.min(MAX_LEASE_MS, burstMs / 2), burstMs / 8)));
  }
  return longest < MIN_LEASE_MS ? 0 : longest;
}

/** Of the time in which the burst comes back: what is out is three quarters of a burst then, where the limit is used up. */
const FADES = 4 / 3;
/** Where not all get what they ask for: they come back sooner, and what is out leaves room for those that come at once. */
const FADES_SOONER = 2 / 3;
/** What lives shorter would fade on its way. */
const MIN_FADES_MS = 300;

/** How much longer that is where what was taken in advance fades, in ms. Undefined: no longer. @param ms as of `leaseMs`, above 0 */
export function fadesMs(rates: readonly Rate[], ms: number, isScarce: boolean): number | undefined {
  let burstMs = Infinity;
  for (const rate of rates) if (isGcra(rate)) burstMs = Math.min(burstMs, (burstOf(rate) * rate.windowMs) / rate.limit);
  if (burstMs * FADES_SOONER < MIN_FADES_MS) return undefined;
  const longest = Math.min(MAX_LONG_LEASE_MS, Math.floor(burstMs * (isScarce ? FADES_SOONER : FADES)));
  return longest > ms ? longest : undefined;
}

/** What is used of the tightest rate in so many ms: nobody can use more. */
export function usedIn(rates: readonly Rate[], ms: number): number {
  return rates.reduce((least, { limit, windowMs }) => Math.min(least, Math.ceil((limit * ms) / windowMs)), Infinity);
}

/** Whether so much can never be taken in advance: what leases leave untouched of a burst is needed for it. */
export function isDear(rates: readonly Rate[], cost: number, ms: number): boolean {
  return rates.some((rate) => isGcra(rate) && cost * rate.windowMs > burstOf(rate) * rate.windowMs - ms * rate.limit);
}
