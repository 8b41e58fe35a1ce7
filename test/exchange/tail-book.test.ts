import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TailBook } from "../../src/exchange/tail-book.ts";
import type { TailFilter, TailWish } from "../../src/snapshot/tail-model.ts";
import { Journal } from "../../src/telemetry/journal.ts";

const T0 = 1_800_000_000_000;

function bookOf(): TailBook {
  return new TailBook({
    line: ({ requestId }) => `{"request_id":"${requestId}"}`,
    trustDomains: () => ["cluster.local"],
  });
}

let made = 0;
function ended(change: Partial<Journal> = {}): Journal {
  made += 1;
  return Object.assign(new Journal(T0, `r${made}`, "GET"), { endedAt: T0, status: 200, path: "/", ...change });
}

function wish(id: string, filter: TailFilter = {}, more: Partial<TailWish> = {}): TailWish {
  return { id, filter, maxRps: 10, since: T0, ...more };
}

const ids = (book: TailBook) => book.next()?.lines.map(({ text }) => text) ?? [];

describe("what an isolate keeps for tails", () => {
  it("is nothing to send where none is open", () => {
    const book = bookOf();
    for (let count = 0; count < 200; count += 1) book.keep(ended());
    expect([book.revision, book.hasLines, book.next()]).toEqual([0, false, null]);
  });

  it("is the last 64 for a tail that comes down, of those that ended since it was opened", () => {
    const book = bookOf();
    const before = ended({ endedAt: T0 - 1 });
    book.keep(before);
    const all = Array.from({ length: 70 }, () => ended());
    for (const journal of all) book.keep(journal);
    book.learn({ revision: 5, wishes: [wish("a", {}, { maxRps: 100 })] });
    expect(book.revision).toBe(5);
    expect(ids(book)).toEqual(all.slice(-64).map(({ requestId }) => `{"request_id":"${requestId}"}`));
    const late = bookOf();
    late.keep(before);
    late.learn({ revision: 5, wishes: [wish("a")] });
    expect(late.next()).toBeNull();
  });

  it("is shown once to each, though orders come again and others open", () => {
    const book = bookOf();
    book.learn({ revision: 1, wishes: [wish("a")] });
    book.keep(ended());
    book.learn({ revision: 1, wishes: [wish("a")] });
    book.learn({ revision: 1 });
    book.learn({ revision: 2, wishes: [wish("a"), wish("b")] });
    expect(book.next()?.lines.map(({ tails }) => tails)).toEqual([["a"], ["b"]]);
    book.keep(ended());
    expect(book.next()?.lines.map(({ tails }) => tails)).toEqual([["a", "b"]]);
    expect(book.next()).toBeNull();
  });

  it("is the line that the log made, where it made one", () => {
    const book = bookOf();
    book.learn({ revision: 1, wishes: [wish("a")] });
    book.keep(ended({ line: "the log's" }));
    expect(ids(book)).toEqual(["the log's"]);
  });

  it("is no more than a second's share of each tail, and what is beyond is counted for it alone", () => {
    const book = bookOf();
    book.learn({ revision: 1, wishes: [wish("few", {}, { maxRps: 2 }), wish("many", {}, { maxRps: 100 })] });
    for (let count = 0; count < 5; count += 1) book.keep(ended());
    const sent = book.next();
    expect(sent?.lines.filter(({ tails }) => tails.includes("few"))).toHaveLength(2);
    expect(sent?.lines).toHaveLength(5);
    expect(sent?.dropped).toEqual({ few: 3 });
    book.keep(ended({ endedAt: T0 + 1_000 }));
    expect(book.next()?.lines[0]?.tails).toEqual(["few", "many"]);
  });

  it("is bounded in lines and in characters, and the rest is counted", () => {
    const book = bookOf();
    book.learn({ revision: 1, wishes: [wish("a", {}, { maxRps: 1_000 })] });
    for (let count = 0; count < 1_200; count += 1) book.keep(ended({ endedAt: T0 + (count > 900 ? 1_000 : 0) }));
    const lines = book.next();
    expect([lines?.lines.length, lines?.dropped]).toEqual([1_000, { a: 200 }]);
    for (let count = 0; count < 200; count += 1) book.keep(ended({ line: "x".repeat(8_192), endedAt: T0 + 2_000 }));
    const long = book.next();
    expect([long?.lines.length, long?.dropped]).toEqual([64, { a: 136 }]);
  });

  it("is forgotten when the last tail has ended", () => {
    const book = bookOf();
    book.learn({ revision: 1, wishes: [wish("a")] });
    book.keep(ended());
    book.learn(undefined);
    expect([book.revision, book.next()]).toEqual([0, null]);
    book.keep(ended());
    expect(book.next()).toBeNull();
  });

  it("goes up for a namespace where it is one of the request's sides, which go with it", () => {
    const book = bookOf();
    const peer = (namespace: string, domain = "cluster.local") => ({
      principal: `${domain}/ns/${namespace}/sa/x`,
      namespace,
      trustDomain: domain,
      by: "binding" as const,
    });
    const to = (namespace: string) => ({
      id: "c",
      service: { host: `a.${namespace}.svc.cluster.local`, name: "a", namespace },
      port: 80,
      loadBalancer: "ROUND_ROBIN" as const,
      pool: {},
      endpoints: [],
    });
    book.learn({ revision: 1, wishes: [wish("shop", { namespace: "shop" })] });
    book.keep(ended({ cluster: to("shop"), peer: peer("web") }));
    book.keep(ended({ cluster: to("other"), peer: peer("shop") }));
    book.keep(ended({ cluster: to("other"), peer: peer("shop", "elsewhere.example") }));
    book.keep(ended({ cluster: to("other"), peer: peer("web") }));
    book.keep(ended({ scope: "gw/shop/front/80" }));
    expect(book.next()?.lines.map(({ parties }) => parties)).toEqual([
      { destination: "shop", sources: ["web"] },
      { destination: "other", sources: ["shop"] },
      { destination: "shop", sources: ["shop"] },
    ]);
  });

  it("is neither lost nor shown twice, whatever comes between", () => {
    const step = fc.oneof(
      fc.constant("request" as const),
      fc.constant("exchange" as const),
      fc.constantFrom("open a" as const, "open b" as const, "end a" as const, "end b" as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const book = bookOf();
        const open = new Map<string, TailWish>();
        const want = new Map<string, number>();
        const got = new Map<string, number>();
        let [revision, clock] = [0, T0];
        const take = () => {
          for (const { tails } of book.next()?.lines ?? []) for (const id of tails) got.set(id, (got.get(id) ?? 0) + 1);
        };
        for (const each of steps) {
          clock += 1_000;
          if (each === "request") {
            book.keep(ended({ endedAt: clock }));
            for (const id of open.keys()) want.set(id, (want.get(id) ?? 0) + 1);
          } else if (each === "exchange") take();
          else {
            take();
            const [verb, name = ""] = each.split(" ");
            revision += 1;
            for (const id of open.keys()) if (id.startsWith(name)) open.delete(id);
            const id = `${name}${revision}`;
            if (verb === "open") open.set(id, wish(id, {}, { since: clock }));
            book.learn({ revision, wishes: [...open.values()] });
          }
        }
        take();
        expect(Object.fromEntries(got)).toEqual(Object.fromEntries(want));
      }),
    );
  });
});
