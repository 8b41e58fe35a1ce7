import { describe, expect, it } from "vitest";
import { answerCost, owedBy } from "../../src/limits/answer-cost.ts";
import { keyText } from "../../src/limits/key-text.ts";
import { joinLimits, limitAsks, linkLimit } from "../../src/limits/link.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import { compileExpression } from "../../src/resources/cel.ts";
import type { LimitModel } from "../../src/snapshot/limit-model.ts";
import { facts, headers, peer } from "../decide/requests.ts";
import { eachSeed } from "./random.ts";

function tree(source: string, use: "key" | "condition" | "cost" | "answer" = "key") {
  const read = compileExpression(source, use);
  if (!read.ok) throw new Error(read.error.reason);
  return read.value.tree;
}

function asked(model: Partial<LimitModel>, request: Partial<RequestFacts> = {}, claims?: Record<string, unknown>) {
  const rates = [{ limit: 1, windowMs: 1_000 }];
  const limit = linkLimit({ name: "ns/p/l", scope: "GLOBAL", key: [], missing: "SHARE", rates, ...model });
  const token = {
    ok: true,
    principal: "iss/sub",
    issuer: "iss",
    subject: "sub",
    audiences: [],
    presenter: null,
  } as const;
  const tokens = claims === undefined ? [] : [{ ...token, claims, spaceDelimited: [], rule: 0 }];
  const asks = limitAsks([limit], { facts: facts(request), tokens, route: "r" });
  return asks[0];
}

const counter = (...of: Parameters<typeof asked>) => asked(...of)?.counter;

describe("the key of a limit", () => {
  it.each([
    ["source.address", { clientIp: "2001:db8:1:2:aaaa::1" }, { clientIp: "2001:db8:1:2::9" }, true],
    ["source.address", { clientIp: "2001:db8:1:2::1" }, { clientIp: "2001:db8:1:3::1" }, false],
    ["source.address", { clientIp: "::ffff:192.0.2.1" }, { clientIp: "192.0.2.1" }, true],
    ["source.address", { clientIp: "192.0.2.1" }, { clientIp: "192.0.2.2" }, false],
    ["source.principal", { peer: peer("a") }, { peer: peer("b") }, false],
    ['request.headers["X-A"]', { headers: headers({ "x-a": " one " }) }, { headers: headers({ "x-a": "one" }) }, true],
    ['request.headers["x-a"]', { headers: headers({ "x-a": "one,one" }) }, {}, true],
    ['request.headers["x-a"]', { headers: headers({ "x-a": "a".repeat(300) }) }, {}, true],
    ["request.url_path", { path: "/a" }, { path: "/b" }, false],
    ["request.host", { host: "a.test", authority: "a.test:443" }, { host: "a.test", authority: "a.test." }, true],
  ] as const)("%s: is %j counted with %j? %j", (source, one, other, together) => {
    const key = [tree(source)];
    expect(counter({ key }, one) === counter({ key }, other)).toBe(together);
  });

  it("is of claims of verified tokens", () => {
    const key = [tree('request.auth.claims["plan"]')];
    expect(counter({ key }, {}, { plan: "gold" })).toBe("ns/p/l||4:gold");
    expect(counter({ key }, {}, { plan: ["gold"] })).toBe(counter({ key }));
  });

  it("is of API keys of the limit's own namespace or the root, and no one's that another namespace made", () => {
    const of = (namespace: string) => ({
      apiKey: { id: "1", name: "acme", namespace, plan: "gold", labels: { team: "a" }, expiresAt: null },
    });
    const keysOf = ["ns", "root"];
    for (const [source, value] of [
      ["request.auth.key.name", "4:acme"],
      ["request.auth.key.plan", "4:gold"],
      ["request.auth.key.id", "1:1"],
      ['request.auth.key.labels["team"]', "1:a"],
    ] as const) {
      const key = [tree(source)];
      for (const own of keysOf) expect(counter({ key, keysOf }, of(own))).toBe(`ns/p/l||${value}`);
      expect(counter({ key, keysOf }, of("edge"))).toBe(counter({ key, keysOf }));
      expect(counter({ key }, of("ns"))).toBe(counter({ key }));
    }
    const rates = [{ limit: 100, windowMs: 1_000 }];
    const tiers = [{ when: tree('request.auth.key.plan == "gold"', "condition"), rates }];
    expect(asked({ tiers, keysOf }, of("ns"))?.rates).toBe(rates);
    expect(asked({ tiers, keysOf }, of("edge"))?.rates).not.toBe(rates);
  });

  it("that is not there is counted with others, not counted, or refused", () => {
    const key = [tree('request.headers["x-a"]')];
    expect(counter({ key })).toBe("ns/p/l||");
    expect(asked({ key, missing: "SKIP" })).toBeUndefined();
    expect(asked({ key, missing: "REFUSE" })).toMatchObject({ name: "ns/p/l", missing: true });
    expect(asked({ key, missing: "REFUSE" }, { headers: headers({ "x-a": "1" }) })).toMatchObject({ missing: false });
  });

  it("that a client spoils is counted with others where one that is not there is not counted", () => {
    const of = (source: string, more: object) => counter({ key: [tree(source)], missing: "SKIP" }, more);
    const shared = "ns/p/l||";
    const long = `/${"a".repeat(300)}`;
    for (const value of ["1,2", "1, 1", ",", "a".repeat(300)])
      expect(of('request.headers["x-a"]', { headers: headers({ "x-a": value }) })).toBe(shared);
    expect(of('request.headers["x-a"]', { headers: headers({ "x-a": "1" }) })).toBe("ns/p/l||1:1");
    expect(of('request.headers["x-a"]', { headers: headers({ "x-a": "" }) })).toBeUndefined();
    expect(of("request.url_path", { path: long })).toBe(shared);
    expect(of("request.url_path + request.method", { path: `/${"a".repeat(5_000)}` })).toBe(shared);
    expect(of('string(int(request.headers["x-a"]))', { headers: headers({ "x-a": "one" }) })).toBe(shared);
    const both = [tree("request.url_path"), tree('request.headers["x-a"]')];
    expect(asked({ key: both, missing: "SKIP" }, { path: long })).toBeUndefined();
    expect(asked({ key: both, missing: "REFUSE" }, { path: long })).toMatchObject({ missing: true });
  });

  it("is never that of other parts", () => {
    eachSeed(20, (draws) => {
      const known = new Map<string, string>();
      for (let at = 0; at < 100; at += 1) {
        const parts = Array.from({ length: draws.int(1, 3) }, () =>
          Array.from({ length: draws.int(0, 3) }, () => "a:1|"[draws.int(0, 3)]).join(""),
        );
        const [text, written] = [keyText(parts), JSON.stringify(parts)];
        expect(known.get(text) ?? written).toBe(written);
        known.set(text, written);
      }
    });
  });
});

