import { describe, expect, it, onTestFinished, vi } from "vitest";
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

  it("is counted by the isolate alone where the limiter is frozen, and it is asked again behind that", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    let calls = 0;
    const { limits, counted } = isolate(async () => {
      calls += 1;
      return new Promise(() => undefined);
    });
    const sent = limits.charge([ask()], ANSWER);
    expect(limits.charge([ask({ counter: "ns/p/l||b", answerCost: () => 5 })], ANSWER)).toBeNull();
    await vi.advanceTimersByTimeAsync(2_000);
    await sent;
    expect([calls, counted]).toEqual([1, [counterKey("tulle_limiter_failures_total", {})]]);
    const verdictOf = async (change: Partial<OwedAsk>) => (await limits.take([ask(change)])).limits[0]?.verdict;
    expect([await verdictOf({ cost: 3 }), await verdictOf({ counter: "ns/p/l||b" })]).toEqual(["over", "over"]);
    expect(limits.charge([ask()], ANSWER)).not.toBeNull();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(calls).toBe(2);
  });

  it("waits for the limiter of 10,000 counts, a thousand in one call, and is counted by the isolate alone of others", async () => {
    const ups: LimitsUp[] = [];
    const held = Promise.withResolvers<void>();
    const { limits } = isolate(async (up) => {
      ups.push(up);
      await held.promise;
    });
    const owed = (at: number) => ask({ counter: `ns/p/l||${at}`, answerCost: () => 5 });
    const first = limits.charge([ask()], ANSWER);
    for (let at = 0; at <= 10_000; at += 1) expect(limits.charge([owed(at)], ANSWER)).toBeNull();
    const taken = await limits.take([ask({ ...owed(10_000), scope: "LOCAL" })]);
    expect(taken.limits[0]?.verdict).toBe("over");
    held.resolve();
    await first;
    expect(ups.map(({ asks }) => asks.length)).toEqual([1, ...Array.from({ length: 10 }, () => 1_000)]);
    expect(ups.at(-1)?.asks.at(-1)?.counter).toBe("ns/p/l||9999");
  });

  it("is counted here where the limit is of one isolate, and nobody is told", async () => {
    const { limits } = isolate(async () => Promise.reject(new Error("nobody is told")));
    expect(limits.charge([ask({ scope: "LOCAL" })], ANSWER)).toBeNull();
    expect(limits.charge([ask({ answerCost: () => undefined })], ANSWER)).toBeNull();
    const { limits: all } = await limits.take([ask({ scope: "LOCAL", cost: 3 })]);
    expect(all[0]?.verdict).toBe("over");
  });
});
