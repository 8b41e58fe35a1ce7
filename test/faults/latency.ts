import { percentile } from "../../bench/percentile.ts";
import type { Loaded } from "./load.ts";
import { bestOf, type Figure, rounded } from "./row.ts";

const TRIES = 3;
/** So many runs without the fault are B, where it is measured again and again. */
const LATELY = 3;

/** What of a run the rule is about. */
export type Times = Pick<Loaded, "p50Ms" | "p99Ms">;

/**
 * The same load without the fault, measured once more whenever it is asked for; at first as often as it takes.
 *
 * @returns the median of the last three. One alone is luck, good or bad: p99 is what the pauses make of it, and there is one in some
 * runs only, with the fault and without it
 */
export function lately(load: () => Promise<Times>): () => Promise<Times> {
  const runs: Times[] = [];
  return async () => {
    do runs.push(await load());
    while (runs.length < LATELY);
    const last = runs.slice(-LATELY);
    const median = (of: (run: Times) => number): number => percentile(last.map(of), 0.5);
    return { p50Ms: median(({ p50Ms }) => p50Ms), p99Ms: median(({ p99Ms }) => p99Ms) };
  };
}

/**
 * The rule for latency under a fault: p50 <= 1.2 x B + 1 ms and p99 <= 2 x B + 10 ms in the best of three.
 *
 * @param baseline B, the same load without the fault; asked for just before each try
 * @param measure one run under the fault
 * @param tries 1: the row is tried again as a whole
 * @returns its runs with the figures of the last: it is the one that holds, where one does
 */
export async function latency(
  baseline: () => Promise<Times>,
  measure: () => Promise<Loaded>,
  tries = TRIES,
): Promise<{ readonly runs: readonly Loaded[]; readonly figures: readonly Figure[] }> {
  const runs: Loaded[] = [];
  for (;;) {
    const of = await baseline();
    const run = await measure();
    runs.push(run);
    const figures = [
      figure("p50", run.p50Ms, of.p50Ms, 1.2 * of.p50Ms + 1),
      figure("p99", run.p99Ms, of.p99Ms, 2 * of.p99Ms + 10),
    ].map((one) => (tries > 1 ? bestOf(one) : one));
    if (runs.length === tries || figures.every(({ holds }) => holds)) return { runs, figures };
  }
}

function figure(what: string, seen: number, of: number, bar: number): Figure {
  return { what, seen: `${rounded(seen)} ms`, bar: `<= ${rounded(bar)} ms (B ${rounded(of)})`, holds: seen <= bar };
}
