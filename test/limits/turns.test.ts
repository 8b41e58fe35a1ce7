import { describe, expect, it } from "vitest";
import { KeptCounters } from "../../src/limits/kept-counters.ts";
import { type LimitAsk, LimitBook } from "../../src/limits/limit-book.ts";
import { type Ask, type Grant, takeAll } from "../../src/limits/limiter.ts";
import type { Rate } from "../../src/limits/rate.ts";
import { Turns } from "../../src/limits/turns.ts";
import { HOW, START } from "./isolates.ts";
import { eachSeed } from "./random.ts";

function askOf(counter: string, rate: Rate, change: Partial<Ask> = {}): Ask {
  return { counter, rates: [rate], cost: 1, want: 1, leaseMs: 0, audit: false, ...change };
}

/** What the limiter says of one ask, with its turn. */
function given(turns: Turns, ask: Ask, grant: Partial<Grant>, now: number): number | undefined {
  const full = { amount: 0, left: 0, resetMs: 0, retryAfterMs: 1, ...grant };
  return turns.given([ask], { ok: full.amount > 0, grants: [full], at: now }).grants[0]?.restMs;
}

describe("turns", () => {
  it("are one behind the other: of a key no more isolates come in any second than its bound, however many ask", () => {
    eachSeed(5, (draws) => {
      const turns = new Turns();
      const how = draws.chance(0.5) ? { leaseMs: 500 } : { again: true as const };
      const asks = ["a", "b"].map((key) => askOf(key, { limit: 5_000, windowMs: 1_000 }, { ...how, want: 2 }));
      const times: number[][] = [[], []];
      for (let step = 0, now = START; step < 3_000; step += 1, now += draws.int(0, 3)) {
        const which = draws.int(0, 1);
        const rest = given(turns, asks[which] ?? askOf("a", { limit: 1, windowMs: 1 }), {}, now);
        times[which]?.push(now + (rest ?? Number.NaN));
      }
      for (const of of times) {
        expect(of).toEqual(of.toSorted((a, b) => a - b));
        expect(of.filter((end, at) => (of[at + 401] ?? Infinity) < end + 1_000)).toEqual([]);
      }
    });
  });

  it("are of each request where each is a call: 200 a second, and nobody's later than a second, which isolates wait they do not tell", () => {
    const turns = new Turns();
    const [ask, again] = [
      askOf("key", { limit: 50, windowMs: 1_000 }),
      askOf("key", { limit: 50, windowMs: 1_000 }, { again: true }),
    ];
    const rests = Array.from({ length: 2_000 }, () => given(turns, ask, {}, START));
    expect(rests).toEqual(rests.map((_, at) => Math.min(1_000, 5 * (at + 1))));
    const isolates = Array.from({ length: 2_000 }, () => given(turns, again, {}, START));
    expect(isolates).toEqual(isolates.map((_, at) => Math.max(1_000, Math.ceil(2.5 * (at + 1)))));
    expect(given(turns, ask, {}, START)).toBe(1_000);
    expect(Math.max(...Array.from({ length: 30_000 }, () => given(turns, again, {}, START) ?? 0))).toBe(60_000);
  });

  it("are told to who has rested for long and gets the last, or some while many are refused: its next call is saved", () => {
    const turns = new Turns();
    const [ask, again] = [
      askOf("key", { limit: 50, windowMs: 1_000 }),
      askOf("key", { limit: 50, windowMs: 1_000 }, { again: true }),
    ];
    expect(given(turns, again, { amount: 1, left: 3 }, START)).toBeUndefined();
    expect(given(turns, ask, { amount: 1, left: 0 }, START)).toBeUndefined();
    expect(given(turns, again, { amount: 1, left: 0 }, START)).toBe(5);
    for (let at = 0; at < 100; at += 1) given(turns, ask, {}, START);
    expect(given(turns, again, { amount: 1, left: 3 }, START)).toBe(510);
    expect(given(turns, ask, { amount: 1, left: 3 }, START)).toBeUndefined();
    expect(given(turns, again, { amount: 1, left: 3 }, START + 1_000)).toBeUndefined();
  });

  it("come when those before have what they want, as long as that is not longer than a second", () => {
    const turns = new Turns();
    const ask = askOf("key", { limit: 500, windowMs: 1_000 }, { leaseMs: 500, want: 50 });
    expect([0, 1, 2].map(() => given(turns, ask, {}, START))).toEqual([100, 200, 300]);
    for (let at = 0; at < 20; at += 1) expect(given(turns, ask, {}, START)).toBeLessThanOrEqual(1_000);
    expect(given(turns, ask, { amount: 20 }, START + 60_000)).toBe(100);
  });

  it("are of those alone who got less than they asked for, or while others wait", () => {
    const turns = new Turns();
    const ask = askOf("key", { limit: 500, windowMs: 1_000 }, { leaseMs: 500, want: 50 });
    const full = { amount: 50, left: 260, retryAfterMs: 0 };
    expect(given(turns, ask, full, START)).toBeUndefined();
    expect(given(turns, ask, {}, START)).toBe(100);
    expect(given(turns, ask, full, START)).toBe(200);
    expect(given(turns, ask, { ...full, left: 400 }, START)).toBeUndefined();
    expect(given(turns, { ...ask, counter: "other" }, full, START)).toBeUndefined();
    expect(given(turns, ask, { retryAfterMs: Infinity }, START)).toBeUndefined();
    expect(given(turns, ask, full, START + 201)).toBeUndefined();
  });

  it("of one burst shut nobody out for longer than a second: there is room again by then", () => {
    const [book, counters, turns] = [new LimitBook(), new KeptCounters(10), new Turns()];
    const rates = [{ limit: 100, windowMs: 1_000 }];
    const asks: LimitAsk[] = [{ ...HOW, name: "key", counter: "key", shared: "others", rates }];
    const burst = Array.from({ length: 2_000 }, () => book.begin(asks, START));
    const taken = burst.map((begun) => {
      if (!("kind" in begun)) throw new Error("nobody was asked");
      const remote = begun.remote.map(({ ask }) => ask);
      return book.settle(begun, turns.given(remote, takeAll(counters, remote, START)), START).limits[0]?.verdict;
    });
    expect(taken.filter((verdict) => verdict === "taken")).toHaveLength(100);
    expect(book.begin(asks, START + 999)).not.toHaveProperty("kind");
    expect(book.begin(asks, START + 1_000)).toHaveProperty("kind", "asking");
  });

  it.each([
    ["of which each request is a call: never less than 200", { again: true as const }, [400, 400, 260, 200, 200]],
    [
      "taken by parts: never less than twice what brings all of it",
      { leaseMs: 1_000, want: 8 },
      [400, 400, 260, 250, 250],
    ],
  ])("leave room for other keys of their object, of a key %s isolates a second", (_, how, expected) => {
    const isolatesPerSecond = (others: number): number => {
      const turns = new Turns();
      const [ask, other] = [
        askOf("key", { limit: 1_000, windowMs: 1_000 }, how),
        askOf("other", { limit: 5_000, windowMs: 1_000 }),
      ];
      for (let at = 0; at <= 2 * others; at += 1)
        given(turns, other, { amount: 1, left: 9 }, START + Math.floor((1_000 * at) / others));
      const rests = Array.from({ length: 2_000 }, () => given(turns, ask, {}, START + 2_000) ?? 0);
      return rests.filter((rest) => rest > 2_000 && rest <= 3_000).length;
    };
    expect([10, 50, 190, 250, 4_000].map(isolatesPerSecond)).toEqual(expected);
  });

  it("do so for no rush that is over within a second", () => {
    const turns = new Turns();
    const [again, other] = [
      askOf("key", { limit: 50, windowMs: 1_000 }, { again: true }),
      askOf("other", { limit: 5_000, windowMs: 1_000 }),
    ];
    for (let at = 0; at <= 1_000; at += 1) given(turns, other, { amount: 1, left: 9 }, START + at);
    const rests = Array.from({ length: 2_000 }, () => given(turns, again, {}, START + 1_000) ?? 0);
    expect(rests.at(-1)).toBe(5_000);
  });

  it("begin anew where the clock went back", () => {
    const turns = new Turns();
    const ask = askOf("key", { limit: 500, windowMs: 1_000 });
    expect(given(turns, ask, {}, START)).toBe(5);
    expect(given(turns, ask, {}, START - 3_600_000)).toBe(5);
  });

  it.each([
    ["take parts", { leaseMs: 500, want: 2 }],
    ["have rested for long", { again: true as const }],
    ["make a call for each request", {}],
  ])("of isolates that %s begin anew by however little the clock went back", (_, how) => {
    eachSeed(20, (draws) => {
      const ask = askOf("key", { limit: 500, windowMs: 1_000 }, how);
      const [turns, anew] = [new Turns(), new Turns()];
      for (let at = draws.int(1, 500); at > 0; at -= 1) given(turns, ask, {}, START);
      const back = START - draws.int(1, 59_000);
      for (let at = 0; at < 3; at += 1) expect(given(turns, ask, {}, back)).toBe(given(anew, ask, {}, back));
    });
  });
});
