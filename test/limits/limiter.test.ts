import { describe, expect, it } from "vitest";
import { room } from "../../src/limits/counter.ts";
import { KeptCounters } from "../../src/limits/kept-counters.ts";
import { LimitBook, type LimitAsk } from "../../src/limits/limit-book.ts";
import { type Ask, chargeAll, refundAll, takeAll } from "../../src/limits/limiter.ts";
import type { Rate } from "../../src/limits/rate.ts";
import { Turns } from "../../src/limits/turns.ts";
import { overshoot, type Use, usedWithin, VirtualSchedule } from "./naive.ts";
import { type Draws, eachSeed } from "./random.ts";

const START = 1_780_000_000_000;

function askOf(counter: string, rate: Rate, change: Partial<Ask> = {}): Ask {
  return { counter, rates: [rate], cost: 1, want: 1, leaseMs: 0, audit: false, ...change };
}

function limitAsk(counter: string, rate: Rate, change: Partial<LimitAsk> = {}): LimitAsk {
  return {
    name: counter,
    scope: "GLOBAL",
    counter,
    shared: `${counter}/others`,
    rates: [rate],
    cost: 1,
    audit: false,
    closed: false,
    missing: false,
    timeoutMs: 400,
    ...change,
  };
}

const left = (counters: KeptCounters, { counter, rates }: Ask, now: number): number =>
  room(counters.get(counter) ?? {}, rates, now);

