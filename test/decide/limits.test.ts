import { describe, expect, it } from "vitest";
import * as fc from "fast-check";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import { afterLimits } from "../../src/decide/limits.ts";
import { Explanation } from "../../src/decide/stages.ts";
import type { Decision } from "../../src/decide/types.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import { LimitBook } from "../../src/limits/limit-book.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { LimitModel } from "../../src/snapshot/limit-model.ts";
import { facts, headers, slice } from "./requests.ts";

const PER_USER: LimitModel = {
  name: "shop/p/per-user",
  scope: "LOCAL",
  key: [{ kind: "header", of: "request", name: "x-user" }],
  missing: "REFUSE",
  rates: [{ limit: 1, windowMs: 60_000 }],
  told: true,
};

function limited(change: Partial<LimitModel> = {}): LinkedSlice {
  const destinations = [{ cluster: "a", weight: 1 }];
  const routes = [{ name: "r", matches: [], destinations, limits: [0] }];
  return slice({ routes, limits: [{ ...PER_USER, ...change }] });
}

/** The same of a route that the gateway answers itself. */
function answered(change: Partial<LimitModel> = {}): LinkedSlice {
  const routes = [{ name: "r", matches: [], destinations: [], direct: { status: 410, body: "" }, limits: [0] }];
  return slice({ routes, limits: [{ ...PER_USER, ...change }] });
}

/** As a gateway does: what must be charged is charged by one isolate's book. */
function served(of: LinkedSlice, request: RequestFacts) {
  const first = decide(of, request);
  const asks = first.effect === "need" ? (first.limits ?? []) : [];
  const limits = new LimitBook().begin(asks, 0);
  if ("kind" in limits) throw new Error("nobody else is asked");
  const whole = { ...request, limits };
  const decision = decide(of, whole);
  if (decision.effect === "need") throw new Error("a fact is missing");
  return { whole, decision };
}

const code = (decision: Decision) => (decision.effect === "answer" ? decision.code : "forward");

describe("a request that lacks what it is counted by", () => {
  it("is refused, is told nothing of how the limit stands, and its record replays equal", () => {
    const of = limited();
    const { whole, decision } = served(of, facts());
    expect(code(decision)).toBe("request_rate_limited");
    expect(decision.effect === "answer" ? decision.headers.map(([name]) => name) : []).not.toContain("ratelimit");
    const record = JSON.parse(JSON.stringify(writeFacts(of, whole))) as ReturnType<typeof writeFacts>;
    const replayed = decide(of, readFacts(of, record));
    if (replayed.effect === "need") throw new Error("a fact is missing");
    expect(describeDecision(replayed)).toEqual(describeDecision(decision));
  });

  it("passes where the limit is audited or its namespace observes, which is noted", () => {
    const { decision } = served(limited({ audit: true }), facts());
    expect(code(decision)).toBe("forward");
    expect(decision.notes).toMatchObject([{ action: "OBSERVE", policy: "shop/p/per-user" }]);
  });

  it("passes where it has it", () => {
    expect(code(served(limited(), facts({ headers: headers({ "x-user": "a" }) })).decision)).toBe("forward");
  });
});

describe("a decision that waits for its limits alone", () => {
  const verdict = fc.constantFrom("taken" as const, "over" as const, "missing" as const, "failed" as const);
  const taken = fc.record({ verdict, left: fc.nat(9), resetMs: fc.nat(90_000), retryAfterMs: fc.nat(90_000) });
  const yes = fc.constant(true as const);
  const change = fc.record({ toldOlder: yes, audit: yes }, { requiredKeys: [] });

  it("goes on to what deciding from the start leads to, and does so where nothing is told of it", () => {
    fc.assert(
      fc.property(change, taken, fc.boolean(), (changed, how, isAnswered) => {
        const of = isAnswered ? answered(changed) : limited(changed);
        const first = decide(of, facts());
        if (first.effect !== "need") throw new Error("no limit is asked about");
        const limits = { limits: [{ name: PER_USER.name, quota: 1, windowMs: 60_000, ...how }] };
        expect(first.pending === undefined).toBe(changed.audit === true);
        if (first.pending === undefined) return;
        expect(afterLimits(first.pending, limits)).toEqual(decide(of, { ...facts(), limits }));
      }),
    );
  });
});

it("a request that costs more than may ever be taken is refused without a time to come again", () => {
  const of = limited({ key: [], cost: { kind: "value", value: 5 } });
  const { whole, decision } = served(of, facts());
  expect(code(decision)).toBe("request_rate_limited");
  expect(decision.effect === "answer" ? decision.headers.map(([name]) => name) : []).not.toContain("retry-after");
  expect(JSON.parse(JSON.stringify(whole.limits))).toEqual(whole.limits);
});

