import { describe, expect, it } from "vitest";
import { gcraCharge, gcraEmptyIn, gcraRefund, gcraRoom, gcraWait, type Bucket } from "../../src/limits/gcra.ts";
import type { Rate } from "../../src/limits/rate.ts";
import {
  slidingCharge,
  slidingEmptyIn,
  slidingRefund,
  slidingRoom,
  slidingWait,
  type Slots,
} from "../../src/limits/sliding-counter.ts";
import { overshoot, type Use, usedWithin, VirtualSchedule } from "./naive.ts";
import { type Draws, eachSeed } from "./random.ts";

const START = 1_780_000_000_000;

function shortRate(draws: Draws): Rate {
  const limit = draws.int(1, 50);
  return { limit, windowMs: draws.int(1, 60) * 1_000, burst: draws.int(1, 2 * limit) };
}

function longRate(draws: Draws): Rate {
  return { limit: draws.int(1, 40), windowMs: draws.int(61, 600) * 1_000 };
}

/** So that it is used up, and empty, now and then. */
function step({ limit, windowMs }: Rate, draws: Draws): number {
  return draws.chance(0.02) ? 2 * windowMs : draws.int(0, Math.ceil((2 * windowMs) / limit));
}

describe("GCRA", () => {
  it("takes what virtual scheduling takes, and nothing else", () => {
    eachSeed(25, (draws) => {
      const rate = shortRate(draws);
      const naive = new VirtualSchedule();
      const uses: Use[] = [];
      let bucket: Bucket | undefined;
      for (let at = 0, now = START; at < 150; at += 1, now += step(rate, draws)) {
        const cost = draws.int(1, 3);
        const holds = gcraRoom(bucket, rate, now) >= cost;
        expect({ now, holds }).toEqual({ now, holds: naive.room(rate, cost, now) });
        if (!holds) continue;
        naive.take(rate, cost, now);
        bucket = gcraCharge(bucket, rate, cost, now);
        uses.push({ at: now, cost });
      }
      expect(overshoot(uses, rate)).toBeLessThanOrEqual(0);
    });
  });

  it("is never above the rate where some is leased and used late, and some at once", () => {
    let dear = 0;
    eachSeed(150, (draws) => {
      const limit = draws.int(100, 2_000);
      const burst = draws.int(Math.ceil(limit / 8), 2 * limit);
      const rate = { limit, windowMs: 1_000, burst };
      const leaseMs = Math.floor((burst * 1_000) / limit / 2);
      const uses: Use[] = [];
      let bucket: Bucket | undefined;
      for (let at = 0, now = START; at < 60; at += 1, now += draws.int(0, draws.chance(0.2) ? 2 * leaseMs : 3)) {
        const ms = draws.chance(0.7) ? leaseMs : 0;
        const term = { ms, fades: false };
        const wait = gcraWait(bucket, rate, 1, now, term);
        expect(gcraRoom(bucket, rate, now + wait, term)).toBeGreaterThanOrEqual(1);
        const cost = Math.min(gcraRoom(bucket, rate, now, term), draws.int(1, burst));
        if (cost === 0) continue;
        bucket = gcraCharge(bucket, rate, cost, now, term);
        const usedAt = now + (draws.chance(0.7) ? ms : draws.int(0, ms));
        uses.push({ at: usedAt, cost });
        if (ms === 0 && cost > burst / 2) dear += 1;
      }
      expect(overshoot(uses, rate)).toBeLessThanOrEqual(0);
    });
    if (process.env["SEED"] === undefined) expect(dear).toBeGreaterThan(50);
  });

  it("tells when there is room again, to the millisecond", () => {
    eachSeed(25, (draws) => {
      const rate = shortRate(draws);
      let bucket: Bucket | undefined;
      for (let at = 0, now = START; at < 60; at += 1, now += step(rate, draws)) {
        const cost = draws.int(1, 4);
        const wait = gcraWait(bucket, rate, cost, now);
        if (wait === Infinity) expect(cost).toBeGreaterThan(rate.burst ?? 0);
        else {
          expect(gcraRoom(bucket, rate, now + wait)).toBeGreaterThanOrEqual(cost);
          if (wait > 0) expect(gcraRoom(bucket, rate, now + wait - 1)).toBeLessThan(cost);
        }
        if (wait === 0) bucket = gcraCharge(bucket, rate, cost, now);
        expect(gcraRoom(bucket, rate, now + gcraEmptyIn(bucket, rate, now))).toBe(rate.burst);
      }
    });
  });

  it("has never more room after a refund than if nothing had been taken, and as much where it is given back at once", () => {
    eachSeed(100, (draws) => {
      const rate = shortRate(draws);
      let [taken, without]: (Bucket | undefined)[] = [undefined, undefined];
      let now = START;
      const cost = draws.int(1, rate.burst ?? 1);
      const ms = draws.chance(0.5) ? draws.int(50, 2_000) : 0;
      const term = { ms, fades: ms > 0 };
      for (let at = draws.int(0, 10); at > 0; at -= 1, now += step(rate, draws)) {
        if (gcraRoom(taken, rate, now) < 1) continue;
        [taken, without] = [gcraCharge(taken, rate, 1, now), gcraCharge(without, rate, 1, now)];
      }
      const takenAt = now;
      taken = gcraCharge(taken, rate, cost, now, term);
      if (!term.fades)
        expect(gcraRefund(taken, rate, cost, now, now).debt).toBe(gcraCharge(without, rate, 0, now).debt);
      for (let at = draws.int(0, 10); at > 0; at -= 1, now += draws.int(0, rate.windowMs / rate.limit)) {
        if (gcraRoom(taken, rate, now) < 1) continue;
        [taken, without] = [gcraCharge(taken, rate, 1, now), gcraCharge(without, rate, 1, now)];
      }
      taken = gcraRefund(taken, rate, cost, takenAt, now, term);
      expect(gcraRoom(taken, rate, now)).toBeLessThanOrEqual(gcraRoom(without, rate, now));
    });
  });

  it("gives nothing away where the clock goes back, and one burst at most where it goes ahead", () => {
    const rate = { limit: 10, windowMs: 60_000 };
    let bucket = gcraCharge(undefined, rate, 10, START);
    expect(gcraRoom(bucket, rate, START - 600_000)).toBe(0);
    bucket = gcraCharge(bucket, rate, 0, START - 600_000);
    expect(gcraRoom(bucket, rate, START)).toBe(10);
    expect(gcraRoom(bucket, rate, START + 600_000)).toBe(10);
  });
});

