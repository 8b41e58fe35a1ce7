import { describe, expect, it } from "vitest";
import { lately, latency } from "./latency.ts";
import type { Loaded } from "./load.ts";

const run = (p50Ms: number, p99Ms: number): Loaded => ({
  sent: 1,
  statuses: {},
  byRequest: [],
  p50Ms,
  p99Ms,
  maxMs: p99Ms,
});

/** Gives what is written down, in turn, and tells of each. */
function inTurn(name: string, told: string[], runs: readonly Loaded[]): () => Promise<Loaded> {
  const left = [...runs];
  return async () => {
    const next = left.shift();
    if (next === undefined) throw new Error(`${name} was measured once too often`);
    told.push(name);
    return next;
  };
}

describe("the rule for latency", () => {
  it.each([
    { name: "holds at 1.2 x B + 1 ms and 2 x B + 10 ms", seen: run(3.4, 30), holds: [true, true] },
    { name: "is missed by p50 alone", seen: run(3.5, 30), holds: [false, true] },
    { name: "is missed by p99 alone", seen: run(3.4, 30.1), holds: [true, false] },
  ])("$name", async ({ seen, holds }) => {
    const { figures } = await latency(
      async () => run(2, 10),
      async () => seen,
    );
    expect(figures.map((figure) => figure.holds)).toEqual(holds);
  });

  it("takes the best of three, each beside a B of just before", async () => {
    const told: string[] = [];
    const baseline = inTurn("B", told, [run(2, 10), run(2, 10), run(2, 10)]);
    const measure = inTurn("fault", told, [run(9, 10), run(2, 99), run(2, 10)]);
    const { runs, figures } = await latency(baseline, measure);
    expect(told).toEqual(["B", "fault", "B", "fault", "B", "fault"]);
    expect([runs.length, figures.every(({ holds }) => holds)]).toEqual([3, true]);
  });

  it("tries no more once one holds", async () => {
    const { runs } = await latency(
      async () => run(2, 10),
      async () => run(2, 10),
    );
    expect(runs).toHaveLength(1);
  });

  it("is missed where none of the three holds, and then is not open to be tried again", async () => {
    const { runs, figures } = await latency(
      async () => run(2, 10),
      async () => run(2, 31),
    );
    expect(runs).toHaveLength(3);
    expect(figures.map(({ holds, best }) => [holds, best])).toEqual([
      [true, true],
      [false, true],
    ]);
  });
});

describe("B, measured lately", () => {
  it("is the median of three runs: neither a lucky one nor one that met a pause", async () => {
    const told: string[] = [];
    const baseline = lately(inTurn("B", told, [run(1, 300), run(3, 10), run(2, 20)]));
    expect(await baseline()).toEqual({ p50Ms: 2, p99Ms: 20 });
    expect(told).toHaveLength(3);
  });

  it("is measured once more for each try, and the oldest run counts no more", async () => {
    const told: string[] = [];
    const baseline = lately(inTurn("B", told, [run(1, 300), run(1, 10), run(1, 20), run(1, 10)]));
    await baseline();
    expect(await baseline()).toEqual({ p50Ms: 1, p99Ms: 10 });
    expect(told).toHaveLength(4);
  });
});
