import { describe, expect, it } from "vitest";
import type { OwedAsk } from "../../src/limits/answer-cost.ts";
import type { LimitsUp } from "../../src/snapshot/rpc.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { Limits } from "../../workers/gateway/limits.ts";

const ANSWER = { code: 200, size: 10, header: () => null };

function ask(change: Partial<OwedAsk> = {}): OwedAsk {
  const how = { scope: "GLOBAL", audit: false, closed: false, missing: false, timeoutMs: 60_000 } as const;
  const rates = [{ limit: 5, windowMs: 60_000 }];
  return {
    name: "ns/p/l",
    counter: "ns/p/l||a",
    shared: "ns/p/l||+",
    rates,
    cost: 1,
    ...how,
    answerCost: () => 3,
    ...change,
  };
}

/** An isolate whose limiter lets each request in, and what it is told. */
function isolate(charge: (up: LimitsUp) => Promise<void>) {
  const counted: string[] = [];
  const state = { take: async () => Promise.reject(new Error("nobody asks")), charge };
  const limits = new Limits({ state, location: () => "LOC", count: (key) => void counted.push(key) });
  return { limits, counted };
}

describe("what answers cost", () => {
  it("goes to the limiter by one call at a time, added up for each count", async () => {
    const ups: LimitsUp[] = [];
    const held = Promise.withResolvers<void>();
    const { limits } = isolate(async (up) => {
      ups.push(up);
      if (ups.length === 1) await held.promise;
    });
    const first = limits.charge([ask()], ANSWER);
    expect(limits.charge([ask(), ask({ counter: "ns/p/l||b" })], ANSWER)).toBeNull();
    expect(limits.charge([ask()], ANSWER)).toBeNull();
    expect(ups.map(({ asks }) => asks.map(({ counter, cost }) => [counter, cost]))).toEqual([[["ns/p/l||a", 3]]]);
    held.resolve();
    await first;
    expect(ups[1]?.asks.map(({ counter, cost }) => [counter, cost])).toEqual([
      ["ns/p/l||a", 6],
      ["ns/p/l||b", 3],
    ]);
    expect(ups[0]?.asks[0]).not.toHaveProperty("answerCost");
  });

  it("is counted by the isolate alone where the limiter is away", async () => {
    const { limits, counted } = isolate(async () => Promise.reject(new Error("an older state Worker")));
    await limits.charge([ask()], ANSWER);
    expect(counted).toEqual([counterKey("tulle_limiter_failures_total", {})]);
    const verdicts: (string | undefined)[] = [];
    for (let at = 0; at < 3; at += 1) verdicts.push((await limits.take([ask()])).limits[0]?.verdict);
    expect(verdicts).toEqual(["taken", "taken", "over"]);
  });

  it("is counted here where the limit is of one isolate, and nobody is told", async () => {
    const { limits } = isolate(async () => Promise.reject(new Error("nobody is told")));
    expect(limits.charge([ask({ scope: "LOCAL" })], ANSWER)).toBeNull();
    expect(limits.charge([ask({ answerCost: () => undefined })], ANSWER)).toBeNull();
    const { limits: all } = await limits.take([ask({ scope: "LOCAL", cost: 3 })]);
    expect(all[0]?.verdict).toBe("over");
  });
});
