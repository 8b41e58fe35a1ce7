import { describe, expect, it } from "vitest";
import { ModelClock } from "../../bench/simulation/model-clock.ts";
import { KeptCounters } from "../../src/limits/kept-counters.ts";
import { type LimitAsk, LimitBook } from "../../src/limits/limit-book.ts";
import { type Ask, type Grant, takeAll } from "../../src/limits/limiter.ts";
import type { Rate } from "../../src/limits/rate.ts";
import { Turns } from "../../src/limits/turns.ts";
import { Limits } from "../../workers/gateway/limits.ts";
import { overshoot, type Use } from "./naive.ts";
import { type Draws, eachSeed } from "./random.ts";

const START = 1_780_000_000_000;

function askOf(counter: string, rate: Rate, change: Partial<Ask> = {}): Ask {
  return { counter, rates: [rate], cost: 1, want: 1, leaseMs: 0, audit: false, ...change };
}

/** What the limiter says of one ask, with its turn. */
function given(turns: Turns, ask: Ask, grant: Partial<Grant>, now: number): number | undefined {
  const full = { amount: 0, left: 0, resetMs: 0, retryAfterMs: 1, ...grant };
  return turns.given([ask], { ok: full.amount > 0, grants: [full], at: now }).grants[0]?.restMs;
}

