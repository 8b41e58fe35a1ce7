import { describe, expect, it } from "vitest";
import { asOf, charge, type CounterState, emptyIn, NOTHING_TAKEN, room } from "../../src/limits/counter.ts";
import { KeptCounters } from "../../src/limits/kept-counters.ts";
import { type LimitAsk, LimitBook } from "../../src/limits/limit-book.ts";
import { takeAll } from "../../src/limits/limiter.ts";
import { burstOf, fadesMs, isGcra, leaseMs, MAX_LONG_LEASE_MS, type Rate } from "../../src/limits/rate.ts";
import { Turns } from "../../src/limits/turns.ts";
import { type Draws, eachSeed } from "./random.ts";

const START = 1_780_000_000_000;

function someRate(draws: Draws): Rate {
  const windowMs = draws.chance(0.5) ? draws.int(1, 60) * 1_000 : draws.int(61, 600) * 1_000;
  const limit = draws.int(1, draws.chance(0.5) ? 40 : windowMs);
  return windowMs <= 60_000 ? { limit, windowMs, burst: draws.int(1, 2 * limit) } : { limit, windowMs };
}

/** In which a full count is empty, whatever was leased of it. */
function longest(rate: Rate): number {
  if (isGcra(rate)) return Math.ceil((burstOf(rate) * rate.windowMs) / rate.limit) + MAX_LONG_LEASE_MS;
  return rate.windowMs + MAX_LONG_LEASE_MS + 2 * Math.ceil(rate.windowMs / 60);
}

/** Some of it taken, at some pace, leased or not. @returns when the clock stood still */
function taken(
  rates: readonly Rate[],
  draws: Draws,
  see: (state: CounterState, now: number) => void = () => undefined,
) {
  let state = NOTHING_TAKEN;
  let now = START;
  for (let at = 0; at < 40; at += 1, now += draws.int(0, 3_000)) {
    see(state, now);
    const ms = draws.chance(0.5) ? leaseMs(rates) : 0;
    const longer = ms > 0 && draws.chance(0.5) ? fadesMs(rates, ms, draws.chance(0.5)) : undefined;
    const term = { ms: longer ?? ms, fades: longer !== undefined };
    const cost = Math.min(room(state, rates, now, term), draws.int(1, 50));
    if (cost > 0) state = charge(state, rates, cost, now, term);
  }
  return { state, now };
}

describe("a clock", () => {
  it("that never goes back changes nothing", () => {
    eachSeed(60, (draws) => {
      const rates = draws.chance(0.5) ? [someRate(draws)] : [someRate(draws), someRate(draws)];
      taken(rates, draws, (state, now) => expect(asOf(state, now)).toBe(state));
    });
  });

  it("that is set back gives nothing away, and keeps nothing full for longer than its rate does", () => {
    eachSeed(60, (draws) => {
      const rate = someRate(draws);
      const { state, now } = taken([rate], draws);
      const back = now - draws.int(1, draws.chance(0.5) ? 5_000 : 86_400_000);
      const seen = asOf(state, back);
      expect(room(seen, [rate], back)).toBeLessThanOrEqual(room(state, [rate], now));
      expect(emptyIn(seen, back)).toBeLessThanOrEqual(longest(rate));
      expect(room(seen, [rate], back + longest(rate))).toBe(isGcra(rate) ? burstOf(rate) : rate.limit);
      // Seen once, it is not seen again.
      expect(asOf(seen, back + draws.int(0, 1_000))).toBe(seen);
    });
  });

  it.each([
    { scope: "GLOBAL", rate: { limit: 10, windowMs: 10_000 } },
    { scope: "GLOBAL", rate: { limit: 10, windowMs: 600_000 } },
    { scope: "GLOBAL", rate: { limit: 500, windowMs: 1_000 } },
    { scope: "LOCAL", rate: { limit: 10, windowMs: 10_000 } },
  ] as const)(
    "that is set back a day shuts no $scope limit of $rate.limit in $rate.windowMs ms for longer than its windows",
    ({ scope, rate }) => {
      const counters = new KeptCounters(10);
      const [book, turns] = [new LimitBook(), new Turns()];
      const one: LimitAsk = {
        name: "limit",
        scope,
        counter: "key",
        shared: "others",
        rates: [rate],
        cost: 1,
        audit: false,
        closed: false,
        missing: false,
        timeoutMs: 400,
      };
      const takes = (now: number): boolean => {
        const asking = book.begin([one], now);
        if (!("kind" in asking)) return asking.limits[0]?.verdict === "taken";
        const asks = asking.remote.map(({ ask }) => ask);
        return book.settle(asking, turns.given(asks, takeAll(counters, asks, now)), now).limits[0]?.verdict === "taken";
      };
      const taken = Array.from({ length: rate.limit + 5 }, () => takes(START)).filter(Boolean).length;
      expect(taken).toBeGreaterThanOrEqual(rate.limit / 2);
      expect(taken).toBeLessThanOrEqual(rate.limit);
      const [back, step] = [START - 86_400_000, rate.windowMs / 50];
      const later = Array.from({ length: 150 }, (_, at) => takes(back + at * step));
      // Nothing is given away by the jump itself, and all of it comes back.
      let sum = 0;
      for (const [at, took] of later.entries()) {
        sum += took ? 1 : 0;
        expect(sum).toBeLessThanOrEqual((at * step * rate.limit) / rate.windowMs);
      }
      expect(later.slice(100).filter(Boolean).length).toBeGreaterThanOrEqual(Math.min(5, rate.limit / 2));
    },
  );
});