describe("what a request is asked about", () => {
  it("is nothing where `when` does not hold", () => {
    const when = tree('request.headers["x-a"] == "1"', "condition");
    expect(asked({ when }, { headers: headers({ "x-a": "2" }) })).toBeUndefined();
    expect(asked({ when }, { headers: headers({ "x-a": "1" }) })).toMatchObject({ name: "ns/p/l" });
    const there = tree('"x-a" in request.headers && request.headers["x-a"] == "1"', "condition");
    expect(asked({ when: there })).toBeUndefined();
  });

  it.each([
    ["a header that is not there", 'request.headers["x-plan"] != "gold"', {}],
    ["a header that came twice", 'request.headers["x-plan"] != "gold"', { headers: headers({ "x-plan": "gold, a" }) }],
    ["no claim", 'request.auth.claims["plan"] == "free"', {}],
    ["a text too long", '(request.url_path + "?").contains("login?")', { path: `/login/${"a".repeat(5_000)}` }],
  ])(
    "is the limit where `when` cannot be worked out, so that clients cannot choose to be free: %s",
    (_, source, request) => {
      expect(asked({ when: tree(source, "condition") }, request)).toMatchObject({ name: "ns/p/l" });
    },
  );

  it("is once what several targets share, for whichever of them it is", () => {
    const of = (host: string) => ({
      name: "ns/p/l",
      scope: "GLOBAL" as const,
      key: [],
      missing: "SHARE" as const,
      rates: [{ limit: 1, windowMs: 1_000 }],
      when: {
        kind: "==" as const,
        left: { kind: "attribute" as const, name: "host" },
        right: { kind: "value" as const, value: host },
      },
    });
    const limits = joinLimits([of("a.test"), of("b.test"), of("a.test")].map(linkLimit)) ?? [];
    const askedAt = (host: string) => limitAsks(limits, { facts: facts({ host }), tokens: [], route: "r" });
    expect(["a.test", "b.test", "c.test"].map((host) => askedAt(host).length)).toEqual([1, 1, 0]);
  });

  it("has the strictest of the rates in question where a tier's condition cannot be worked out", () => {
    const rates = (limit: number) => [{ limit, windowMs: 1_000 }];
    const model = (strict: number) => ({
      rates: rates(2),
      tiers: [
        { when: tree('request.headers["x-plan"] == "gold"', "condition"), rates: rates(9) },
        { when: tree('request.headers["x-abuse"] == "yes"', "condition"), rates: rates(strict) },
      ],
    });
    const plan = (value: string) => ({ headers: headers({ "x-plan": value, "x-abuse": "no" }) });
    expect(asked(model(1))).toMatchObject({ rates: rates(1) });
    expect(asked(model(5))).toMatchObject({ rates: rates(2) });
    expect(asked(model(1), plan("gold"))).toMatchObject({ rates: rates(9) });
    expect(asked(model(1), plan("gold,gold"))).toMatchObject({ rates: rates(2) });
  });

  it("has the rates of its key, else of the first tier that holds", () => {
    const rates = (limit: number) => [{ limit, windowMs: 1_000 }];
    const model = {
      key: [tree('request.headers["x-a"]')],
      tiers: [
        { when: tree('request.method == "POST"', "condition"), rates: rates(2) },
        { when: tree("true", "condition"), rates: rates(3) },
      ],
      overrides: { [keyText(["vip"])]: rates(4) },
    };
    expect(asked(model, { headers: headers({ "x-a": "vip" }), method: "POST" })).toMatchObject({ rates: rates(4) });
    expect(asked(model, { method: "POST" })).toMatchObject({ rates: rates(2) });
    expect(asked(model)).toMatchObject({ rates: rates(3) });
  });

  it("costs what its author says, and nothing at 0", () => {
    const cost = tree('request.method == "GET" ? 0 : 5', "cost");
    expect(asked({ cost })).toBeUndefined();
    expect(asked({ cost }, { method: "POST" })).toMatchObject({ cost: 5 });
  });
});

