import { describe, expect, it } from "vitest";
import type { Rate } from "../../src/limits/rate.ts";
import { between, type Older, SharedKey, START } from "./isolates.ts";
import { overshoot } from "./naive.ts";
import { type Draws, eachSeed } from "./random.ts";

interface Traffic {
  readonly isolates: number;
  readonly perSecond: number;
  readonly seconds: number;
  /** What comes before is not counted in the shares. */
  readonly warmMs: number;
  /** Nine of ten requests are the first isolate's. */
  readonly skewed?: boolean;
  readonly older?: Older;
}

async function run(draws: Draws, rate: Rate, { isolates, perSecond, seconds, warmMs, skewed, older }: Traffic) {
  const key = new SharedKey(draws, rate, isolates, older);
  const warm = START + warmMs;
  const end = warm + 1_000 * seconds;
  const first = () => (draws.chance(0.9) ? 0 : draws.int(1, isolates - 1));
  key.traffic(perSecond, skewed === true ? first : isolates, end);
  await key.clock.until(end);
  expect(key.failures).toEqual([]);
  const perS = (times: readonly number[]) => between(times, warm, end) / seconds;
  const admitted = perS(key.uses.map(({ at }) => at));
  return { uses: key.uses, admitted, calls: perS(key.calls), requests: perS(key.requests) };
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
        const seen = await run(draws, rate, { isolates, perSecond: asked * limit, seconds: 2, warmMs: 2_000 });
        expect(overshoot(seen.uses, rate)).toBeLessThanOrEqual(0);
        expect(seen.admitted).toBeGreaterThanOrEqual(0.95 * limit);
        expect(seen.calls).toBeLessThanOrEqual(most);
      });
    },
  );

  it.each([500, 2_000])(
    "of %d/s, one of which is asked nine tenths of twice as much: never above it, and 95 %% of it",
    async (limit) => {
      await eachOf(2, async (draws) => {
        const rate = { limit, windowMs: 1_000 };
        const traffic = { isolates: 20, perSecond: 2 * limit, seconds: 4, warmMs: 2_000, skewed: true };
        const seen = await run(draws, rate, traffic);
        expect(overshoot(seen.uses, rate)).toBeLessThanOrEqual(0);
        expect(seen.admitted).toBeGreaterThanOrEqual(0.95 * limit);
      });
    },
  );

  it.each([
    { name: "half of them", older: { isolates: 10, limiter: false } },
    { name: "one of them", older: { isolates: 1, limiter: false } },
    { name: "their limiter", older: { isolates: 0, limiter: true } },
  ])("where $name is of an older release: never above it, and nobody is refused for that", async ({ older }) => {
    await eachOf(2, async (draws) => {
      const rate = { limit: 1_000, windowMs: 1_000 };
      const of = async (perSecond: number) =>
        run(draws, rate, { isolates: 20, perSecond, seconds: 3, warmMs: 2_000, older });
      const [some, twice] = [await of(800), await of(2_000)];
      for (const { uses } of [some, twice]) expect(overshoot(uses, rate)).toBeLessThanOrEqual(0);
      expect(some.admitted).toBeGreaterThanOrEqual(0.99 * some.requests);
      expect(twice.admitted).toBeGreaterThanOrEqual(0.95 * rate.limit);
    });
  });

  it.each([
    { limit: 100, burst: 100, isolates: 200, perSecond: 5_000 },
    { limit: 100, burst: 5, isolates: 400, perSecond: 5_000 },
    { limit: 100, burst: 100, isolates: 1_000, perSecond: 5_000 },
    { limit: 10, burst: 1, isolates: 2_000, perSecond: 4_000 },
  ])(
    "of $limit/s, each request a call, and a burst of $burst, $isolates of them: never above it, 95 % of it, and less than 450 calls a second",
    async ({ limit, burst, isolates, perSecond }) => {
      await eachOf(1, async (draws) => {
        const rate = { limit, windowMs: 1_000, burst };
        const seen = await run(draws, rate, { isolates, perSecond, seconds: 2, warmMs: 4_000 });
        expect(overshoot(seen.uses, rate)).toBeLessThanOrEqual(0);
        expect(seen.admitted).toBeGreaterThanOrEqual(0.95 * limit);
        expect(seen.calls).toBeLessThan(450);
      });
    },
  );

  it("are never above it, however many there are, whatever they ask, and whatever rests they were told by a limiter that forgets them", async () => {
    await eachOf(4, async (draws) => {
      const limit = draws.int(1, 300);
      const rate = { limit, windowMs: 1_000, burst: draws.int(1, 2 * limit) };
      const isolates = draws.int(1, 1_000);
      const key = new SharedKey(draws, rate, isolates);
      key.traffic(draws.int(limit, 2_000), isolates, START + 3_000);
      for (let at = draws.int(0, 5); at > 0; at -= 1) key.clock.in(draws.int(0, 3_000), () => key.forget());
      await key.clock.until(START + 4_000);
      expect(key.failures).toEqual([]);
      expect(key.uses.length).toBeGreaterThan(0);
      expect(overshoot(key.uses, rate)).toBeLessThanOrEqual(0);
    });
  });

  it("that were refused are let in again, each of them, when there is room: within a second for each 400 of them, and two more", async () => {
    await eachOf(2, async (draws) => {
      const isolates = draws.int(400, 1_000);
      const rate = { limit: 100, windowMs: 1_000, burst: draws.int(5, 100) };
      const key = new SharedKey(draws, rate, isolates);
      const off = START + 4_000;
      key.traffic(5 * isolates, isolates, off);
      // Those that go on ask for less than it allows, each five times a second on average.
      const [few, bound] = [10, 1_000 * (2 + isolates / 400)];
      const end = off + bound + 2_000;
      key.clock.in(4_000, () => key.traffic(5 * few, few, end));
      await key.clock.until(end);
      expect(overshoot(key.uses, rate)).toBeLessThanOrEqual(0);
      const after = key.uses.filter(({ at }) => at >= off);
      for (let isolate = 0; isolate < few; isolate += 1)
        expect(after.find((use) => use.isolate === isolate)?.at).toBeLessThanOrEqual(off + bound);
      // And from then on hardly anybody is refused.
      const times = after.map(({ at }) => at);
      const asked = between(key.requests, off + bound, end - 100);
      expect(between(times, off + bound, end)).toBeGreaterThanOrEqual(0.95 * asked);
    });
  });

  it.each([
    { limit: 500, isolates: 4, asked: 0.5 },
    { limit: 500, isolates: 4, asked: 0.9 },
    { limit: 2_000, isolates: 20, asked: 0.5 },
  ])(
    "of $limit/s let all pass two seconds after a flood, where $isolates of them ask for $asked times as much",
    async ({ limit, isolates, asked }) => {
      await eachOf(2, async (draws) => {
        const key = new SharedKey(draws, { limit, windowMs: 1_000 }, isolates);
        const off = START + 3_000;
        key.traffic(20 * limit, isolates, off);
        key.clock.in(3_000, () => key.traffic(asked * limit, isolates, off + 4_000));
        await key.clock.until(off + 4_100);
        const times = key.uses.map(({ at }) => at);
        const passed = between(times, off + 2_000, off + 4_000) / between(key.requests, off + 2_000, off + 4_000);
        expect(passed).toBeGreaterThanOrEqual(0.93);
      });
    },
  );

  it.each([
    { name: "2,500 a second of 5,000", rate: { limit: 5_000, windowMs: 1_000 }, perSecond: 2_500 },
    { name: "1,000 a second of 2,000", rate: { limit: 2_000, windowMs: 1_000 }, perSecond: 1_000 },
    {
      name: "1,000 a second of 2,000, nine tenths of them one isolate's,",
      rate: { limit: 2_000, windowMs: 1_000 },
      perSecond: 1_000,
      skewed: true,
    },
    { name: "1,000 a second of 1,250", rate: { limit: 1_250, windowMs: 1_000 }, perSecond: 1_000 },
    { name: "1,000 a second of 20,000 in 10 s", rate: { limit: 20_000, windowMs: 10_000 }, perSecond: 1_000 },
    { name: "1,000 a second of 60,000 a minute", rate: { limit: 60_000, windowMs: 60_000 }, perSecond: 1_000 },
  ])(
    "make at most one call in 50 requests with $name, from 20 isolates",
    async ({ rate, perSecond, skewed = false }) => {
      await eachOf(1, async (draws) => {
        const seen = await run(draws, rate, { isolates: 20, perSecond, seconds: 4, warmMs: 2_000, skewed });
        expect(overshoot(seen.uses, { burst: rate.limit, ...rate })).toBeLessThanOrEqual(0);
        expect(seen.admitted).toBeGreaterThanOrEqual(0.99 * seen.requests);
        expect(seen.calls).toBeLessThanOrEqual(seen.requests / 50);
      });
    },
  );
});