describe("limits of one request", () => {
  it("are all charged or none, and the refunded ones are as before", () => {
    eachSeed(40, (draws) => {
      const counters = new KeptCounters(100);
      const all = ["a", "b", "c", "d"].map((name) =>
        askOf(name, { limit: draws.int(1, 4), windowMs: draws.chance(0.5) ? 10_000 : 120_000 }),
      );
      for (let at = 0, now = START; at < 60; at += 1, now += draws.int(0, 3_000)) {
        const asks = all.filter(() => draws.chance(0.6));
        const before = asks.map((ask) => left(counters, ask, now));
        const taken = takeAll(counters, asks, now);
        expect(taken.ok).toBe(before.every((one) => one >= 1));
        expect(asks.map((ask) => left(counters, ask, now))).toEqual(taken.ok ? before.map((one) => one - 1) : before);
        if (!taken.ok || draws.chance(0.5)) continue;
        refundAll(counters, asks, taken, now);
        expect(asks.map((ask) => left(counters, ask, now))).toEqual(before);
      }
    });
  });

  it("refuse nothing where they are audited", () => {
    const counters = new KeptCounters(10);
    const audited = askOf("a", { limit: 1, windowMs: 1_000 }, { audit: true });
    const other = askOf("b", { limit: 5, windowMs: 1_000 });
    expect(takeAll(counters, [audited, other], START).grants.map(({ amount }) => amount)).toEqual([1, 1]);
    const second = takeAll(counters, [audited, other], START);
    expect(second.ok).toBe(true);
    expect(second.grants.map(({ amount }) => amount)).toEqual([0, 1]);
  });

  it("count further keys as one where there is no room for them, until others are as if nothing had been taken", () => {
    const counters = new KeptCounters(2);
    const rate = { limit: 1, windowMs: 60_000 };
    const taken = (key: string, now: number) =>
      takeAll(counters, [askOf(counters.nameOf(key, "others", now), rate)], now).ok;
    expect([taken("a", START), taken("b", START), taken("c", START), taken("d", START)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(counters.size).toBe(3);
    expect(taken("a", START)).toBe(false);
    expect([taken("c", START + 60_000), taken("d", START + 60_000)]).toEqual([true, true]);
    expect(counters.size).toBe(2);
  });
});

/** Isolates and one limiter on a model clock: each call takes its time, and the limiter may forget its memory at any moment. */
function run(
  draws: Draws,
  rate: Rate,
  { isolates, perSecond, seconds }: Record<"isolates" | "perSecond" | "seconds", number>,
) {
  const counters = new KeptCounters(100);
  // Null: a limiter of a release before turns were given.
  const turns = draws.chance(0.7) ? new Turns() : null;
  const books = Array.from({ length: isolates }, () => new LimitBook());
  const uses: Use[] = [];
  const waiting: { readonly at: number; readonly run: (now: number) => void }[] = [];
  let [calls, requests] = [0, 0];
  const perMs = perSecond / 1_000;
  for (let now = START; now < START + seconds * 1_000; now += 1) {
    for (const { run: due } of waiting.splice(0).filter((one) => one.at <= now || !waiting.push(one))) due(now);
    let due = Math.floor(perMs) + (draws.chance(perMs % 1) ? 1 : 0);
    for (; due > 0; due -= 1) {
      requests += 1;
      const book = books[draws.int(0, isolates - 1)];
      const asking = book?.begin([limitAsk("key", rate)], now);
      if (book === undefined || asking === undefined) continue;
      if (!("kind" in asking)) {
        if (asking.limits[0]?.verdict === "taken") uses.push({ at: now, cost: 1 });
        continue;
      }
      calls += 1;
      waiting.push({
        at: now + draws.int(0, 2),
        run: (there) => {
          const asks = asking.remote.map(({ ask }) => ask);
          const all = takeAll(counters, asks, there);
          const taken = turns === null ? all : turns.given(asks, all);
          waiting.push({
            at: there + draws.int(0, 2),
            run: (back) => {
              const fact = book.settle(asking, taken, back);
              if (fact.limits[0]?.verdict === "taken") uses.push({ at: back, cost: 1 });
            },
          });
        },
      });
    }
  }
  return { uses, calls, requests };
}

describe("leases", () => {
  it.each([
    { name: "100/s with a burst of 20", rate: { limit: 100, windowMs: 1_000, burst: 20 }, perSecond: 200 },
    { name: "500/s", rate: { limit: 500, windowMs: 1_000 }, perSecond: 1_000 },
    { name: "5,000/s", rate: { limit: 5_000, windowMs: 1_000 }, perSecond: 10_000 },
  ])(
    "$name at twice the limit from 20 isolates: never above it in any window, and at least 95 % of it",
    ({ rate, perSecond }) => {
      eachSeed(1, (draws) => {
        const seconds = 5;
        const { uses } = run(draws, rate, { isolates: 20, perSecond, seconds });
        expect(overshoot(uses, rate)).toBeLessThanOrEqual(0);
        expect(uses.length).toBeGreaterThanOrEqual(0.95 * rate.limit * seconds);
      });
    },
  );

  it("take at most one call in 50 requests of a key that has 1,000 a second", () => {
    eachSeed(1, (draws) => {
      const rate = { limit: 2_000, windowMs: 1_000 };
      const { uses, calls, requests } = run(draws, rate, { isolates: 4, perSecond: 1_000, seconds: 5 });
      expect(uses.length).toBe(requests);
      expect(calls).toBeLessThanOrEqual(requests / 50);
    });
  });

  it("never let more through than the rates say, whatever these are", () => {
    eachSeed(8, (draws) => {
      const limit = draws.int(50, 800);
      const rate = draws.chance(0.5)
        ? { limit, windowMs: 1_000, burst: draws.int(1, 2 * limit) }
        : { limit: limit * 90, windowMs: 90_000 };
      const { uses } = run(draws, rate, { isolates: draws.int(1, 8), perSecond: draws.int(10, 1_500), seconds: 3 });
      if ("burst" in rate) expect(overshoot(uses, rate)).toBeLessThanOrEqual(0);
      else expect(uses.length).toBeLessThanOrEqual(rate.limit);
    });
  });
});

describe("what answers cost", () => {
  it("is charged whether there is room or not, and nobody is let in until it is paid back", () => {
    eachSeed(30, (draws) => {
      const counters = new KeptCounters(10);
      const limit = draws.int(1, 40);
      const rate = { limit, windowMs: draws.int(1, 60) * 1_000, burst: draws.int(1, 2 * limit) };
      const naive = new VirtualSchedule();
      for (let step = 0, now = START; step < 150; step += 1, now += draws.int(0, rate.windowMs / 8)) {
        const ask = askOf("a", rate, { cost: draws.int(1, 3) });
        if (draws.chance(0.3)) {
          const owed = { ...ask, cost: draws.int(1, 2 * rate.burst) };
          chargeAll(counters, [owed], now);
          naive.take(rate, owed.cost, now);
          continue;
        }
        const holds = naive.room(rate, ask.cost, now);
        expect(takeAll(counters, [ask], now).ok).toBe(holds);
        if (holds) naive.take(rate, ask.cost, now);
      }
    });
  });

  it("fills a long window for as long as that is", () => {
    const [counters, rate] = [new KeptCounters(10), { limit: 5, windowMs: 600_000 }];
    chargeAll(counters, [askOf("a", rate, { cost: 50 })], START);
    const ok = (now: number) => takeAll(counters, [askOf("a", rate)], now).ok;
    expect([ok(START + 1), ok(START + 599_000), ok(START + 620_000)]).toEqual([false, false, true]);
  });

  it("is paid of what was taken in advance, where there is enough of it", () => {
    const [book, counters] = [new LimitBook(), new KeptCounters(10)];
    const ask = limitAsk("key", { limit: 1_000, windowMs: 1_000 });
    for (let at = 0; at < 40; at += 1) passes(book, counters, [ask], START + at);
    expect(book.owe(ask, 1, START + 40)).toBeNull();
    expect(book.owe(ask, 900, START + 40)).toMatchObject({ counter: "key", cost: 900, leaseMs: 0 });
  });
});

describe("two sets of rates on one counter, as of tiers", () => {
  const counted = (counters: KeptCounters, rates: readonly Rate[], now: number) =>
    takeAll(counters, [{ counter: "key", rates, cost: 1, want: 1, leaseMs: 0, audit: false }], now).ok;

  it("do not take each other's count back, whatever their windows", () => {
    const counters = new KeptCounters(10);
    const [slow, fast] = [[{ limit: 5, windowMs: 60_000 }], [{ limit: 100, windowMs: 1_000 }]];
    let passed = 0;
    for (let at = 0; at < 200; at += 1) {
      if (counted(counters, slow, START + at * 20)) passed += 1;
      counted(counters, fast, START + at * 20 + 10);
    }
    expect(passed).toBe(5);
  });

  it("go on from one another's count in the same window", () => {
    const counters = new KeptCounters(10);
    const [few, many] = [[{ limit: 5, windowMs: 60_000 }], [{ limit: 8, windowMs: 60_000 }]];
    const passed = (rates: readonly Rate[]) => Array.from({ length: 10 }, () => counted(counters, rates, START));
    expect([few, many, few].map((rates) => passed(rates).filter(Boolean).length)).toEqual([5, 3, 0]);
  });

  it("are each kept, whatever is taken by the other, given back, and used in advance by several isolates", () => {
    eachSeed(40, (draws) => {
      const counters = new KeptCounters(10);
      const books = [new LimitBook(), new LimitBook()];
      const sets = [rateSet(draws), rateSet(draws)];
      const uses: Use[][] = [[], []];
      const mostly = Math.max(1, Math.floor(8_000 / draws.int(20, 1_000)));
      for (let step = 0, now = START; step < 400; step += 1, now += draws.int(0, mostly)) {
        const which = draws.int(0, 1);
        const cost = draws.chance(0.1) ? draws.int(1, 5) : 1;
        const other = draws.chance(0.1) ? [limitAsk("full", { limit: 1, windowMs: 60_000 })] : [];
        const asks = [limitAsk("key", { limit: 1, windowMs: 1_000 }, { rates: sets[which] ?? [], cost }), ...other];
        if (passes(books[draws.int(0, 1)] ?? new LimitBook(), counters, asks, now))
          uses[which]?.push({ at: now, cost });
      }
      for (const [which, rates] of sets.entries())
        for (const rate of rates) {
          const of = uses[which] ?? [];
          if (rate.windowMs <= 60_000) expect(overshoot(of, rate)).toBeLessThanOrEqual(0);
          else for (const { at } of of) expect(usedWithin(of, rate.windowMs, at)).toBeLessThanOrEqual(rate.limit);
        }
    });
  });

  it("have no lease in common, and one that is lowered goes on without that of before", () => {
    const [book, counters] = [new LimitBook(), new KeptCounters(10)];
    const of = (limit: number) => limitAsk("key", { limit, windowMs: 1_000 });
    const some = (limit: number, now: number, requests: number) =>
      Array.from({ length: requests }, () => passes(book, counters, [of(limit)], now)).filter(Boolean).length;
    for (let at = 0; at < 10; at += 1) some(10_000, START + at * 30, 1_000);
    expect(some(101, START + 300, 1_000)).toBeLessThanOrEqual(101);
    let passed = 0;
    for (let at = 0; at < 200; at += 1) passed += some(50, START + 60_000 + at * 20, 1);
    expect(passed).toBe(200);
  });
});

/** Short and long windows, few and so many that an isolate takes some in advance. */
function rateSet(draws: Draws): readonly Rate[] {
  const limit = draws.chance(0.5) ? draws.int(1, 20) : draws.int(101, 1_000);
  const short = { limit, windowMs: draws.int(1, 2) * 1_000, burst: draws.int(1, 2 * limit) };
  const long = { limit: draws.int(20, 100), windowMs: draws.chance(0.5) ? 90_000 : 60_000 };
  return draws.chance(0.5) ? [short] : [short, long];
}

function passes(book: LimitBook, counters: KeptCounters, asks: readonly LimitAsk[], now: number): boolean {
  const asking = book.begin(asks, now);
  if (!("kind" in asking)) return asking.limits.every(({ verdict }) => verdict === "taken");
  const remote = asking.remote.map(({ ask }) => ask);
  return book.settle(asking, takeAll(counters, remote, now), now).limits.every(({ verdict }) => verdict === "taken");
}

describe("a request that costs more than leases leave of the burst", () => {
  const rate = { limit: 1_000, windowMs: 1_000, burst: 400 };

  it("is asked about by itself, passes where there is room, and leaves leases alone", () => {
    const [book, counters] = [new LimitBook(), new KeptCounters(10)];
    const pass = (cost: number, now: number) => passes(book, counters, [limitAsk("key", rate, { cost })], now);
    expect(pass(400, START)).toBe(true);
    expect([pass(1, START), pass(400, START + 1)]).toEqual([false, false]);
    expect(pass(1, START + 201)).toBe(true);
    // The lease may be used late by as much as it lives.
    expect(pass(400, START + 403)).toBe(false);
    expect(pass(400, START + 803)).toBe(true);
  });
});

describe("what is known to be used up", () => {
  it("is refused without asking, for a second at most: somebody may have taken the count back to zero", () => {
    const [book, counters] = [new LimitBook(), new KeptCounters(10)];
    const rate = { limit: 1, windowMs: 60_000 };
    const verdict = (now: number) => {
      const asking = book.begin([limitAsk("key", rate)], now);
      if (!("kind" in asking)) return "known";
      const taken = takeAll(
        counters,
        asking.remote.map(({ ask }) => ask),
        now,
      );
      return book.settle(asking, taken, now).limits[0]?.verdict;
    };
    expect([START, START + 1, START + 2, START + 1_000].map(verdict)).toEqual(["taken", "over", "known", "known"]);
    expect(verdict(START + 1_001)).toBe("over");
  });
});

describe("a dear request that has no room", () => {
  it.each([
    ["asked for one by one", { limit: 100, windowMs: 60_000 }],
    ["taken in advance", { limit: 200, windowMs: 1_000 }],
  ])("refuses no cheaper one, nor one by other rates: %s", (_, rate) => {
    for (const dear of [110, 1_000_000]) {
      const [book, counters] = [new LimitBook(), new KeptCounters(10)];
      const pass = (change: Partial<LimitAsk>) => passes(book, counters, [limitAsk("key", rate, change)], START);
      expect(pass({ cost: rate.limit / 4 })).toBe(true);
      expect([pass({ cost: dear + rate.limit / 4 }), pass({ cost: dear + rate.limit / 4 })]).toEqual([false, false]);
      expect([pass({ cost: 1 }), pass({ cost: 2 })]).toEqual([true, true]);
      expect(pass({ cost: 90, rates: [{ limit: 1_000, windowMs: 60_000 }] })).toBe(true);
    }
  });

  it("that is audited is told as over each time", () => {
    const [book, counters] = [new LimitBook(), new KeptCounters(10)];
    const ask = limitAsk("key", { limit: 1, windowMs: 60_000 }, { audit: true });
    expect([0, 1, 2].map((at) => passes(book, counters, [ask], START + at))).toEqual([true, false, false]);
  });
});

describe("a request that lacks what is counted by", () => {
  const rate = { limit: 5, windowMs: 60_000 };
  const lacking = (change: Partial<LimitAsk>) => limitAsk("key", rate, { missing: true, ...change });

  it("is refused without anybody being asked, and nothing is charged", () => {
    const book = new LimitBook();
    const own = limitAsk("own", { limit: 1, windowMs: 60_000 }, { scope: "LOCAL" });
    const fact = book.begin([own, limitAsk("other", rate), lacking({})], START);
    expect("kind" in fact ? [] : fact.limits.map(({ verdict }) => verdict)).toEqual(["taken", "taken", "missing"]);
    expect(passes(book, new KeptCounters(10), [own], START)).toBe(true);
  });

  it("passes where that is audited, which is told, and other limits are charged", () => {
    const [book, counters] = [new LimitBook(), new KeptCounters(10)];
    const asking = book.begin([lacking({ audit: true }), limitAsk("other", rate)], START);
    if (!("kind" in asking)) throw new Error("the other one is asked about");
    const remote = asking.remote.map(({ ask }) => ask);
    const fact = book.settle(asking, takeAll(counters, remote, START), START);
    expect(fact.limits.map(({ verdict }) => verdict)).toEqual(["missing", "taken"]);
    expect(remote.map(({ counter }) => counter)).toEqual(["other"]);
  });

  it("has a fact of finite numbers, as has one that there is never room for", () => {
    const book = new LimitBook();
    for (const ask of [lacking({}), limitAsk("key", rate, { cost: 9, scope: "LOCAL" })]) {
      const fact = book.begin([ask], START);
      expect(JSON.parse(JSON.stringify(fact))).toEqual(fact);
      expect("kind" in fact ? null : fact.limits[0]?.retryAfterMs).toBe(0);
    }
  });
});

describe("of a limit that another one refused for", () => {
  const full = limitAsk("full", { limit: 1, windowMs: 60_000 });
  const refused = (book: LimitBook, counters: KeptCounters, other: LimitAsk, now: number) => {
    const asking = book.begin([other, full], now);
    if (!("kind" in asking)) return asking.limits;
    const asks = asking.remote.map(({ ask }) => ask);
    return book.settle(asking, takeAll(counters, asks, now), now).limits;
  };

  it("nobody tells what an isolate has in hand as if that were all, nor as full what was not looked at", () => {
    const [book, counters] = [new LimitBook(), new KeptCounters(10)];
    const wide = limitAsk("wide", { limit: 100_000, windowMs: 1_000 });
    for (let at = 0; at < 10; at += 1) passes(book, counters, [wide], START + at);
    passes(book, counters, [full], START + 10);
    // The second one is refused without a call.
    for (const now of [START + 11, START + 12])
      expect(refused(book, counters, wide, now)).toMatchObject([
        { verdict: "taken", left: null },
        { verdict: "over", left: 0 },
      ]);
  });

  it("it is told where the limiter looked at it, too", () => {
    const [book, counters] = [new LimitBook(), new KeptCounters(10)];
    passes(book, counters, [full], START);
    const other = limitAsk("other", { limit: 8, windowMs: 60_000 });
    expect(refused(new LimitBook(), counters, other, START)).toMatchObject([
      { verdict: "taken", left: 8 },
      { verdict: "over", left: 0 },
    ]);
  });

  it("nobody tells where its object was not asked", () => {
    const book = new LimitBook();
    const asking = book.begin([limitAsk("other", { limit: 8, windowMs: 60_000 }), full], START);
    if (!("kind" in asking)) throw new Error("both are asked about");
    const skipped = { amount: 1, left: 0, resetMs: 0, retryAfterMs: 0, skipped: true } as const;
    const over = { amount: 0, left: 0, resetMs: 60_000, retryAfterMs: 60_000 };
    const { limits } = book.settle(asking, { ok: false, grants: [skipped, over], at: START }, START);
    expect(limits.map(({ left: of }) => of)).toEqual([null, 0]);
  });
});

describe("where the limiter cannot be asked", () => {
  const rate = { limit: 3, windowMs: 60_000 };
  const verdicts = (ask: LimitAsk) => {
    const book = new LimitBook();
    return Array.from({ length: 5 }, () => {
      const asking = book.begin([ask], START);
      return "kind" in asking ? book.fail(asking, START).limits[0]?.verdict : asking.limits[0]?.verdict;
    });
  };

  it("a limit of the same size holds in the isolate", () => {
    expect(verdicts(limitAsk("key", rate))).toEqual(["taken", "taken", "taken", "over", "over"]);
  });

  it("a closed one refuses", () => {
    expect(new Set(verdicts(limitAsk("key", rate, { closed: true })))).toEqual(new Set(["failed"]));
  });
});
