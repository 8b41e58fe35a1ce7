import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cellName, cellOf, DIVIDED_ABOVE, readShards, shardOf, Sharding } from "../../src/exchange/shards.ts";

const SEED = 13;
const T0 = 1_800_000_000_000;

describe("the cell of an isolate", () => {
  it("is one that the location has, and with twice as many cells the same or its new half", () => {
    const exponent = fc.integer({ min: 0, max: 5 });
    fc.assert(
      fc.property(fc.uuid(), exponent, (isolate, of) => {
        const shard = shardOf(isolate, 2 ** of);
        expect(shard).toBeLessThan(2 ** of);
        expect([shard, shard + 2 ** of]).toContain(shardOf(isolate, 2 ** (of + 1)));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it("has about as many isolates as each other one", () => {
    const counts = Array.from({ length: 16 }, () => 0);
    // Ids that differ little: what spreads them is the hash.
    for (let i = 0; i < 16_000; i += 1) {
      const shard = shardOf(`00000000-0000-4000-8000-${String(i).padStart(12, "0")}`, 16);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1_200);
  });

  it("has a name from which its location is read again", () => {
    fc.assert(
      fc.property(fc.constantFrom("AMS", "unknown", "LOC/x", "LOC 2"), fc.integer({ min: 0, max: 63 }), (at, shard) => {
        expect(cellOf(cellName(at, shard))).toEqual({ location: at, shard });
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it.each([undefined, 0, -1, 3, 128, 1.5, Number.NaN, "2", null])(
    "is the only one where %s cells are told of",
    (told) => {
      expect(readShards(told)).toBe(1);
    },
  );
});

describe("the number of a location's cells, on a model clock", () => {
  interface Modelled {
    readonly sharding: Sharding;
    /** When each isolate came last. */
    readonly heard: Map<string, number>;
    judgedAt: number;
    own: number;
  }

  /** A location as isolates and cells see it: each isolate exchanges once a second with the cell that follows from what it was told. */
  class Location {
    readonly cells = new Map<number, Modelled>();
    readonly told = new Map<string, number>();
    now = T0;

    isolates(count: number, from = 0): void {
      for (let i = 0; i < count; i += 1) this.told.set(`isolate-${from + i}-${(from + i) * 7919}`, 1);
    }

    second(): void {
      this.now += 1_000;
      for (const [isolate, shards] of this.told) {
        const cell = this.cell(shardOf(isolate, shards));
        cell.sharding.hear(shards, this.now);
        cell.heard.set(isolate, this.now);
        if (cell.judgedAt !== this.now) this.judge(cell);
        this.told.set(isolate, cell.sharding.told(cell.own, this.now));
      }
    }

    cell(shard: number): Modelled {
      const known = this.cells.get(shard);
      if (known !== undefined) return known;
      const cell = { sharding: new Sharding(shard, this.now), heard: new Map(), judgedAt: 0, own: 0 };
      this.cells.set(shard, cell);
      return cell;
    }

    judge(cell: Modelled): void {
      cell.judgedAt = this.now;
      cell.own = 0;
      for (const [isolate, at] of cell.heard)
        if (this.now - at >= 10_000) cell.heard.delete(isolate);
        else if (cell.sharding.owns(isolate)) cell.own += 1;
      cell.sharding.judge(cell.own, this.now);
    }

    seconds(count: number): void {
      for (let i = 0; i < count; i += 1) this.second();
    }

    /** How many isolates each cell was talked to by in the last second. */
    crowd(): readonly number[] {
      const counts = new Map<number, number>();
      for (const [isolate, shards] of this.told) {
        const shard = shardOf(isolate, shards);
        counts.set(shard, (counts.get(shard) ?? 0) + 1);
      }
      return [...counts.values()];
    }
  }

  it("is one up to 600 isolates, and grows with them until no cell has more", () => {
    const location = new Location();
    location.isolates(DIVIDED_ABOVE);
    location.seconds(20);
    expect(location.crowd()).toEqual([DIVIDED_ABOVE]);
    location.isolates(1_500, DIVIDED_ABOVE);
    location.seconds(40);
    expect(Math.max(...location.crowd())).toBeLessThanOrEqual(DIVIDED_ABOVE);
    expect(location.crowd().length).toBeGreaterThanOrEqual(4);
  });

  it("stays where it is once it fits: no isolate is sent to and fro", () => {
    for (const count of [150, 600, 620, 1_200, 1_300, 2_400]) {
      const location = new Location();
      location.isolates(count);
      location.seconds(60);
      const settled = new Map(location.told);
      const sent = new Set<string>();
      for (let i = 0; i < 30; i += 1) {
        location.second();
        for (const [isolate, shards] of location.told) if (shards !== settled.get(isolate)) sent.add(isolate);
      }
      expect(sent).toEqual(new Set());
    }
  });

  it("becomes one again when most have gone", () => {
    const location = new Location();
    location.isolates(1_500);
    location.seconds(40);
    expect(location.crowd().length).toBeGreaterThan(2);
    const few = [...location.told].slice(0, 60);
    location.told.clear();
    for (const [isolate, shards] of few) location.told.set(isolate, shards);
    location.seconds(120);
    expect(location.crowd()).toEqual([60]);
  });

  it("is known again to a cell that lost its memory, by what its isolates were told", () => {
    const location = new Location();
    location.isolates(1_500);
    location.seconds(60);
    const before = new Map(location.told);
    location.cells.clear();
    location.seconds(30);
    expect(location.told).toEqual(before);
  });
});
