import { describe, expect, it } from "vitest";
import { parseObject } from "../../src/kinds/parse.ts";
import { checkEnd, endOfRehearsal } from "../../src/resources/fault-rehearsal.ts";
import type { KubeObject } from "../../src/resources/object.ts";

const END = "2026-01-31T12:00:00Z";
const GOOD = { targetRef: { kind: "Service", name: "reviews" }, delay: { fixedDelay: "5s" }, endsAt: END };

function parsed(change: Readonly<Record<string, unknown>>) {
  const spec = Object.fromEntries(Object.entries({ ...GOOD, ...change }).filter(([, value]) => value !== undefined));
  const metadata = { name: "r", namespace: "shop" };
  return parseObject({ apiVersion: "tulle.dev/v1alpha1", kind: "FaultRehearsal", metadata, spec }, { local: false });
}

const errorsOf = (change: Readonly<Record<string, unknown>>) =>
  parsed(change)
    .findings.filter(({ severity }) => severity === "error")
    .map(({ field, message }) => `${field}: ${message}`);

describe("FaultRehearsal", () => {
  it.each([
    {},
    { delay: { fixedDelay: "30s" }, percentage: { value: 0.0001 }, route: "canary" },
    { delay: undefined, abort: { httpStatus: 503 }, headers: { "X-User": { exact: "ann" }, "x-b": {} } },
    { delay: undefined, abort: { grpcStatus: "UNAVAILABLE" } },
    { targetRef: { group: "networking.istio.io", kind: "ServiceEntry", name: "a" }, endsAt: "2026-01-31T12:00:00.5Z" },
  ])("takes %j", (change) => expect(errorsOf(change)).toEqual([]));

  it.each([
    [{ delay: { fixedDelay: "31s" } }, "from 1 ms to 30 s"],
    [{ delay: { fixedDelay: "30001ms" } }, "from 1 ms to 30 s"],
    [{ delay: { fixedDelay: "0s" } }, "from 1 ms to 30 s"],
    [{ delay: { fixedDelay: "-1s" } }, "from 1 ms to 30 s"],
    [{ delay: undefined }, "set one of `delay` and `abort`"],
    [{ abort: { httpStatus: 503 } }, "set one of `delay` and `abort`"],
    [{ delay: undefined, abort: {} }, "set one of `httpStatus` and `grpcStatus`"],
    [{ delay: undefined, abort: { httpStatus: 503, grpcStatus: "OK" } }, "set one of `httpStatus` and `grpcStatus`"],
    [{ delay: undefined, abort: { httpStatus: 101 } }, "200"],
    [{ delay: undefined, abort: { grpcStatus: "BROKEN" } }, "a status of gRPC"],
    [{ percentage: { value: 0 } }, "rehearses nothing"],
    [{ delay: { fixedDelay: "1s", percentage: { value: 5 } } }, "beside the fault: `spec.percentage`"],
    [{ targetRef: { kind: "VirtualService", name: "a" } }, "in `route` the name"],
    [{ percentage: {} }, "rehearses nothing"],
    [{ percentage: { value: -1 } }, "percentage"],
    [{ percentage: { value: 100.1 } }, "percentage"],
    [{ percentage: 50 }, "percentage"],
    [{ headers: { "a b": {} } }, "must be a header name"],
    [{ headers: { "x-a": {}, "X-A": {} } }, "in another spelling"],
    [{ headers: { "x-a": { exact: "1", prefix: "1" } } }, "set only one"],
    [{ endsAt: undefined }, "endsAt"],
    [{ endsAt: "2026-02-30T12:00:00Z" }, "a time in UTC"],
    [{ endsAt: "2026-01-31T12:00:00+01:00" }, "a time in UTC"],
    [{ endsAt: "15m" }, "a time in UTC"],
    [{ targetRef: { kind: "Service", name: "a", namespace: "other" } }, "of the rehearsal's own namespace"],
    [{ targetRef: { kind: "Gateway", name: "a" } }, "a target is a `Service`"],
    [{ targetRef: { group: "networking.istio.io", kind: "VirtualService", name: "a" } }, "in `route` the name"],
    [{ targetRef: { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "a" } }, "of Gateway API"],
    [{ service: "reviews" }, "service"],
  ])("refuses %j, and says why", (change, why) => expect(errorsOf(change).join("\n")).toContain(why));
});

describe("the end of a rehearsal", () => {
  const object = parsed({}).object as KubeObject;
  const end = Date.parse(END);
  const told = (now: number) => checkEnd(object, now).map(({ field, message }) => `${field} ${message}`);

  it("is ahead, and at most 24 hours away, when it is written", () => {
    expect(endOfRehearsal(object)).toBe(end);
    for (const now of [end - 24 * 3_600_000, end - 1]) expect(told(now)).toEqual([]);
    expect(told(end)).toEqual([expect.stringContaining("spec.endsAt is past")]);
    expect(told(end - 24 * 3_600_000 - 1)).toEqual([expect.stringContaining("more than 24 hours away")]);
  });

  it("is nothing of other kinds", () => {
    const other = { ...object, kind: "RateLimitPolicy" };
    expect([endOfRehearsal(other), checkEnd(other, 0)]).toEqual([null, []]);
  });
});
