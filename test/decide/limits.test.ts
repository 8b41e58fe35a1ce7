import { describe, expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
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

it("a request that costs more than may ever be taken is refused without a time to come again", () => {
  const of = limited({ key: [], cost: { kind: "value", value: 5 } });
  const { whole, decision } = served(of, facts());
  expect(code(decision)).toBe("request_rate_limited");
  expect(decision.effect === "answer" ? decision.headers.map(([name]) => name) : []).not.toContain("retry-after");
  expect(JSON.parse(JSON.stringify(whole.limits))).toEqual(whole.limits);
});
