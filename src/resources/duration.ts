import { text } from "./fields.ts";

/** Length of each unit in nanoseconds. */
const UNIT: Readonly<Record<string, number>> = { h: 3_600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 };
const PART = /^(\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})(h|ms|m|s|us|µs|ns)/;

/**
 * Reads a duration as Kubernetes and protobuf write it: `1.5s`, `100ms`, `1h30m`, `0s`.
 *
 * @returns whole milliseconds, or null for what is no duration, negative or a fraction of a millisecond
 */
export function parseDuration(input: string): number | null {
  let rest = input;
  let nanoseconds = 0;
  do {
    const [whole, amount, unit] = PART.exec(rest) ?? [];
    if (whole === undefined || unit === undefined) return null;
    nanoseconds += Math.round(Number(amount) * (UNIT[unit] ?? 0));
    rest = rest.slice(whole.length);
  } while (rest !== "");
  const milliseconds = nanoseconds / 1e6;
  return Number.isSafeInteger(milliseconds) ? milliseconds : null;
}

/** Timers of JavaScript count in 31 bits; a longer one would fire at once. */
const LONGEST = 2_147_483_647;

function isDuration(value: string, shortest: number): boolean {
  const milliseconds = parseDuration(value);
  return milliseconds !== null && milliseconds >= shortest && milliseconds <= LONGEST;
}

export const duration = text(
  (value) => isDuration(value, 1),
  "a duration in whole ms, such as `1.5s` or `100ms`, from 1 ms to 24 days",
);
/** Where `0s` means none. */
export const durationOrZero = text(
  (value) => isDuration(value, 0),
  "a duration in whole ms, such as `1.5s`, up to 24 days, or `0s` for none",
);
