import { describe, expect, it } from "vitest";
import { type Leftover, retryOf } from "../../src/decide/retry.ts";
import type { Forward } from "../../src/decide/types.ts";
import type { Result } from "../../src/routing/retries.ts";
import type { RetryPolicy } from "../../src/snapshot/model.ts";
import { decided, facts, slice } from "./requests.ts";

const POLICY: RetryPolicy = { attempts: 2, on: ["connect-failure", "5xx"], statusCodes: [], backoffMs: 25 };
const PLENTY: Leftover = {
  method: "GET",
  canRepeatBody: true,
  leftMs: Number.POSITIVE_INFINITY,
  retryAfterMs: null,
};
const FAILED: Result = { kind: "answer", status: 503, grpcStatus: null, rateLimited: false };

function forward(retries: RetryPolicy | null): Forward {
  const route = { name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }] };
  const decision = decided(slice({ routes: [{ ...route, ...(retries && { retries }) }] }), facts());
  if (decision.effect !== "forward") throw new Error(decision.effect);
  return decision;
}

interface Judged {
  readonly policy: RetryPolicy | null;
  readonly left: Partial<Leftover>;
  readonly seed: number;
}

function judge(results: readonly Result[], { policy = POLICY, left = {}, seed = 1 }: Partial<Judged> = {}) {
  const decision = forward(policy);
  const [endpoint] = decision.cluster.model.endpoints;
  const history = results.map((result) => ({ endpoint: endpoint!, result }));
  return retryOf(decision, history, { ...PLENTY, ...left }, seed);
}

const waits = (verdict: ReturnType<typeof judge>) => (verdict.kind === "retry" ? verdict.waitMs : verdict);
const STOP = { kind: "stop", flag: null };

describe("an attempt that failed", () => {
  it("is tried again after a wait that the request's seed tells, a longer one each time", () => {
    expect(waits(judge([FAILED], { seed: 7 }))).toBe(waits(judge([FAILED], { seed: 7 })));
    const longest = (results: readonly Result[]) =>
      Math.max(...Array.from({ length: 1_000 }, (_, seed) => Number(waits(judge(results, { seed })))));
    expect(longest([FAILED])).toBeGreaterThan(24);
    expect(longest([FAILED])).toBeLessThan(25);
    expect(longest([FAILED, FAILED])).toBeGreaterThan(70);
    expect(longest([FAILED, FAILED])).toBeLessThan(75);
  });

  it("stands where no attempts are left, and is marked so", () => {
    expect(judge([FAILED, FAILED, FAILED])).toEqual({ kind: "stop", flag: "URX" });
  });

  it("stands where the route has no policy, or no condition of it holds", () => {
    expect(judge([FAILED], { policy: null })).toEqual(STOP);
    expect(judge([{ ...FAILED, status: 404 }])).toEqual(STOP);
    expect(judge([{ ...FAILED, status: 404 }, FAILED, { ...FAILED, status: 200 }])).toEqual(STOP);
  });

  it("is the last one alone", () => {
    expect(judge([FAILED, { ...FAILED, status: 200 }])).toEqual(STOP);
  });

  it("of a method that may do harm twice stands, unless nothing was sent or the route asked for it (R34)", () => {
    const left = { method: "POST" };
    for (const result of [FAILED, { kind: "reset" }, { kind: "late" }] as const) {
      expect(judge([result], { left })).toEqual(STOP);
      expect(judge([result], { left, policy: { ...POLICY, explicit: true } }).kind).toBe("retry");
    }
    expect(judge([{ kind: "unsent" }], { left }).kind).toBe("retry");
  });

  it("with a body that was not kept stands, unless nothing was sent (R34)", () => {
    const left = { method: "PUT", canRepeatBody: false };
    expect(judge([FAILED], { left })).toEqual(STOP);
    expect(judge([FAILED], { left, policy: { ...POLICY, explicit: true } })).toEqual(STOP);
    expect(judge([{ kind: "unsent" }], { left }).kind).toBe("retry");
  });

  it("waits as long as the service asks", () => {
    expect(waits(judge([FAILED], { left: { retryAfterMs: 3_000 } }))).toBe(3_000);
    expect(waits(judge([FAILED], { left: { retryAfterMs: 0 } }))).toBeLessThan(25);
    expect(waits(judge([FAILED], { left: { retryAfterMs: 3_000, leftMs: 3_001 } }))).toBe(3_000);
  });

  it("stands where the wait is longer than what is left of the route's time", () => {
    expect(judge([FAILED], { left: { retryAfterMs: 3_000, leftMs: 3_000 } })).toEqual(STOP);
    expect(judge([FAILED], { left: { leftMs: 0 } })).toEqual(STOP);
  });

  it("stands where a service asks for minutes and the route sets no time", () => {
    expect(waits(judge([FAILED], { left: { retryAfterMs: 30_000 } }))).toBe(30_000);
    expect(judge([FAILED], { left: { retryAfterMs: 30_001 } })).toEqual(STOP);
    expect(waits(judge([FAILED], { left: { retryAfterMs: 30_001, leftMs: 60_000 } }))).toBe(30_001);
  });
});
