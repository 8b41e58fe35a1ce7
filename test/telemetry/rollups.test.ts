import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Budget } from "../../src/query/budget.ts";
import type { LabelMatcher } from "../../src/query/syntax.ts";
import { decodeRollup, encodeRollup, type Growth } from "../../src/telemetry/rollup-codec.ts";
import { sourceOf } from "../../src/telemetry/rollup-history.ts";
import { noGrowth } from "../../src/telemetry/rollup-kinds.ts";
import { COARSE_MS, coarseUntil, FINE_MS, keptFrom, sampleTimes } from "../../src/telemetry/rollup-times.ts";
import { Rollups } from "../../workers/control/rollups.ts";
import { objectSql } from "../support/object-sql.ts";

const START = Date.UTC(2026, 0, 1);
const ALL = { namespace: null, trustDomains: [] };

/** What was counted, and what would be known of it after a crash now. */
class Counted {
  readonly sql = objectSql();
  rollups = new Rollups(this.sql);
  events: { readonly at: number; readonly key: string; readonly by: number }[] = [];
  written = 0;

  count(at: number, key: string, by: number): void {
    this.rollups.grow("dropped", key, by, at);
    this.events.push({ at, key, by });
  }

  write(now: number): void {
    this.rollups.write(now);
    this.rollups.written();
    this.written = this.events.length;
  }

  crash(): void {
    this.rollups = new Rollups(this.sql);
    this.events = this.events.slice(0, this.written);
  }

  /** Of everything that was counted before a moment. */
  totalAt(time: number, key: string): number {
    return this.events.filter((event) => event.key === key && event.at < time).reduce((sum, { by }) => sum + by, 0);
  }

  samples(steps: readonly number[], reachMs: number, now: number): readonly (readonly [string, number, number])[] {
    const keys = [...new Set(this.events.map(({ key }) => key))];
    const history = {
      series: keys.map((key) => ({
        kind: "dropped" as const,
        key,
        id: this.rollups.idOf("dropped", key),
        total: () => Float64Array.of(this.totalAt(Number.POSITIVE_INFINITY, key)),
      })),
      rows: (after: number) => this.rollups.rows(after, now),
      gauges: [],
      since: this.rollups.since ?? now,
      now,
    };
    const matcher: LabelMatcher = { label: "__name__", operator: "=", value: "tulle_telemetry_dropped_total", at: 0 };
    const windows = { steps: Float64Array.from(steps), reachMs };
    return sourceOf(history, ALL)
      .select([matcher], windows, new Budget())
      .flatMap(({ labels, times, values }) =>
        [...times].map((time, at) => [labels.get("reason") ?? "", time, values[at] ?? -1] as const),
      );
  }
}

describe("the history of counters", () => {
  it("has at each of its moments what was counted before it, whatever was written, added up, forgotten or lost", () => {
    const event = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant("count"),
          key: fc.constantFrom("a", "b", "c"),
          by: fc.nat({ max: 5 }),
        }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("write") }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash") }) },
    );
    const step = fc.tuple(fc.constantFrom(0, 1, 900, 15_000, 14_999, 61_000, 600_000, 5_000_000, 40_000_000), event);
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.nat({ max: 200_000 }), (steps, later) => {
        const counted = new Counted();
        let now = START + 7_000;
        for (const [passes, happens] of steps) {
          now += passes;
          if (happens.kind === "count" && "key" in happens) counted.count(now, happens.key, happens.by + 1);
          if (happens.kind === "write") counted.write(now);
          if (happens.kind === "crash") counted.crash();
        }
        now += later;
        const reach = 3 * COARSE_MS;
        const asked = [now - 20 * 3_600_000, now - 3_600_000, now - 1_800_000, now - 60_000, now];
        const got = counted.samples(asked, reach, now);
        const since = counted.rollups.since ?? now;
        const wanted = ["a", "b", "c"].flatMap((key) =>
          momentsOf(asked, reach, since, now)
            .map((time) => [key, time, counted.totalAt(time, key)] as const)
            .filter(([, , value]) => value > 0),
        );
        expect(got.toSorted(byText)).toEqual(wanted.toSorted(byText));
      }),
      { numRuns: 300 },
    );
  });

  it("keeps what a day needs, and no more", () => {
    const counted = new Counted();
    for (let at = 0; at < 26 * 3_600_000; at += 20_000) {
      counted.count(START + at, "a", 1);
      counted.write(START + at + 1_000);
    }
    const rows = (table: string): number =>
      [...counted.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)][0]?.n ?? 0;
    expect(rows("rollups_fine")).toBeLessThanOrEqual(3 * 61);
    expect(rows("rollups_coarse")).toBeLessThanOrEqual(24 * 60 + 1);
  });

  it("counts what a clock that was set back tells in an interval that is not added up yet", () => {
    const counted = new Counted();
    counted.count(START + 50_000, "a", 1);
    counted.write(START + 60_000);
    counted.count(START + 40_000, "a", 1);
    counted.write(START + 130_000);
    expect(counted.samples([START + 60_000], 1, START + 130_000)).toEqual([["a", START + 60_000, 1]]);
    expect(counted.samples([START + 75_000], 1, START + 130_000)).toEqual([["a", START + 75_000, 2]]);
  });
});

