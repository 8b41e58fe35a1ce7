import { describe, expect, it } from "vitest";
import { joined, judge, type Verdict } from "../../bench/judge.ts";
import type { Outcome } from "../../bench/load.ts";
import { keyOf, type Measure, type Target } from "../../bench/targets.ts";

const bare: Measure = { contestant: "bare", host: "one.bench", shape: "get", connections: 16, rate: null };
const tulle: Measure = { ...bare, contestant: "tulle" };
const target: Target = { row: "r", what: "w", measure: tulle, against: bare, metric: "cpu", bar: 1.7, goal: 1.5 };

/** 1,000 answers in 2 s, 1 s of CPU. */
const outcome: Outcome = {
  requests: 1_000,
  answers: 1_000,
  seconds: 2,
  cpuSeconds: 1,
  ownShare: 0.98,
  othersShare: 0.01,
  p50Ms: 1,
  p99Ms: 2,
  unexpected: 0,
  example: null,
};

function round(own: Partial<Outcome>, base: Partial<Outcome> = {}): ReadonlyMap<string, Outcome> {
  return new Map([
    [keyOf(tulle), { ...outcome, ...own }],
    [keyOf(bare), { ...outcome, ...base }],
  ]);
}

interface Case {
  readonly name: string;
  readonly own: Partial<Outcome>;
  readonly base?: Partial<Outcome>;
  readonly metric?: Target["metric"];
  readonly bar?: null;
  readonly want: Verdict;
}

describe("judge", () => {
  it("takes the median of each round's own ratio", () => {
    const rounds = [
      round({ cpuSeconds: 2 }, { cpuSeconds: 2 }),
      round({ cpuSeconds: 6 }, { cpuSeconds: 4 }),
      round({ cpuSeconds: 3 }, { cpuSeconds: 1 }),
    ];
    expect(judge(target, rounds).figure).toEqual({ median: 1.5, min: 1, max: 3 });
  });

  it.each<Case>([
    { name: "a cost at its goal", own: { cpuSeconds: 1.5 }, want: "goal" },
    { name: "a cost at its bar", own: { cpuSeconds: 1.7 }, want: "bar" },
    { name: "a cost above its bar", own: { cpuSeconds: 1.71 }, want: "missed" },
    { name: "the same CPU for half the answers", own: { requests: 500 }, want: "missed" },
    { name: "a disturbed measurement, good as it may look", own: { othersShare: 0.051 }, want: "void" },
    { name: "a disturbed floor", own: {}, base: { othersShare: 0.2 }, want: "void" },
    { name: "a median latency", own: { p50Ms: 1.6, cpuSeconds: 9 }, metric: "p50", want: "bar" },
    { name: "a rate below its bar", own: { requests: 1_190 }, metric: "rps", want: "missed" },
    { name: "a rate at its goal", own: { requests: 1_700 }, metric: "rps", want: "goal" },
    { name: "nothing to meet", own: { cpuSeconds: 9 }, bar: null, want: "compared" },
  ])("calls $name `$want`", ({ own, base, metric = "cpu", bar = 1.7, want }) => {
    const limits = metric === "rps" ? { bar: 1.2, goal: 1.4 } : { bar, goal: bar && 1.5 };
    expect(judge({ ...target, metric, ...limits }, [round(own, base)]).verdict).toBe(want);
  });

  it("says `not run` where a side is absent", () => {
    expect(judge(target, [new Map([[keyOf(bare), outcome]])])).toEqual({ figure: null, verdict: "not run" });
  });
});

describe("joined", () => {
  it("adds up what was counted in parts, and takes the middle of what each part saw", () => {
    const other = { ...outcome, requests: 3_000, answers: 3_200, cpuSeconds: 2, ownShare: 0.96, p50Ms: 3, p99Ms: 4 };
    expect(joined([outcome, other])).toEqual({
      requests: 4_000,
      answers: 4_200,
      seconds: 4,
      cpuSeconds: 3,
      ownShare: 0.97,
      othersShare: 0.01,
      p50Ms: 2,
      p99Ms: 3,
      unexpected: 0,
      example: null,
    });
  });

  it("is disturbed by what disturbed one part", () => {
    const whole = round({}, joined([outcome, { ...outcome, othersShare: 0.2 }]));
    expect(judge(target, [whole]).verdict).toBe("void");
  });
});
