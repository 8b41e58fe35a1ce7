import { describe, expect, it } from "vitest";
import type { CounterState } from "../../src/limits/counter.ts";
import { KeptCounters } from "../../src/limits/kept-counters.ts";
import { giveBack, Lease } from "../../src/limits/lease.ts";
import { type Ask, type Counters, refundAll, takeAll, type Taken } from "../../src/limits/limiter.ts";
import { fadesMs, leaseMs, type Rate } from "../../src/limits/rate.ts";
import { overshoot, type Use, usedWithin } from "./naive.ts";
import { type Draws, eachSeed } from "./random.ts";

const START = 1_780_000_000_000;

/** What one isolate has in hand, and may keep to itself for as long as it can. */
interface Hand {
  readonly asks: readonly Ask[];
  readonly taken: Taken;
  readonly size: number;
  readonly from: number;
  /** How far the limiter's clock had been set back by then. */
  readonly behind: number;
  readonly ms: number;
  readonly fades: boolean;
  left: number;
}

/** 150 ms, or an eighth to three eighths of its time. */
function wholeMs(ms: number): number {
  const [least, most] = [Math.floor(ms / 8), Math.floor((3 * ms) / 8)];
  return least > 150 ? least : Math.min(150, most);
}

/** All of it for that time, from then on as much of it as of the time that is left. */
function usable({ size, from, ms, fades }: Hand, now: number): number {
  const whole = fades ? wholeMs(ms) : ms;
  if (now - from <= whole) return size;
  return fades && now - from < ms ? Math.floor((size * (ms - (now - from))) / (ms - whole)) : 0;
}

function useOf(hand: Hand, most: number, now: number): number {
  hand.left = Math.min(hand.left, usable(hand, now));
  const used = Math.min(hand.left, most);
  hand.left -= used;
  return used;
}

/** As the object keeps them: written down, and thrown away as soon as they need not be kept. */
class Written implements Counters {
  readonly #rows = new Map<string, { readonly text: string; readonly emptyAt: number }>();

  get(counter: string): CounterState | undefined {
    const row = this.#rows.get(counter);
    return row === undefined ? undefined : (JSON.parse(row.text) as CounterState);
  }

  set({ counter }: Pick<Ask, "counter">, state: CounterState, emptyAt: number): void {
    this.#rows.set(counter, { text: JSON.stringify(state), emptyAt });
  }