describe("turns", () => {
  it("are one behind the other: of a key no more come in any second than its bound, however many ask", () => {
    eachSeed(5, (draws) => {
      const turns = new Turns();
      const isLeased = draws.chance(0.5);
      const [bound, leaseMs] = isLeased ? [400, 500] : [200, 0];
      const asks = ["a", "b"].map((key) => askOf(key, { limit: 5_000, windowMs: 1_000 }, { leaseMs, want: 2 }));
      const times: number[][] = [[], []];
      for (let step = 0, now = START; step < 3_000; step += 1, now += draws.int(0, 3)) {
        const which = draws.int(0, 1);
        const rest = given(turns, asks[which] ?? askOf("a", { limit: 1, windowMs: 1 }), {}, now);
        times[which]?.push(now + (rest ?? Number.NaN));
      }
      for (const of of times) {
        expect(of).toEqual(of.toSorted((a, b) => a - b));
        expect(of.filter((end, at) => (of[at + bound + 1] ?? Infinity) < end + 1_000)).toEqual([]);
      }
    });
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
    const how = { scope: "GLOBAL", cost: 1, audit: false, closed: false, missing: false, timeoutMs: 400 } as const;
    const rates = [{ limit: 100, windowMs: 1_000 }];
    const asks: LimitAsk[] = [{ ...how, name: "key", counter: "key", shared: "others", rates }];
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

  it("begin anew where the clock went back", () => {
    const turns = new Turns();
    const ask = askOf("key", { limit: 500, windowMs: 1_000 });
    expect(given(turns, ask, {}, START)).toBe(5);
    expect(given(turns, ask, {}, START - 3_600_000)).toBe(5);
  });
});

interface Traffic {
  readonly isolates: number;
  readonly perSecond: number;
  readonly seconds: number;
}

/** Isolates, by the gateway's own code, and one limiter, with 30 ms between them. What comes in the first two seconds is not counted in the shares. */
async function run(draws: Draws, rate: Rate, { isolates, perSecond, seconds }: Traffic) {
  const [clock, counters, turns] = [new ModelClock(START), new KeptCounters(10), new Turns()];
  const how = { scope: "GLOBAL", cost: 1, audit: false, closed: false, missing: false, timeoutMs: 400 } as const;
  const ask: LimitAsk = { ...how, name: "key", counter: "key", shared: "others", rates: [rate] };
  const uses: Use[] = [];
  const failures: unknown[] = [];
  const warm = START + 2_000;
  const end = warm + 1_000 * seconds;
  let [calls, requests] = [0, 0];
  const all = Array.from({ length: isolates }, () => {
    const take: ConstructorParameters<typeof Limits>[0]["state"]["take"] = async ({ asks }) => {
      await clock.wait(draws.int(10, 20));
      if (clock.now >= warm) calls += 1;
      const taken = turns.given(asks, takeAll(counters, asks, clock.now));
      // Always as long: else two that were granted one behind the other could be used at once.
      await clock.wait(15);
      return taken;
    };
    const within = async <T>(_: number, promise: Promise<T>): Promise<T> => promise;
    const state = { take, charge: async () => undefined };
    return new Limits({ state, location: () => null, count: () => undefined, clock: { now: () => clock.now, within } });
  });
  const one = async (limits: Limits): Promise<void> => {
    const { limits: taken } = await limits.take([ask]);
    if (taken[0]?.verdict === "taken") uses.push({ at: clock.now, cost: 1 });
  };
  let due = START;
  const arrive = (): void => {
    const limits = all[draws.int(0, isolates - 1)];
    if (limits === undefined || clock.now >= end) return;
    if (clock.now >= warm) requests += 1;
    one(limits).catch((error: unknown) => failures.push(error));
    // A pause as of a Poisson process, to whole ms.
    due += (-Math.log(draws.int(1, 1_000_000) / 1_000_000) * 1_000) / perSecond;
    clock.in(Math.max(0, Math.round(due) - clock.now), arrive);
  };
  arrive();
  await clock.until(end);
  expect(failures).toEqual([]);
  const counted = uses.filter(({ at }) => at >= warm && at < end).length;
  return { uses, admitted: counted / seconds, calls: calls / seconds, requests: requests / seconds };
}

async function eachOf(runs: number, check: (draws: Draws) => Promise<void>): Promise<void> {
  const all: Draws[] = [];
  eachSeed(runs, (draws) => void all.push(draws));
  for (const draws of all)
    await check(draws).catch((error: unknown) => {
      throw new Error(`SEED=${draws.seed}: ${String(error)}`, { cause: error });
    });
}

describe("many isolates on one key", () => {
  it.each([
    { limit: 100, burst: 20, isolates: 20, asked: 2, most: 450 },
    { limit: 100, burst: 20, isolates: 20, asked: 50, most: 450 },
    { limit: 500, burst: 500, isolates: 20, asked: 2, most: 40 },
    { limit: 500, burst: 100, isolates: 20, asked: 2, most: 200 },
    { limit: 1_000, burst: 1_000, isolates: 500, asked: 10, most: 450 },
  ])(
    "of $limit/s and a burst of $burst, $isolates of them asking $asked times as much: never above it, 95 % of it, and few calls",
    async ({ limit, burst, isolates, asked, most }) => {
      await eachOf(1, async (draws) => {
        const rate = { limit, windowMs: 1_000, burst };
        const seen = await run(draws, rate, { isolates, perSecond: asked * limit, seconds: 2 });
        expect(overshoot(seen.uses, rate)).toBeLessThanOrEqual(0);
        expect(seen.admitted).toBeGreaterThanOrEqual(0.95 * limit);
        expect(seen.calls).toBeLessThanOrEqual(most);
      });
    },
  );

  it.each([
    { name: "2,500 a second of 5,000", rate: { limit: 5_000, windowMs: 1_000 }, perSecond: 2_500 },
    { name: "1,000 a second of 60,000 a minute", rate: { limit: 60_000, windowMs: 60_000 }, perSecond: 1_000 },
  ])("make at most one call in 50 requests with $name, from 20 isolates", async ({ rate, perSecond }) => {
    await eachOf(1, async (draws) => {
      const seen = await run(draws, rate, { isolates: 20, perSecond, seconds: 2 });
      expect(seen.admitted).toBeGreaterThanOrEqual(0.99 * seen.requests);
      expect(seen.calls).toBeLessThanOrEqual(seen.requests / 50);
    });
  });
});
