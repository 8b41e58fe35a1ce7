import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RetryBudget } from "../../src/resilience/retry-budget.ts";
import type { PoolSettings } from "../../src/snapshot/model.ts";

/** Remembers everything with its time and counts anew at each question, as the rules say; what the share is of falls into slots of a tenth. */
class NaiveBudget {
  readonly #begun: number[] = [];
  readonly #byShare: number[] = [];
  readonly #byReserve: number[] = [];
  active = 0;
  retrying = 0;

  begin(now: number): void {
    this.active += 1;
    this.#begun.push(now);
  }

  take({ maxRetries, retryBudget }: PoolSettings, now: number): boolean {
    const recent = (times: readonly number[], overMs: number) =>
      times.filter((time) => Math.floor(now / (overMs / 10)) - Math.floor(time / (overMs / 10)) < 10).length;
    let most = maxRetries ?? Number.POSITIVE_INFINITY;
    if (retryBudget !== undefined) {
      const { percent, minConcurrency, intervalMs } = retryBudget;
      const of = intervalMs === 0 ? this.active : recent(this.#begun, intervalMs);
      most = Math.max(minConcurrency, Math.floor((percent * of) / 100));
    }
    if (this.retrying + 1 > most) return false;
    if (this.#byReserve.filter((time) => now - time < 1_000).length < 10) this.#byReserve.push(now);
    else if ((recent(this.#byShare, 10_000) + 1) * 5 <= recent(this.#begun, 10_000)) this.#byShare.push(now);
    else return false;
    this.retrying += 1;
    return true;
  }
}

const SETTINGS = fc.oneof(
  fc.constant<PoolSettings>({}),
  fc.record({ maxRetries: fc.integer({ min: 1, max: 5 }) }),
  fc.record({
    maxRetries: fc.integer({ min: 1, max: 5 }),
    retryBudget: fc.record({
      percent: fc.integer({ min: 0, max: 100 }),
      minConcurrency: fc.integer({ min: 0, max: 4 }),
      intervalMs: fc.constantFrom(0, 100, 1_000),
    }),
  }),
);

const STEPS = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 12_000 })),
    does: fc.constantFrom("begin", "begin", "begin", "end", "take", "take", "give"),
    times: fc.integer({ min: 1, max: 30 }),
  }),
  { maxLength: 80 },
);

describe("a retry budget", () => {
  it("agrees with one that remembers everything", () => {
    fc.assert(
      fc.property(SETTINGS, STEPS, fc.integer({ min: 0, max: 2_000_000_000_000 }), (settings, steps, start) => {
        const [budget, naive] = [new RetryBudget(), new NaiveBudget()];
        let now = start;
        for (const { afterMs, does, times } of steps) {
          now += afterMs;
          for (let time = 0; time < times; time += 1) {
            if (does === "begin") {
              budget.begin(settings, now);
              naive.begin(now);
            } else if (does === "end" && naive.active > 0) {
              budget.end();
              naive.active -= 1;
            } else if (does === "give" && naive.retrying > 0) {
              budget.give();
              naive.retrying -= 1;
            } else if (does === "take") {
              expect(budget.take(settings, now)).toBe(naive.take(settings, now));
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("lets a fifth of the requests through again, and ten a second beside", () => {
    const budget = new RetryBudget();
    let taken = 0;
    const seconds = 30;
    for (let ms = 0; ms < seconds * 1_000; ms += 5) {
      budget.begin({}, ms);
      if (budget.take({}, ms)) {
        taken += 1;
        budget.give();
      }
      budget.end();
    }
    const requests = seconds * 200;
    expect(taken).toBeLessThanOrEqual(0.2 * requests + 10 * (seconds + 1));
    expect(taken).toBeGreaterThan(0.19 * requests + 9 * seconds);
  });

  it("lets no more through in a storm of 20 s, whenever it begins", () => {
    for (let start = 0; start < 1_000; start += 37) {
      const budget = new RetryBudget();
      let taken = 0;
      for (let ms = start; ms < start + 20_000; ms += 5) {
        budget.begin({}, ms);
        for (let attempt = 0; attempt < 5; attempt += 1)
          if (budget.take({}, ms)) {
            taken += 1;
            budget.give();
          }
        budget.end();
      }
      expect(taken).toBeLessThanOrEqual(0.2 * 4_000 + 10 * 20);
    }
  });

  it("lets all be tried again of 60 a second of which a third fails, though a second's come at once beside them", () => {
    const budget = new RetryBudget();
    let withheld = 0;
    for (let call = 0; call < 60 * 11; call += 1) {
      const now = Math.floor((Math.min(call, 600) * 1_000) / 60);
      budget.begin({}, now);
      if (call % 3 === 0) {
        if (budget.take({}, now)) budget.give();
        else withheld += 1;
      }
      budget.end();
    }
    expect(withheld).toBe(0);
  });

  it.each([1, 999, 86_400_000])("has its ten a second again, a second after the clock went back by %d ms", (back) => {
    const budget = new RetryBudget();
    const inReserve = (now: number): number => {
      let taken = 0;
      for (; budget.take({}, now); taken += 1) budget.give();
      return taken;
    };
    const start = 1_780_000_000_000;
    expect(inReserve(start)).toBe(10);
    expect(inReserve(start - back)).toBe(0);
    expect(inReserve(start - back + 999)).toBe(0);
    expect(inReserve(start - back + 1_000)).toBe(10);
  });

  it("lets the first request of a quiet service be tried again", () => {
    const budget = new RetryBudget();
    budget.begin({}, 0);
    expect(budget.take({}, 0)).toBe(true);
  });

  it.each<{ settings: PoolSettings; atOnce: number }>([
    { settings: { maxRetries: 1 }, atOnce: 1 },
    { settings: { maxRetries: 3 }, atOnce: 3 },
    { settings: { maxRetries: 1, retryBudget: { percent: 50, minConcurrency: 0, intervalMs: 0 } }, atOnce: 4 },
    { settings: { retryBudget: { percent: 1, minConcurrency: 2, intervalMs: 0 } }, atOnce: 2 },
    { settings: { retryBudget: { percent: 25, minConcurrency: 0, intervalMs: 1_000 } }, atOnce: 2 },
    { settings: { retryBudget: { percent: 0, minConcurrency: 0, intervalMs: 0 } }, atOnce: 0 },
  ])("of 8 requests under way tries $atOnce again at once by $settings", ({ settings, atOnce }) => {
    const budget = new RetryBudget();
    for (let request = 0; request < 8; request += 1) budget.begin(settings, 0);
    const taken = Array.from({ length: 8 }, () => budget.take(settings, 0));
    expect(taken.filter(Boolean)).toHaveLength(atOnce);
    if (atOnce === 0) return;
    budget.give();
    expect(budget.take(settings, 0)).toBe(true);
  });
});
