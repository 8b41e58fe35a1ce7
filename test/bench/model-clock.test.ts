import * as fc from "fast-check";
import { expect, it } from "vitest";
import { ModelClock, randomOf } from "../../bench/simulation/model-clock.ts";

it("lets events happen in the order of their times, and of two at one time the first that was set first", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }), async (delays) => {
      const clock = new ModelClock(1_000);
      const happened: (readonly [number, number])[] = [];
      delays.forEach((ms, index) => clock.in(ms, () => happened.push([clock.now - 1_000, index])));
      await clock.until(2_000);
      const expected = delays.map((ms, index) => [ms, index] as const).toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
      expect(happened).toEqual(expected);
    }),
    { seed: 13, numRuns: 200 },
  );
});

it("goes on with what waits, and no further than it is told", async () => {
  const clock = new ModelClock(0);
  const seen: number[] = [];
  const waiting = (async () => {
    for (let i = 0; i < 5; i += 1) {
      await clock.wait(10);
      seen.push(clock.now);
    }
  })();
  await clock.until(35);
  expect([seen, clock.now]).toEqual([[10, 20, 30], 35]);
  await clock.until(100);
  await waiting;
  expect(seen).toEqual([10, 20, 30, 40, 50]);
});

it("draws the same numbers for the same seed", () => {
  const drawn = (seed: number) => Array.from({ length: 5 }, randomOf(seed));
  expect(drawn(7)).toEqual(drawn(7));
  expect(drawn(7)).not.toEqual(drawn(8));
  expect(Math.max(...drawn(7))).toBeLessThan(1);
});
