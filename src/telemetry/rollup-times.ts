/** How fine the history is, and how far it reaches. */
export const FINE_MS = 15_000;
const FINE_FOR_MS = 3_600_000;
export const COARSE_MS = 60_000;
const COARSE_FOR_MS = 24 * 3_600_000;

/** End of the interval that a moment falls into; the next one begins with its end. */
export function intervalOf(now: number): number {
  return (Math.floor(now / FINE_MS) + 1) * FINE_MS;
}

/** End of the minute that an interval is in. @param end of the interval */
export function minuteOf(end: number): number {
  return Math.ceil(end / COARSE_MS) * COARSE_MS;
}

/** The last minute that is over. */
export function lastMinute(now: number): number {
  return Math.floor(now / COARSE_MS) * COARSE_MS;
}

/** The last full minute at which the history is coarse: after it there is a sample each 15 s. */
export function coarseUntil(now: number): number {
  return Math.floor((now - FINE_FOR_MS) / COARSE_MS) * COARSE_MS;
}

/** The first moment that the history may reach back to. */
export function keptFrom(now: number): number {
  return Math.floor((now - COARSE_FOR_MS) / COARSE_MS) * COARSE_MS;
}

/**
 * The moments at which each series has a sample: as if somebody had read all of them each 15 s within the last hour, and each minute
 * before it. Those alone that a query needs.
 *
 * @param windows for each step those in (step - reachMs, step]
 * @param since when the history began
 * @param now nothing is known after it
 */
export function sampleTimes(
  { steps, reachMs }: { readonly steps: Float64Array; readonly reachMs: number },
  since: number,
  now: number,
): Float64Array {
  const times: number[] = [];
  let last = Math.max(since, keptFrom(now)) - 1;
  for (const step of steps) {
    const end = Math.min(step, now);
    for (let time = next(Math.max(last, step - reachMs), now); time <= end; time = next(time, now)) {
      times.push(time);
      last = time;
    }
  }
  return Float64Array.from(times);
}

/** The last moment of samples at or before another. */
export function sampleTimeAt(time: number, now: number): number {
  const length = time <= coarseUntil(now) ? COARSE_MS : FINE_MS;
  return Math.max(keptFrom(now), Math.floor(time / length) * length);
}

/** The first moment after another. */
function next(time: number, now: number): number {
  const boundary = coarseUntil(now);
  const length = time < boundary ? COARSE_MS : FINE_MS;
  return (Math.floor(time / length) + 1) * length;
}