describe("a sliding counter", () => {
  it("never takes more than the limit in any window, and refuses nothing that would fit one part of a window later", () => {
    eachSeed(25, (draws) => {
      const rate = longRate(draws);
      const part = Math.ceil(rate.windowMs / 60);
      const uses: Use[] = [];
      let slots: Slots | undefined;
      for (let at = 0, now = START; at < 120; at += 1, now += step(rate, draws)) {
        const cost = draws.int(1, 3);
        if (slidingRoom(slots, rate, now) >= cost) {
          slots = slidingCharge(slots, rate, cost, now, now);
          uses.push({ at: now, cost });
          expect(usedWithin(uses, rate.windowMs, now)).toBeLessThanOrEqual(rate.limit);
        } else if (cost <= rate.limit)
          expect(usedWithin(uses, rate.windowMs + part, now) + cost).toBeGreaterThan(rate.limit);
        expect(slots?.slots.length ?? 0).toBeLessThanOrEqual(62);
      }
    });
  });

  it("tells when there is room again", () => {
    eachSeed(25, (draws) => {
      const rate = longRate(draws);
      let slots: Slots | undefined;
      for (let at = 0, now = START; at < 60; at += 1, now += step(rate, draws)) {
        const cost = draws.int(1, 3);
        const wait = slidingWait(slots, rate, cost, now);
        if (wait === Infinity) expect(cost).toBeGreaterThan(rate.limit);
        else {
          expect(slidingRoom(slots, rate, now + wait)).toBeGreaterThanOrEqual(cost);
          if (wait > 0) expect(slidingRoom(slots, rate, now + wait - 1)).toBeLessThan(cost);
        }
        if (wait === 0) slots = slidingCharge(slots, rate, cost, now, now);
        expect(slidingRoom(slots, rate, now + slidingEmptyIn(slots, rate, now))).toBe(rate.limit);
      }
    });
  });

  it("gives back what was taken where it was taken", () => {
    const rate = { limit: 10, windowMs: 120_000 };
    const slots = slidingCharge(slidingCharge(undefined, rate, 4, START, START), rate, 3, START + 9_000, START + 9_000);
    expect(slidingRoom(slots, rate, START + 9_000)).toBe(3);
    expect(slidingRoom(slidingRefund(slots, rate, 4, START), rate, START + 9_000)).toBe(7);
    expect(slidingRoom(slidingRefund(slots, rate, 4, START + 60_000), rate, START + 9_000)).toBe(3);
  });
});
