import { describe, expect, it } from "vitest";
import { isRepeatable, isRetried, linkRetries, type Result } from "../../src/routing/retries.ts";
import type { RetryCondition, RetryPolicy } from "../../src/snapshot/model.ts";

const policy = (on: readonly RetryCondition[], statusCodes: readonly number[] = []): RetryPolicy => ({
  attempts: 2,
  on,
  statusCodes,
  backoffMs: 25,
});

const answer = (status: number, grpcStatus: string | null = null, rateLimited = false): Result => ({
  kind: "answer",
  status,
  grpcStatus,
  rateLimited,
});

/** Everything that can come of an attempt, by a short name. */
const RESULTS: Readonly<Record<string, Result>> = {
  unsent: { kind: "unsent" },
  reset: { kind: "reset" },
  protocol: { kind: "protocol" },
  late: { kind: "late" },
  "200": answer(200),
  "404": answer(404),
  "409": answer(409),
  "429": answer(429),
  "429 limited": answer(429, null, true),
  "500": answer(500),
  "501": answer(501),
  "502": answer(502),
  "503": answer(503),
  "503 limited": answer(503, null, true),
  "504": answer(504),
  "505": answer(505),
  "grpc 0": answer(200, "0"),
  "grpc 1": answer(200, "1"),
  "grpc 4": answer(200, "4"),
  "grpc 8": answer(200, "8"),
  "grpc 13": answer(200, "13"),
  "grpc 14": answer(200, "14"),
};

const retried = (of: RetryPolicy, idempotent = true) =>
  Object.entries(RESULTS).flatMap(([name, result]) => (isRetried(linkRetries(of), result, idempotent) ? name : []));

const NO_ANSWER = ["unsent", "reset", "protocol", "late"];

describe("a condition of a retry policy", () => {
  it.each<{ on: RetryCondition; holds: readonly string[] }>([
    { on: "5xx", holds: ["500", "501", "502", "503", "504", "505", ...NO_ANSWER] },
    { on: "gateway-error", holds: ["502", "503", "504", ...NO_ANSWER] },
    { on: "reset", holds: NO_ANSWER },
    { on: "connect-failure", holds: ["unsent", "reset"] },
    { on: "reset-before-request", holds: ["unsent"] },
    { on: "retriable-4xx", holds: ["409"] },
    { on: "envoy-ratelimited", holds: ["429 limited", "503 limited"] },
    { on: "cancelled", holds: ["grpc 1"] },
    { on: "deadline-exceeded", holds: ["grpc 4"] },
    { on: "resource-exhausted", holds: ["grpc 8"] },
    { on: "internal", holds: ["grpc 13"] },
    { on: "unavailable", holds: ["grpc 14"] },
  ])("$on holds for $holds and nothing else", ({ on, holds }) => {
    expect(retried(policy([on])).toSorted()).toEqual(holds.toSorted());
  });

  it("of status codes holds for answers alone: a call that broke off is no 503", () => {
    expect(retried(policy([], [404, 503])).toSorted()).toEqual(["404", "503"]);
  });

  it("holds beside others, and none holds of an empty list", () => {
    expect(retried(policy(["retriable-4xx", "cancelled"], [429])).toSorted()).toEqual(["409", "429", "grpc 1"]);
    expect(retried(policy([]))).toEqual([]);
  });

  it("never takes a call that broke off for a failure to connect where a repeat may do harm (R34)", () => {
    expect(retried(policy(["connect-failure"]), false)).toEqual(["unsent"]);
    expect(retried(policy(["reset"]), false).toSorted()).toEqual(NO_ANSWER.toSorted());
  });
});

describe("a request that the service may have got is sent again (R34)", () => {
  it.each(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "QUERY"])("by any policy: %s", (method) => {
    expect(isRepeatable(policy(["5xx"]), method)).toBe(true);
  });

  it.each(["POST", "PATCH", "LOCK", "PURGE", "MOVE"])("only where the route asked for it: %s", (method) => {
    expect(isRepeatable(policy(["5xx"]), method)).toBe(false);
    expect(isRepeatable({ ...policy(["5xx"]), explicit: true }, method)).toBe(true);
  });
});