/** All quarters of a minute, or whole ones, that lie in one of the windows. */
function momentsOf(steps: readonly number[], reach: number, since: number, now: number): readonly number[] {
  const first = Math.max(since, keptFrom(now));
  const moments: number[] = [];
  for (let time = Math.floor(first / FINE_MS) * FINE_MS; time <= now; time += FINE_MS) {
    if (time < first || (time <= coarseUntil(now) && time % COARSE_MS !== 0)) continue;
    if (steps.some((step) => time <= step && time > step - reach)) moments.push(time);
  }
  return moments;
}

function byText(one: readonly unknown[], other: readonly unknown[]): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}

describe("a rollup as bytes", () => {
  const value = fc.oneof(fc.integer(), fc.double({ noNaN: true }), fc.constantFrom(0, -0, 2 ** 60, -(2 ** 52), 0.1));

  it("tells again what grew of the series that are wanted", () => {
    const growth = fc.array(fc.tuple(fc.nat({ max: 63 }), value), { maxLength: 8 }).map((places) => {
      const grown = noGrowth("call");
      for (const [place, by] of places) grown[place] = by;
      return grown;
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 5_000 }), growth), { maxLength: 12 }), (all) => {
        const grown = new Map(all);
        const told = new Map<number, Growth>();
        decodeRollup(
          encodeRollup(grown),
          (id) => (id % 3 === 0 ? undefined : id),
          (id, place, by) => {
            const one = told.get(id) ?? noGrowth("call");
            one[place] = by;
            told.set(id, one);
          },
        );
        const wanted = [...grown].filter(([id, one]) => id % 3 !== 0 && one.some((by) => by !== 0));
        const plain = (one: Growth): readonly number[] => Array.from(one, (by) => by + 0);
        expect(new Map(Array.from(told, ([id, one]) => [id, plain(one)]))).toEqual(
          new Map(wanted.map(([id, one]) => [id, plain(one)])),
        );
      }),
    );
  });

  it("takes some bytes for a series that grew, whatever it has", () => {
    const grown = new Map(
      Array.from({ length: 4_000 }, (_, at) => {
        const one = noGrowth("call");
        one[0] = 40;
        one[1] = 812;
        for (const place of [3, 4, 5, 22, 27, 43, 48]) one[place] = 13;
        return [at + 1, one] as const;
      }),
    );
    expect(encodeRollup(grown).length).toBeLessThan(4_000 * 25);
  });
});

it("a query for steps far apart reads samples of their windows alone", () => {
  const now = START + 24 * 3_600_000;
  const steps = Float64Array.from({ length: 20 }, (_, step) => now - 3_600_000 * (20 - step));
  expect(sampleTimes({ steps, reachMs: 120_000 }, 0, now)).toHaveLength(40);
});
