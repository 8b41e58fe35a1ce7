import type { Stage } from "./stage.ts";

/** One fault of the table in docs/reliability.md, and how it is shown that the mesh survives it. */
export interface Row {
  /** `F1` to `F49`. */
  readonly id: string;
  readonly fault: string;
  readonly promise: string;
  /** Runs without `--all`, too. */
  readonly short: boolean;
  /** @throws where the fault could not be brought about: that is no pass */
  run(stage: Stage): Promise<readonly Figure[]>;
}

/** What was seen, beside what must be. */
export interface Figure {
  readonly what: string;
  readonly seen: string;
  readonly bar: string;
  readonly holds: boolean;
  /** It is the best of several tries already. */
  readonly best?: true;
}

/** Whether it is of a time that was tried once: what a machine that others use misses, it may keep the next time. */
export function isOnce({ seen, best }: Figure): boolean {
  return best !== true && /\d [mu]?s$/.test(seen);
}

/** The same, of the best of several tries: it is not tried again. */
export function bestOf(figure: Figure): Figure {
  return { ...figure, best: true };
}

export function exactly(what: string, seen: number | string, bar: number | string): Figure {
  return { what, seen: String(seen), bar: String(bar), holds: seen === bar };
}

/** @param unit as it is printed, ` ms` or nothing */
export function atMost(what: string, seen: number, bar: number, unit = ""): Figure {
  return { what, seen: `${rounded(seen)}${unit}`, bar: `<= ${rounded(bar)}${unit}`, holds: seen <= bar };
}

export function atLeast(what: string, seen: number, bar: number, unit = ""): Figure {
  return { what, seen: `${rounded(seen)}${unit}`, bar: `>= ${rounded(bar)}${unit}`, holds: seen >= bar };
}

/** Two digits after the point, where there are any. */
export function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}
