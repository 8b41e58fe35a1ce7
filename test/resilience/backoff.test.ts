import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, retryAfterMs } from "../../src/resilience/backoff.ts";
import { DRAW, draw } from "../../src/request/draws.ts";

describe("the back-off", () => {
  it("is any part of what Envoy's table says, and never all of it", () => {
    // By base 25 ms: 25, 75, 175, then capped.
    const most = [25, 75, 175, 250, 250, 250];
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 10_000 }),
        (seed, retry, base) => {
          const waits = backoffMs(base, retry, draw(seed, DRAW.backoff, retry));
          expect(waits).toBeGreaterThanOrEqual(0);
          expect(waits).toBeLessThan(((most[retry - 1] ?? 0) / 25) * base);
        },
      ),
    );
  });

  it("is spread evenly over its range", () => {
    const parts = Array.from({ length: 10_000 }, (_, seed) => backoffMs(25, 2, draw(seed, DRAW.backoff, 2)) / 75);
    const tenths = Array.from({ length: 10 }, (_, at) => parts.filter((part) => Math.floor(part * 10) === at).length);
    // Four sigma of a binomial of 10,000 and a tenth.
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(4 * 30);
  });
});

describe("Retry-After", () => {
  const NOW = Date.parse("2026-08-22T10:00:00Z");

  it.each([
    { value: null, ms: null },
    { value: "0", ms: 0 },
    { value: " 3 ", ms: 3_000 },
    { value: "999999999", ms: 999_999_999_000 },
    { value: "9999999999", ms: null },
    { value: "1.5", ms: null },
    { value: "-1", ms: null },
    { value: "soon", ms: null },
    { value: "Sat, 22 Aug 2026 10:00:05 GMT", ms: 5_000 },
    { value: "Sat, 22 Aug 2026 09:00:00 GMT", ms: 0 },
    { value: "2026-08-22T10:00:05Z", ms: null },
    { value: "Sat, 99 Aug 2026 10:00:05 GMT", ms: null },
  ])("of $value is $ms ms", ({ value, ms }) => {
    expect(retryAfterMs(value, NOW)).toBe(ms);
  });
});
