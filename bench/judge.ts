import type { Outcome } from "./load.ts";
import { keyOf, type Target } from "./targets.ts";

/** More than this share of the runtime's processor for others, and a measurement is void. */
export const OTHERS_LIMIT = 0.05;

/** One round: what each measure (by its key) came to. */
export type Round = ReadonlyMap<string, Outcome>;

/** `bar`: it is met, the goal isn't; `compared`: there is nothing to meet. */
export type Verdict = "goal" | "bar" | "missed" | "void" | "not run" | "compared";

export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Judged {
  readonly figure: Figure | null;
  readonly verdict: Verdict;
}

/** Median of the rounds' ratios, against bar and goal. */
export function judge(target: Target, rounds: readonly Round[]): Judged {
  const pairs = rounds.flatMap((round) => {
    const own = round.get(keyOf(target.measure));
    const base = round.get(keyOf(target.against));
    return own && base ? [{ own, base }] : [];
  });
  if (pairs.length === 0) return { figure: null, verdict: "not run" };
  const ratios = pairs.map(({ own, base }) => valueOf(own, target.metric) / valueOf(base, target.metric));
  const figure = figureOf(ratios);
  const disturbed = pairs.some(({ own, base }) => isVoid(own) || isVoid(base));
  return {
    figure,
    verdict: disturbed ? "void" : verdictOf(figure.median, target.bar, target.goal, target.metric === "rps"),
  };
}

export function figureOf(values: readonly number[]): Figure {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export function isVoid({ othersShare }: Outcome): boolean {
  return othersShare > OTHERS_LIMIT;
}

/** One measurement that was taken in parts of equal length; latencies are the median of the parts'. */
export function joined(parts: readonly Outcome[]): Outcome {
  const sum = (value: (part: Outcome) => number) => parts.reduce((total, part) => total + value(part), 0);
  return {
    requests: sum(({ requests }) => requests),
    answers: sum(({ answers }) => answers),
    seconds: sum(({ seconds }) => seconds),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    ownShare: sum(({ ownShare }) => ownShare) / parts.length,
    // One part that others disturbed makes the whole void.
    othersShare: Math.max(...parts.map(({ othersShare }) => othersShare)),
    p50Ms: median(parts.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(parts.map(({ p99Ms }) => p99Ms)),
    unexpected: sum(({ unexpected }) => unexpected),
    example: parts.find(({ example }) => example !== null)?.example ?? null,
  };
}

/** @param least whether a figure must be at least its bar; else at most */
export function verdictOf(figure: number, bar: number | null, goal: number | null, least = false): Verdict {
  const meets = (limit: number) => (least ? figure >= limit : figure <= limit);
  if (bar === null) return "compared";
  if (goal !== null && meets(goal)) return "goal";
  return meets(bar) ? "bar" : "missed";
}

function valueOf({ cpuSeconds, requests, seconds, p50Ms }: Outcome, metric: Target["metric"]): number {
  switch (metric) {
    case "cpu":
      return cpuSeconds / requests;
    case "rps":
      return requests / seconds;
    case "p50":
      return p50Ms;
  }
}

export function median(of: readonly number[]): number {
  const sorted = of.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