describe("what an answer costs", () => {
  const of = (
    source: string,
    answer: { readonly code?: number; readonly size?: number; readonly "x-cost"?: string },
  ) => {
    const ask = asked({ answerCost: tree(source, "answer"), cost: tree("0", "cost") });
    const fact = {
      name: "ns/p/l",
      verdict: "taken",
      quota: 1,
      windowMs: 1,
      left: 0,
      resetMs: 0,
      retryAfterMs: 0,
    } as const;
    const [owed] = ask === undefined ? [] : (owedBy([ask], { limits: [fact] }) ?? []);
    if (owed === undefined) throw new Error("nothing is owed");
    expect(owed.cost).toBe(1);
    const header = (name: string) => (name === "x-cost" ? (answer["x-cost"] ?? null) : null);
    return answerCost(owed, { code: answer.code ?? 200, size: answer.size ?? null, header });
  };
  const HEADER = 'int(response.headers["x-cost"])';

  it.each([
    [HEADER, { "x-cost": "12" }, 12],
    [HEADER, {}, 0],
    [HEADER, { "x-cost": "-3" }, 0],
    [HEADER, { "x-cost": "many" }, 0],
    [HEADER, { "x-cost": "99999999999" }, 10_000_000],
    ["response.code >= 500 ? 0 : 3", { code: 503 }, 0],
    ["response.code >= 500 ? 0 : 3", { code: 404 }, 3],
    ["response.size / 1024", { size: 4_096 }, 4],
    ["has(response.size) ? response.size / 1024 : 7", {}, 7],
    ['request.method == "GET" ? 2 : 1', {}, 2],
  ])("%s of %j is %d; its request costs something, so that it is asked whether there is room", (source, answer, cost) =>
    expect(of(source, answer)).toBe(cost),
  );

  it("is owed of limits that were charged alone, and not where one of them refused", () => {
    const ask = asked({ answerCost: tree("1", "answer") });
    const other = asked({});
    if (ask === undefined || other === undefined) throw new Error("nothing is asked");
    const fact = (verdict: "taken" | "over") => ({
      name: "l",
      verdict,
      quota: 1,
      windowMs: 1,
      left: 0,
      resetMs: 0,
      retryAfterMs: 0,
    });
    expect(owedBy([ask, other], { limits: [fact("taken"), fact("taken")] })).toEqual([ask]);
    expect(owedBy([ask, other], { limits: [fact("taken"), fact("over")] })).toBeNull();
    expect(owedBy([ask, { ...other, audit: true }], { limits: [fact("taken"), fact("over")] })).toEqual([ask]);
    expect(owedBy([{ ...ask, audit: true }, other], { limits: [fact("over"), fact("taken")] })).toBeNull();
    expect(owedBy([other], { limits: [fact("taken")] })).toBeNull();
  });
});
