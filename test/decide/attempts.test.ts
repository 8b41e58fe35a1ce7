import { describe, expect, it } from "vitest";
import { nextAttempt } from "../../src/decide/attempts.ts";
import type { Forward } from "../../src/decide/types.ts";
import type { RetryPolicy } from "../../src/snapshot/model.ts";
import { cluster, decided, endpoint, facts, OPEN, slice } from "./requests.ts";

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
  const decision = decided(of, facts());
  if (decision.effect !== "forward") throw new Error(decision.effect);
  return decision;
}

const IDLE = { turn: 0, active: new Map<string, number>(), now: 0, whereabouts: null };

const next = (decision: Forward, out: readonly string[], turn = 0) => {
  const health = { ...IDLE, turn, isEjected: ({ id }: { id: string }) => out.includes(id) };
  const chosen = nextAttempt(decision, [], health, 7);
  return chosen.kind === "attempt" ? chosen.endpoint.id : chosen.answer.code;
};

describe("nextAttempt", () => {
  it("goes round those whose policies allow the call", () => {
    const decision = forward();
    expect([0, 1, 2, 3].map((turn) => next(decision, [], turn))).toEqual(["EP_A", "EP_B", "EP_A", "EP_B"]);
  });

  it("never picks one that is ejected, nor one that refuses, though it be the last", () => {
    const decision = forward();
    expect(next(decision, ["EP_A"])).toBe("EP_B");
    expect(next(decision, ["EP_A", "EP_B"])).toBe("rbac_denied_matched_policy");
    expect(next(decision, ["EP_A", "EP_B", "EP_C"])).toBe("no_healthy_upstream");
  });

  it("disregards ejections where too few are left, and still never policies", () => {
    expect(["EP_A", "EP_B"]).toContain(next(forward(50), ["EP_A", "EP_B", "EP_C"]));
  });

  describe("after attempts that failed", () => {
    const RETRIES: RetryPolicy = { attempts: 2, on: ["reset"], statusCodes: [], backoffMs: 25 };
    const after = (tried: readonly string[], change: Partial<RetryPolicy> = {}, out: readonly string[] = []) => {
      const of = slice({
        policySets: [OPEN, { ...OPEN, deny: [{ name: "d", rules: [{}] }] }],
        routes: [
          { name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }], retries: { ...RETRIES, ...change } },
        ],
        clusters: {
          a: {
            ...cluster("a", [endpoint("EP_A", 0), endpoint("EP_B", 0), endpoint("EP_C", 1)]),
            outlier: OUTLIER,
          },
        },
      });
      const decision = decided(of, facts());
      if (decision.effect !== "forward") throw new Error(decision.effect);
      const history = tried.map((id) => ({
        endpoint: decision.cluster.model.endpoints.find((one) => one.id === id)!,
        result: { kind: "reset" as const },
      }));
      const picks = Array.from({ length: 20 }, (_, turn) => {
        const health = { ...IDLE, turn, isEjected: ({ id }: { id: string }) => out.includes(id) };
        const chosen = nextAttempt(decision, history, health, turn);
        return chosen.kind === "attempt" ? chosen.endpoint.id : chosen.answer.code;
      });
      return [...new Set(picks)].toSorted();
    };

    it("takes one that was not tried, while there is one", () => {
      expect(after(["EP_A"])).toEqual(["EP_B"]);
      expect(after(["EP_B"])).toEqual(["EP_A"]);
      expect(after(["EP_A", "EP_B"])).toEqual(["EP_A", "EP_B"]);
    });

    it("takes any where the policy says so", () => {
      expect(after(["EP_A"], { avoidPrevious: false })).toEqual(["EP_A", "EP_B"]);
    });

    it("takes none that refuses the request, though it be the only one that was not tried (R7)", () => {
      expect(after(["EP_A"], {}, ["EP_B"])).toEqual(["EP_A"]);
      expect(after(["EP_A"], {}, ["EP_A", "EP_B"])).toEqual(["rbac_denied_matched_policy"]);
    });
  });
});
