import { describe, expect, it } from "vitest";
import { counterPrefix, mayHold, readStored, storedNameOf } from "../../src/limits/counter-name.ts";
import { keyText } from "../../src/limits/key-text.ts";
import { KeptCounters } from "../../src/limits/kept-counters.ts";
import { type Ask, takeAll } from "../../src/limits/limiter.ts";
import { SeenCounts } from "../../src/limits/seen-counts.ts";
import type { RemoteAsk } from "../../src/snapshot/rpc.ts";
import { takeLimits } from "../../workers/state/take-limits.ts";

const NOW = 1_780_000_000_000;
const RATES = [
  { limit: 10, windowMs: 1_000, burst: 20 },
  { limit: 12, windowMs: 3_600_000 },
];

function seen(costs: Readonly<Record<string, number>>) {
  const [counters, counts] = [new KeptCounters(10_000), new SeenCounts()];
  for (const [counter, cost] of Object.entries(costs)) {
    const asks: Ask[] = [{ counter, rates: RATES, cost, want: cost, leaseMs: 0, audit: false }];
    counts.saw(asks, takeAll(counters, asks, NOW));
  }
  return counts;
}

describe("how near counts are to their limits", () => {
  it("is told by the rate that leaves the least, the nearest first, and once", () => {
    const counts = seen({ a: 3, b: 12, c: 6 });
    const told = counts.told();
    expect(told.map(({ counter, left, most, limit, windowMs }) => [counter, left, most, limit, windowMs])).toEqual([
      ["b", 0, 12, 12, 3_600_000],
      ["c", 6, 12, 12, 3_600_000],
      ["a", 9, 12, 12, 3_600_000],
    ]);
    expect(told[0]?.at).toBe(NOW);
    expect(counts.told()).toEqual([]);
  });

  it("has a bound, and what is left out is what is farthest", () => {
    const counts = seen(
      Object.fromEntries(Array.from({ length: 1_200 }, (_, at) => [`k${at}`, at === 7 || at === 1_100 ? 11 : 1])),
    );
    const told = counts.told();
    expect(told.length).toBe(50);
    expect(told.slice(0, 2).map(({ counter }) => counter)).toEqual(["k1100", "k7"]);
  });
});

describe("the name of a count", () => {
  const TARGET = "VirtualService/api/checkout/shop.test";

  it.each([[["203.0.113.7"]], [["a", "b"]], [[]]])(
    "of the key %j is what the object that counts stores, and it is there",
    async (key) => {
      const prefix = counterPrefix("shop/api/per-client", TARGET);
      const stored: (readonly [object: string, counter: string])[] = [];
      const limiter = (object: string) => ({
        take: async (asks: readonly RemoteAsk[]) => {
          stored.push(...asks.map(({ counter }) => [object, counter] as const));
          return takeAll(new KeptCounters(10), asks, NOW);
        },
        refund: async () => undefined,
      });
      const how = { scope: "LOCATION", rates: RATES, cost: 1, want: 1, leaseMs: 0, audit: false } as const;
      const ask = { name: "shop/api/per-client", counter: `${prefix}${keyText(key)}`, shared: `${prefix}+`, ...how };
      await takeLimits({ location: "FRA", asks: [ask] }, limiter);
      const [[object, counter] = ["", ""]] = stored;
      expect(await storedNameOf("shop/api/per-client", TARGET, key)).toBe(counter);
      expect(mayHold(object, counter)).toBe(true);
      const others = Array.from({ length: 64 }, (_, at) => `location/FRA/${at}`).filter((one) => mayHold(one, counter));
      expect(others).toEqual([object]);
      expect(readStored(counter)).toMatchObject({
        namespace: "shop",
        policy: "api",
        limit: "per-client",
        target: TARGET,
      });
    },
  );

  it("of further keys may stand in each object", () => {
    expect(readStored("shop/api/per-client||+")).toMatchObject({ target: "", key: "others" });
    expect(mayHold("global/3", "shop/api/per-client||+")).toBe(true);
  });

  it.each(["", "shop/api", "shop/api/l|T|5:anna", "shop/api/l|T|#12", "shop/api/l|a|b|+"])("is not %j", (text) =>
    expect(readStored(text)).toBeNull(),
  );
});
