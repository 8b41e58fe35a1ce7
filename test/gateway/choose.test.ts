import { describe, expect, it } from "vitest";
import type { Forward, Refusal } from "../../src/decide/types.ts";
import { decide } from "../../src/decide/decide.ts";
import { ActiveCounts, choose, type Turns } from "../../workers/gateway/choose.ts";
import { cluster, endpoint, facts, OPEN, slice } from "../decide/requests.ts";

const OUTLIER = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  intervalMs: 1,
  baseEjectionMs: 1,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
  alwaysEjectOne: true,
};

function forward(minHealthPercent = 0): Forward {
  const of = slice({
    policySets: [OPEN, { ...OPEN, deny: [{ name: "d", rules: [{}] }] }],
    clusters: {
      a: {
        ...cluster("a", [endpoint("EP_A", 0), endpoint("EP_B", 0), endpoint("EP_C", 1)]),
        outlier: { ...OUTLIER, minHealthPercent },
      },
    },
  });
  const decision = decide(of, facts(), { destination: 0 });
  if (decision.effect !== "forward") throw new Error(decision.effect);
  return decision;
}

const chosen = (decision: Forward, out: readonly string[], turns: Turns = new WeakMap()) => {
  const choice = choose(decision, ({ id }) => out.includes(id), turns, new ActiveCounts());
  return choice.kind === "endpoint" ? choice.endpoint.id : choice.kind;
};

describe("choose", () => {
  it("goes round those whose policies allow the call", () => {
    const decision = forward();
    const turns: Turns = new WeakMap();
    expect([1, 2, 3, 4].map(() => chosen(decision, [], turns))).toEqual(["EP_A", "EP_B", "EP_A", "EP_B"]);
  });

  it("never picks one that is ejected, nor one that refuses, though it be the last", () => {
    const decision = forward();
    expect(chosen(decision, ["EP_A"])).toBe("EP_B");
    expect(chosen(decision, ["EP_A", "EP_B"])).toBe("refused");
    expect(chosen(decision, ["EP_A", "EP_B", "EP_C"])).toBe("none_healthy");
  });

  it("disregards ejections where too few are left, and still never policies", () => {
    const decision = forward(50);
    expect(["EP_A", "EP_B"]).toContain(chosen(decision, ["EP_A", "EP_B", "EP_C"]));
  });

  it("says why where every endpoint refuses", () => {
    const decision = forward();
    const choice = choose(decision, ({ id }) => id !== "EP_C", new WeakMap(), new ActiveCounts());
    expect(choice.kind === "refused" && (choice.refusal satisfies Refusal).code).toBe("rbac_denied_matched_policy");
  });
});

it("ActiveCounts counts up and down to nothing", () => {
  const counts = new ActiveCounts();
  const one = endpoint("EP_A");
  counts.add(one);
  counts.add(one);
  counts.remove(one);
  expect(counts.of(one)).toBe(1);
  counts.remove(one);
  expect(counts.of(one)).toBe(0);
});
