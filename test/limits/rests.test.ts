import { describe, expect, it } from "vitest";
import { type Asking, type LimitAsk, LimitBook } from "../../src/limits/limit-book.ts";
import type { Grant, Taken } from "../../src/limits/limiter.ts";
import { HOW, START } from "./isolates.ts";

const KEY: LimitAsk = {
  ...HOW,
  name: "key",
  counter: "key",
  shared: "others",
  rates: [{ limit: 50, windowMs: 1_000 }],
};
const OVER = { amount: 0, left: 0, resetMs: 0, retryAfterMs: 20 };
const TAKEN = { amount: 1, left: 0, resetMs: 0, retryAfterMs: 0 };

/** Asks the limiter. */
function asked(book: LimitBook, now: number, limits = [KEY]): Asking {
  const begun = book.begin(limits, now);
  if (!("kind" in begun)) throw new Error(`nobody is asked: ${JSON.stringify(begun)}`);
  return begun;
}

/** Whether a request is refused without anybody being asked. */
function isKnown(book: LimitBook, now: number, limits = [KEY]): boolean {
  const begun = book.begin(limits, now);
  if ("kind" in begun) book.cancel(begun, now);
  return !("kind" in begun);
}

function answer(...grants: readonly Grant[]): Taken {
  return { ok: grants.every(({ amount }) => amount > 0), grants, at: START };
}

const isAgain = ({ remote }: Asking): boolean => remote[0]?.ask.again === true;

/** An isolate that was refused, and told to come back in a second. */
function refused(): LimitBook {
  const book = new LimitBook();
  book.settle(asked(book, START), answer({ ...OVER, restMs: 1_000 }), START);
  return book;
}

describe("an isolate that was refused", () => {
  it("obeys what one of many requests was told for a second at most, and asks each by itself after a short rest", () => {
    const book = new LimitBook();
    book.settle(asked(book, START), answer({ ...OVER, restMs: 10_000 }), START);
    expect([START, START + 999, START + 1_000].map((now) => isKnown(book, now))).toEqual([true, true, false]);
    const other = new LimitBook();
    other.settle(asked(other, START), answer({ ...OVER, restMs: 300 }), START);
    expect([0, 1].map(() => isAgain(asked(other, START + 300)))).toEqual([false, false]);
  });

  it("asks by one request alone after a long rest: others are refused meanwhile", () => {
    const book = refused();
    const again = asked(book, START + 1_000);
    expect(isAgain(again)).toBe(true);
    expect(isKnown(book, START + 1_020)).toBe(true);
    book.settle(again, answer({ ...TAKEN, left: 7 }), START + 1_030);
    expect([0, 1].map(() => isAgain(asked(book, START + 1_031)))).toEqual([false, false]);
  });

  it("obeys what that one is told, a minute at most", () => {
    const book = refused();
    book.settle(asked(book, START + 1_000), answer({ ...OVER, restMs: 25_000 }), START + 1_000);
    expect([START + 25_999, START + 26_000].map((now) => isKnown(book, now))).toEqual([true, false]);
    book.settle(asked(book, START + 26_000), answer({ ...OVER, restMs: 600_000 }), START + 26_000);
    expect([START + 85_999, START + 86_000].map((now) => isKnown(book, now))).toEqual([true, false]);
  });

  it("rests at once where that one got the last", () => {
    const book = refused();
    const fact = book.settle(asked(book, START + 1_000), answer({ ...TAKEN, restMs: 2_000 }), START + 1_000);
    expect(fact.limits[0]?.verdict).toBe("taken");
    expect([START + 1_001, START + 2_999, START + 3_000].map((now) => isKnown(book, now))).toEqual([true, true, false]);
    expect(isAgain(asked(book, START + 3_000))).toBe(true);
  });

  it.each<[string, (book: LimitBook, again: Asking, now: number) => unknown]>([
    ["asks nobody after all", (book, again, now) => book.cancel(again, now)],
    ["could not be answered", (book, again, now) => book.fail(again, now)],
    ["was refused by another limit", (book, again, now) => book.settle(again, { ...answer(TAKEN), ok: false }, now)],
  ])("lets the next request ask where that one %s", (_, end) => {
    const book = refused();
    end(book, asked(book, START + 1_000), START + 1_010);
    expect(isAgain(asked(book, START + 1_010))).toBe(true);
  });

  it("waits for an answer no longer than that one does", () => {
    const book = refused();
    asked(book, START + 1_000);
    expect(isKnown(book, START + 1_399)).toBe(true);
    expect(isAgain(asked(book, START + 1_400))).toBe(true);
  });

  it("asks for a cheaper request all the same", () => {
    const [book, dear] = [new LimitBook(), { ...KEY, cost: 5 }];
    book.settle(asked(book, START, [dear]), answer({ ...OVER, restMs: 1_000 }), START);
    const again = asked(book, START + 1_000, [dear]);
    expect([isAgain(again), isKnown(book, START + 1_001, [dear])]).toEqual([true, true]);
    expect(isAgain(asked(book, START + 1_001))).toBe(false);
  });

  it("is held up by nothing that another limit, which is known to be used up, refuses", () => {
    const book = refused();
    const full: LimitAsk = { ...KEY, name: "full", counter: "full" };
    book.settle(asked(book, START + 900, [full]), answer({ ...OVER, restMs: 1_000 }), START + 900);
    expect(isKnown(book, START + 1_000, [KEY, full])).toBe(true);
    expect(isAgain(asked(book, START + 1_000))).toBe(true);
  });
});