describe("an explanation", () => {
  const user = facts({ headers: headers({ "x-user": "Ann-0815" }) });

  /** Of the second request of one user. */
  function explained(change: Partial<LimitModel>, request = user) {
    const of = limited(change);
    const book = new LimitBook();
    const take = () => {
      const first = decide(of, request);
      return book.begin(first.effect === "need" ? (first.limits ?? []) : [], 0);
    };
    take();
    const limits = take();
    if ("kind" in limits) throw new Error("nobody else is asked");
    const record = JSON.parse(JSON.stringify(writeFacts(of, { ...request, limits }))) as ReturnType<typeof writeFacts>;
    const into = new Explanation(of);
    decide(of, readFacts(of, record), into);
    return { record: JSON.stringify(record), stages: into.stages.filter(({ stage }) => stage === "limit") };
  }

  const origin = { kind: "limit", name: "shop/p/per-user" };

  it("names the limit that refused, what it allows and when there was room, and never what it counts by", () => {
    const { record, stages } = explained({});
    const detail = "`per-user`, 1 in 60 s: it is used up, and had room again after 60 s";
    expect(stages).toMatchObject([{ outcome: "refused", detail, origin }]);
    expect(record + JSON.stringify(stages)).not.toContain("Ann-0815");
  });

  it("says of one that only audits that it refused nobody", () => {
    const { stages } = explained({ audit: true });
    expect(stages).toMatchObject([
      { outcome: "told", detail: expect.stringMatching(/used up.*; it only audits$/), origin },
    ]);
  });

  it("says which of them lacked what it counts by", () => {
    const { stages } = explained({}, facts());
    const detail = "`per-user`, 1 in 60 s: the request lacks what it is counted by";
    expect(stages).toMatchObject([{ outcome: "refused", detail, origin }]);
  });
});

describe("what clients are told", () => {
  const DAILY = [
    { limit: 20, windowMs: 1_000, burst: 40 },
    { limit: 30, windowMs: 86_400_000 },
  ];

  /** After so many requests at once, by one isolate's book. */
  function told(rates: LimitModel["rates"], requests: number) {
    const of = limited({ key: [], rates });
    const book = new LimitBook();
    let lines: Record<string, string> = {};
    for (let at = 0; at < requests; at += 1) {
      const first = decide(of, facts());
      const limits = book.begin(first.effect === "need" ? (first.limits ?? []) : [], 0);
      if ("kind" in limits) throw new Error("nobody else is asked");
      const decision = decide(of, { ...facts(), limits });
      if (decision.effect === "need") throw new Error("a fact is missing");
      lines = Object.fromEntries(
        decision.effect === "answer"
          ? decision.headers
          : decision.response.map((change) => [change.name, "value" in change ? change.value : ""]),
      );
    }
    return lines;
  }

  it("has a time in which who uses what is left is not faster than the limit", () => {
    const { ratelimit, "ratelimit-policy": policy } = told([{ limit: 100, windowMs: 60_000 }], 1);
    expect([policy, ratelimit]).toEqual(['"per-user";q=100;w=60', '"per-user";r=99;t=60']);
  });

  it("names each rate of several, and of what is left the one that leaves the least", () => {
    const policy = '"per-user";q=20;w=1, "per-user/86400";q=30;w=86400';
    expect(told(DAILY, 1)).toMatchObject({ "ratelimit-policy": policy, ratelimit: '"per-user/86400";r=29;t=87840' });
    expect(told(DAILY.toReversed(), 1)["ratelimit"]).toMatch(/^"per-user";r=29;/);
    expect(
      told(
        [
          { limit: 2, windowMs: 1_000 },
          { limit: 30, windowMs: 86_400_000 },
        ],
        1,
      )["ratelimit"],
    ).toBe('"per-user";r=1;t=1');
  });

  it("leaves out what nobody knows, where another limit refused", () => {
    const of = limited({ toldOlder: true });
    const request = facts({ headers: headers({ "x-user": "ada" }) });
    const one = {
      name: PER_USER.name,
      quota: 1,
      windowMs: 60_000,
      verdict: "taken",
      resetMs: 0,
      retryAfterMs: 0,
    } as const;
    const linesOf = (left: number | null) => {
      const decision = decide(of, { ...request, limits: { limits: [{ ...one, left }] } });
      return decision.effect === "forward" ? decision.response.map(({ name }) => name) : [];
    };
    expect(linesOf(null)).toEqual(["ratelimit-policy"]);
    expect(linesOf(1)).toContain("ratelimit");
  });

  it("has no time to come again before that of what is left", () => {
    const lines = told([{ limit: 2, windowMs: 60_000 }], 3);
    expect([lines["ratelimit"], lines["retry-after"]]).toEqual(['"per-user";r=0;t=30', "30"]);
  });

  it("stands beside what the service says of limits of its own", () => {
    const of = limited({ key: [] });
    const { decision } = served(of, facts());
    const changes = decision.effect === "forward" ? decision.response.map(({ op, name }) => [op, name]) : [];
    expect(changes).toEqual([
      ["add", "ratelimit-policy"],
      ["add", "ratelimit"],
    ]);
  });
});
