import { describe, expect, it } from "vitest";
import { KeptCounters } from "../../src/limits/kept-counters.ts";
import { refundAll, takeAll, type Taken } from "../../src/limits/limiter.ts";
import type { RemoteAsk } from "../../src/snapshot/rpc.ts";
import { takeLimits } from "../../workers/state/take-limits.ts";

const NOW = 1_780_000_000_000;

/** Objects as the platform has them, each with counters of its own; the order in which they are asked is kept. */
function objects() {
  const all = new Map<string, KeptCounters>();
  const asked: string[] = [];
  const limiter = (name: string) => {
    const counters = all.get(name) ?? new KeptCounters(100);
    all.set(name, counters);
    return {
      take: async (asks: readonly RemoteAsk[]) => {
        asked.push(name);
        return takeAll(counters, asks, NOW);
      },
      refund: async (asks: readonly RemoteAsk[], taken: Taken) => refundAll(counters, asks, taken, NOW),
    };
  };
  return { all, asked, limiter };
}

function ask(counter: string, limit: number, change: Partial<RemoteAsk> = {}): RemoteAsk {
  const rates = [{ limit, windowMs: 60_000 }];
  const how = { scope: "GLOBAL", cost: 1, want: 1, leaseMs: 0, audit: false } as const;
  return { counter, name: "ns/p/l", shared: "ns/p/l||+", rates, ...how, ...change };
}

describe("takeLimits", () => {
  it("asks objects in one order, and gives back what was charged where one refuses", async () => {
    const { asked, limiter } = objects();
    const asks = Array.from({ length: 6 }, (_, at) => ask(`counter ${at}`, at === 3 ? 1 : 5));
    const take = async (of: readonly RemoteAsk[]) => takeLimits({ location: "LOC", asks: of }, limiter);
    expect((await take(asks)).ok).toBe(true);
    const order = asked.splice(0);
    expect(order).toEqual([...new Set(order)].toSorted());
    for (let at = 0; at < 10; at += 1) {
      const refused = await take(asks.toReversed());
      expect([refused.ok, refused.grants[2]?.amount]).toEqual([false, 0]);
      const seen = new Set(asked.splice(0));
      expect([...seen]).toEqual(order.slice(0, seen.size));
      // How those stand that were not asked any more nobody knows.
      expect(refused.grants.filter(({ skipped }) => skipped === true).length).toBe(order.length - seen.size);
    }
    for (const one of asks) if (one.counter !== "counter 3") expect((await take([one])).ok, one.counter).toBe(true);
  });

  it("counts those of a location in objects of that location, and the mesh's in a bounded number of others", async () => {
    const { all, limiter } = objects();
    for (let at = 0; at < 500; at += 1) await takeLimits({ location: "FRA", asks: [ask(`c ${at}`, 1)] }, limiter);
    expect(all.size).toBeLessThanOrEqual(64);
    const here = { location: "FRA", asks: [ask("c", 1, { scope: "LOCATION" })] };
    expect([(await takeLimits(here, limiter)).ok, (await takeLimits(here, limiter)).ok]).toEqual([true, false]);
    expect((await takeLimits({ ...here, location: "AMS" }, limiter)).ok).toBe(true);
  });

  it("gives back what others charged where one fails, and says so", async () => {
    const { asked, limiter } = objects();
    const refunded: string[] = [];
    const failing = (name: string) => ({
      take: async (asks: readonly RemoteAsk[]) => {
        if (asked.length === 2) throw new Error("overloaded");
        return limiter(name).take(asks);
      },
      refund: async (asks: readonly RemoteAsk[], taken: Taken) => {
        refunded.push(name);
        await limiter(name).refund(asks, taken);
      },
    });
    const asks = Array.from({ length: 6 }, (_, at) => ask(`counter ${at}`, 1));
    await expect(takeLimits({ location: null, asks }, failing)).rejects.toThrow("overloaded");
    expect(refunded).toEqual(asked);
    expect((await takeLimits({ location: null, asks }, limiter)).ok).toBe(true);
  });

  it("writes down no key, and still tells keys apart", async () => {
    const names: string[] = [];
    const seen = (asks: readonly RemoteAsk[]) => {
      names.push(...asks.map(({ counter }) => counter));
      return takeAll(new KeptCounters(10), asks, NOW);
    };
    const limiter = () => ({ take: async (asks: readonly RemoteAsk[]) => seen(asks), refund: async () => undefined });
    for (const key of ["5:s3cr3", "5:0ther"])
      await takeLimits({ location: null, asks: [ask(`ns/p/l||${key}`, 1)] }, limiter);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^ns\/p\/l\|\|#[0-9a-f]{32}$/);
  });
});
