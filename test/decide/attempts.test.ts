import { describe, expect, it } from "vitest";
import { nextAttempt } from "../../src/decide/attempts.ts";
import type { Forward } from "../../src/decide/types.ts";
import type { Cluster, RetryPolicy } from "../../src/snapshot/model.ts";
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

const IDLE = { turn: 0, active: new Map<string, number>(), now: 0, whereabouts: null, isUnhealthy: () => false };

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
    const ALL = [endpoint("EP_A", 0), endpoint("EP_B", 0), endpoint("EP_C", 1)];

    interface Setting {
      readonly policy?: Partial<RetryPolicy>;
      readonly model?: Partial<Cluster>;
      readonly out?: readonly string[];
      readonly hash?: number;
    }

    /** Whoever is picked, by different draws and turns. */
    const after = (tried: readonly string[], { policy = {}, model = {}, out = [], hash }: Setting = {}) => {
      const route = { name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }] };
      const of = slice({
        policySets: [OPEN, { ...OPEN, deny: [{ name: "d", rules: [{}] }] }],
        routes: [{ ...route, retries: { ...RETRIES, ...policy } }],
        clusters: { a: { ...cluster("a", ALL), outlier: OUTLIER, ...model } },
      });
      const decision = decided(of, facts());
      if (decision.effect !== "forward") throw new Error(decision.effect);
      const history = tried.map((id) => ({
        endpoint: decision.cluster.model.endpoints.find((one) => one.id === id)!,
        result: { kind: "reset" as const },
      }));
      const picks = Array.from({ length: 20 }, (_, turn) => {
        const health = { ...IDLE, turn, isEjected: ({ id }: { id: string }) => out.includes(id) };
        const chosen = nextAttempt({ ...decision, hash: hash ?? null }, history, health, turn);
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
      expect(after(["EP_A"], { policy: { avoidPrevious: false } })).toEqual(["EP_A", "EP_B"]);
    });

    it("takes the same one again where a hash picks it, unless the policy says otherwise", () => {
      const hashed = { model: { loadBalancer: { ring: 1_024 } }, hash: 7 };
      const [picked = ""] = after([], hashed);
      expect(after([picked], hashed)).toEqual([picked]);
      expect(after([picked], { ...hashed, policy: { avoidPrevious: true } })).not.toContain(picked);
    });

    it("leaves the localities of those that failed after every second attempt, where the policy says so", () => {
      const placed = (id: string, locality: string) => ({ ...endpoint(id, 0), locality });
      const endpoints = [
        placed("E1", "eu"),
        placed("E2", "eu"),
        placed("E3", "eu"),
        placed("U1", "us"),
        placed("U2", "us"),
      ];
      const setting = { model: { endpoints }, policy: { remoteLocalities: true } } as const;
      expect(after(["E1"], setting)).toEqual(["E2", "E3", "U1", "U2"]);
      expect(after(["E1", "E2"], setting)).toEqual(["U1", "U2"]);
      expect(after(["E1", "E2", "U1"], setting)).toEqual(["U2"]);
      // No locality is left: as if nobody had asked for another one.
      expect(after(["E1", "E2", "U1", "U2"], setting)).toEqual(["E3"]);
      expect(after(["E1", "E2"], { model: { endpoints } })).toEqual(["E3", "U1", "U2"]);
    });

    it("takes none that refuses the request, though it be the only one that was not tried (R7)", () => {
      expect(after(["EP_A"], { out: ["EP_B"] })).toEqual(["EP_A"]);
      expect(after(["EP_A"], { out: ["EP_A", "EP_B"] })).toEqual(["rbac_denied_matched_policy"]);
    });
  });

  it("never calls an endpoint that its probes say is out, whatever ejections are disregarded", () => {
    const settings = { initialDelayMs: 0, timeoutMs: 1, periodMs: 1, successThreshold: 1, failureThreshold: 1 };
    const probe = (name: string) => ({
      address: { kind: "binding", name } as const,
      authority: "a",
      path: "/",
      headers: [],
      settings,
    });
    const probed = ["EP_A", "EP_B"].map((name) => ({ ...endpoint(name), probe: probe(name) }));
    const outlier = { ...OUTLIER, minHealthPercent: 100 };
    const decision = decided(slice({ clusters: { a: { ...cluster("a", probed), outlier } } }), facts());
    if (decision.effect !== "forward") throw new Error(decision.effect);
    const chosen = (out: readonly string[]) => {
      const health = { ...IDLE, isEjected: () => true, isUnhealthy: ({ id }: { id: string }) => out.includes(id) };
      const step = nextAttempt(decision, [], health, 7);
      return step.kind === "attempt" ? step.endpoint.id : step.answer.code;
    };
    expect(chosen(["EP_A"])).toBe("EP_B");
    expect(chosen(["EP_B"])).toBe("EP_A");
    expect(chosen(["EP_A", "EP_B"])).toBe("no_healthy_upstream");
  });
});
