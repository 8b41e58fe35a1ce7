import { parseDuration } from "../../src/resources/duration.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Reads `90s`, `10m`, `1h30m`, `7d`: as Kubernetes writes durations, and days. @returns milliseconds, or null */
export function readDuration(text: string): number | null {
  const [, days] = /^(\d{1,5})d$/.exec(text) ?? [];
  return days === undefined ? parseDuration(text) : Number(days) * DAY;
}

/** The two largest units that count: `45s`, `3m20s`, `2h5m`, `6d4h`. */
export function shortDuration(ms: number): string {
  const units = [
    { name: "d", length: DAY },
    { name: "h", length: HOUR },
    { name: "m", length: MINUTE },
    { name: "s", length: SECOND },
  ];
  const first = units.findIndex(({ length }) => ms >= length);
  if (first < 0) return "0s";
  let rest = ms;
  const parts = units.slice(first, first + 2).map(({ name, length }) => {
    const count = Math.floor(rest / length);
    rest -= count * length;
    return count === 0 ? "" : `${count}${name}`;
  });
  return parts.join("");
}