  sweep(now: number): void {
    for (const [counter, { emptyAt }] of this.#rows) if (emptyAt <= now) this.#rows.delete(counter);
  }
}

function someRates(draws: Draws): readonly Rate[] {
  const limit = draws.int(50, 1_000);
  const short = { limit, windowMs: draws.int(1, 3) * 1_000, burst: draws.int(Math.ceil(limit / 8), 3 * limit) };
  return draws.chance(0.3) ? [short, { limit: draws.int(100, 2_000), windowMs: 61_000 }] : [short];
}

/** At once, kept whole as by older gateways, or fading, for whatever time. */
function someTerm(draws: Draws, mostly: "plain" | "fading" | "mixed"): Pick<Ask, "leaseMs" | "fadesMs"> {
  if (draws.chance(0.15)) return { leaseMs: 0 };
  const ms = draws.int(50, 2_000);
  const fades = mostly === "mixed" ? draws.chance(0.8) : mostly === "fading";
  return { leaseMs: ms, ...(fades && { fadesMs: draws.chance(0.5) ? 2_000 : draws.int(50, 2_000) }) };
}

/** Often just when one of them begins to fade, or is about to end: then it is as late as it can be. */
function next(hands: readonly Hand[], pause: number, now: number, draws: Draws): number {
  const { from = 0, ms = 0 } = hands[draws.int(0, hands.length)] ?? {};
  const worst = from + (draws.chance(0.7) ? wholeMs(ms) : ms - 1);
  return worst > now && draws.chance(0.5) ? worst : now + draws.int(0, draws.chance(0.1) ? 20 * pause : pause);
}

describe("what isolates keep in hand, and use as late and as much at once as they can", () => {
  it("is never above the rates in any window, with what is taken meanwhile, given back, and kept whole by older gateways, whatever way the limiter's clock is set back", () => {
    let struck = 0;
    eachSeed(200, (draws) => {
      const rates = someRates(draws);
      const mostly = draws.chance(0.4) ? "fading" : draws.chance(0.9) ? "mixed" : "plain";
      const counters = new Written();
      const uses: Use[] = [];
      let hands: Hand[] = [];
      let behind = 0;
      // Some take all that there is, use it as late as they can, and take all again.
      const isGreedy = draws.chance(0.3);
      const pause = draws.int(5, rates.length > 1 ? 3_000 : 400);
      for (let step = 0, now = START; step < 120; step += 1, now = next(hands, pause, now, draws)) {
        if (draws.chance(0.02)) behind += draws.int(1, draws.chance(0.5) ? 2_000 : 3_600_000);
        const clock = now - behind;
        if (draws.chance(0.3)) counters.sweep(clock);
        const strikes = draws.chance(isGreedy ? 0.5 : 0.1);
        const most = rates[0]?.burst ?? 1;
        const want = strikes || draws.chance(isGreedy ? 0.7 : 0.1) ? most : draws.int(1, Math.ceil(most / 4));
        const ask = { counter: "key", rates, cost: 1, want, audit: false, ...someTerm(draws, mostly) };
        const taken = takeAll(counters, [ask], clock);
        const [{ amount: size, fadesMs: fading } = { amount: 0 }] = taken.grants;
        const one = {
          asks: [ask],
          taken,
          size,
          from: now,
          behind,
          ms: fading ?? ask.leaseMs,
          fades: fading !== undefined,
        };
        // What has no time is used at once.
        if (size > 0) hands.push({ ...one, left: size });
        for (const hand of hands) {
          const isNow = hand.ms === 0 || strikes;
          const used = isNow || draws.chance(0.1) ? useOf(hand, isNow ? hand.size : draws.int(1, hand.size), now) : 0;
          if (used > 0) uses.push({ at: now, cost: used });
          if (strikes) struck += used;
        }
        // A clock that went back a little while a request was refused is not seen there: that takes some ms.
        const isBack = ({ taken: { at }, behind: was }: Hand) => was === behind || clock < at;
        const back = hands.find((hand) => hand.left === hand.size && isBack(hand));
        if (back && draws.chance(0.05)) {
          refundAll(counters, back.asks, back.taken, clock);
          hands = hands.filter((hand) => hand !== back);
        }
        hands = hands.filter((hand) => hand.left > 0 && usable(hand, now) > 0);
      }
      for (const rate of rates)
        if (rate.windowMs <= 60_000) expect(overshoot(uses, rate)).toBeLessThanOrEqual(0);
        else for (const { at } of uses) expect(usedWithin(uses, rate.windowMs, at)).toBeLessThanOrEqual(rate.limit);
    });
    if (process.env["SEED"] === undefined) expect(struck).toBeGreaterThan(100_000);
  });

  it("leaves all the room again as soon as all of it has faded, and a quarter more has come back", () => {
    eachSeed(50, (draws) => {
      const burst = draws.int(100, 2_000);
      const rates = [{ limit: draws.int(100, 1_000), windowMs: 1_000, burst }];
      const counters = new Written();
      const ask = { counter: "key", rates, cost: 1, want: burst, leaseMs: 500, fadesMs: 1_300, audit: false };
      const room = (now: number) => takeAll(counters, [ask], now).grants[0]?.amount;
      expect(room(START)).toBe(burst);
      const emptyMs = Math.ceil((1.25 * burst * 1_000) / (rates[0]?.limit ?? 1));
      expect(room(START + Math.max(emptyMs, 1_300 + 1_300 / 16))).toBe(burst);
    });
  });

  it("is told when there is room again, to the millisecond", () => {
    eachSeed(50, (draws) => {
      const [burst, limit] = [draws.int(100, 2_000), draws.int(100, 1_000)];
      const counters = new Written();
      const rates = [{ limit, windowMs: 1_000, burst }];
      const take = (cost: number, now: number) => {
        const term = { leaseMs: 500, fadesMs: draws.int(300, 2_000) };
        return takeAll(counters, [{ counter: "key", rates, cost, want: cost, audit: false, ...term }], now).grants[0];
      };
      for (let at = 0, now = START; at < 40; at += 1, now += draws.int(0, 300)) {
        const cost = draws.int(1, Math.ceil(burst / 2));
        const { amount = 0, retryAfterMs = 0 } = take(cost, now) ?? {};
        if (amount > 0) continue;
        expect(take(cost, now + retryAfterMs - 1)?.amount).toBe(0);
        now += retryAfterMs;
        expect(take(cost, now)?.amount).toBe(cost);
      }
    });
  });
});

describe("a gateway that lets nothing fade", () => {
  const rates = [{ limit: 1_000, windowMs: 1_000 }];
  const ask = { counter: "key", rates, cost: 1, want: 100, leaseMs: 500, audit: false };

  it("is not held up for longer than what is out already: nobody's fades from then on, until all of its own is used", () => {
    const counters = new KeptCounters(10);
    const newer = { ...ask, fadesMs: 1_333 };
    const granted = (one: Ask, now: number) => takeAll(counters, [one], now).grants[0];
    for (let at = 0; at < 6; at += 1) expect(granted(newer, START)).toMatchObject({ amount: 100, fadesMs: 1_333 });
    expect(granted(ask, START)?.amount).toBe(0);
    for (let at = 0; at < 14; at += 1) expect(granted(newer, START + 100 * at)).not.toHaveProperty("fadesMs");
    expect(granted(ask, START + 1_400)).toMatchObject({ amount: 100 });
    expect(granted(newer, START + 3_400)).toMatchObject({ amount: 100, fadesMs: 1_333 });
  });
});

describe("how long what was taken in advance fades", () => {
  const of = (rates: readonly Rate[], isScarce = false) => fadesMs(rates, leaseMs(rates), isScarce);
  const rate = (limit: number, windowMs: number, burst = limit): Rate => ({ limit, windowMs, burst });

  it.each([
    ["a burst of a second", [rate(1_000, 1_000)], 1_333, 666],
    ["the shortest of two", [rate(1_000, 1_000), rate(20_000, 10_000)], 1_333, 666],
    ["beside a long window", [rate(1_000, 1_000), { limit: 1_000_000, windowMs: 3_600_000 }], 1_333, 666],
    ["two seconds at most", [rate(8_000, 8_000)], 2_000, 2_000],
    ["not where it would on its way", [rate(1_000, 1_000, 400)], undefined, undefined],
    ["not where it may be kept whole for as long", [rate(60_000, 60_000)], undefined, undefined],
    ["nor of a long window alone", [{ limit: 1_000_000, windowMs: 3_600_000 }], undefined, undefined],
  ])("%s", (_, rates, ms, scarceMs) => {
    expect([of(rates), of(rates, true)]).toEqual([ms, scarceMs]);
  });
});

describe("an isolate", () => {
  it("has no more of what it took than has not faded, of several parts as of one, and nothing of it again by a clock that went back", () => {
    eachSeed(200, (draws) => {
      const lease = new Lease(500, 1_000, START);
      const hands: Hand[] = [];
      let [now, before] = [START, 0];
      for (let step = 0; step < 200; step += 1) {
        const wentBack = draws.chance(0.02);
        now += wentBack ? -draws.int(1, 500) : draws.int(0, 100);
        if (wentBack) {
          expect(lease.left(now)).toBe(0);
          hands.length = 0;
        }
        const left = lease.left(now);
        expect(left).toBeLessThanOrEqual(hands.reduce((sum, hand) => sum + usable(hand, now), 0));
        expect(left).toBeLessThanOrEqual(before);
        before = left;
        if (left > 0 && draws.chance(0.7)) {
          const cost = draws.int(1, left);
          const part = lease.use(cost);
          if (part !== null && draws.chance(0.2)) giveBack(part, cost);
          before = lease.left(now);
        }
        if (!draws.chance(0.15)) continue;
        const [cost, size, ago] = [draws.int(1, 5), draws.int(5, 200), draws.int(0, 300)];
        const fading = draws.chance(0.7) ? draws.int(300, 2_000) : undefined;
        const grant = { amount: size, left: 0, resetMs: 0, retryAfterMs: 0, ...(fading && { fadesMs: fading }) };
        lease.granted({ cost, want: size }, grant, 1_000, now - ago);
        const hand = { size, from: now - ago, behind: 0, ms: fading ?? 500, fades: fading !== undefined, left: 0 };
        hands.push({ ...hand, asks: [], taken: { ok: true, grants: [], at: now } });
        before += size - cost;
      }
    });
  });

  it("uses all of a part that it asked for a moment ago, and of one that has half of its fading time the half", () => {
    const lease = new Lease(500, 1_000, START);
    const grant = { amount: 100, left: 0, resetMs: 0, retryAfterMs: 0, fadesMs: 800 };
    lease.granted({ cost: 1, want: 100 }, grant, 1_000, START);
    expect([150, 475, 799, 800].map((ms) => lease.left(START + ms))).toEqual([99, 50, 0, 0]);
  });
});
