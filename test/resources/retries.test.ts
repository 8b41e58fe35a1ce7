import { describe, expect, it } from "vitest";
import { found, parsed } from "./parsed.ts";

const retries = (fields: string) =>
  found(
    "networking.istio.io/v1",
    "VirtualService",
    `{hosts: [a], http: [{route: [{destination: {host: a}}], retries: {${fields}}}]}`,
  );
const rule = (policy: string) =>
  found("networking.istio.io/v1", "DestinationRule", `{host: a, trafficPolicy: {${policy}}}`);
const mesh = (fields: string) => found("tulle.dev/v1alpha1", "MeshConfig", `{defaultHttpRetryPolicy: {${fields}}}`);

const AT = "spec.http[0].retries";

describe("retries", () => {
  it.each([
    "",
    "attempts: 0",
    "attempts: 10",
    'attempts: 1, retryOn: ""',
    "attempts: 3, perTryTimeout: 2s, backoff: 1ms, retryRemoteLocalities: true, retryIgnorePreviousHosts: false",
    'attempts: 3, retryOn: "5xx, gateway-error,reset,connect-failure,reset-before-request,retriable-4xx,envoy-ratelimited"',
    'attempts: 3, retryOn: "cancelled,deadline-exceeded,internal,resource-exhausted,unavailable"',
    'attempts: 3, retryOn: "503,connect-failure"',
    'attempts: 3, retryOn: "retriable-status-codes,418,511"',
  ])("takes %s", (fields) => {
    expect(retries(fields)).toEqual([]);
  });

  it.each([
    { fields: "attempts: -1", at: AT.concat(".attempts") },
    { fields: "attempts: 1.5", at: AT.concat(".attempts") },
    { fields: "attempts: 0, perTryTimeout: 2s", at: AT },
    { fields: "attempts: 0, retryOn: 5xx", at: AT },
    { fields: "retryRemoteLocalities: false", at: AT },
    { fields: "backoff: 25ms", at: AT },
    { fields: "attempts: 1, perTryTimeout: 0s", at: AT.concat(".perTryTimeout") },
    { fields: "attempts: 1, perTryTimeout: 0.0000009s", at: AT.concat(".perTryTimeout") },
    { fields: "attempts: 1, backoff: 0s", at: AT.concat(".backoff") },
    { fields: 'attempts: 1, retryOn: "600,connect-failure"', at: AT.concat(".retryOn") },
    { fields: 'attempts: 1, retryOn: "5xx,invalid policy"', at: AT.concat(".retryOn") },
    { fields: 'attempts: 1, retryOn: "5xx,,"', at: AT.concat(".retryOn") },
    { fields: 'attempts: 1, retryOn: "209"', at: AT.concat(".retryOn") },
    { fields: 'attempts: 1, retryOn: "5XX"', at: AT.concat(".retryOn") },
  ])("refuses $fields", ({ fields, at }) => {
    expect(retries(fields)).toEqual([`error Invalid ${at}`]);
  });

  it.each([
    "5xx,refused-stream",
    "http3-post-connect-failure",
    "reset,retriable-headers",
    "5xx,retriable-status-codes",
  ])("warns that a condition of %s never holds", (on) => {
    expect(retries(`attempts: 1, retryOn: "${on}"`)).toEqual([`warning Invalid ${AT}.retryOn`]);
  });

  it("are at most 25, and more are told so", () => {
    expect(retries("attempts: 25")).toEqual([]);
    expect(retries("attempts: 26")).toEqual([`warning Invalid ${AT}.attempts`]);
  });

  it("have no time of their own where the route's ends first", () => {
    const within = (timeout: string) =>
      retries(`attempts: 1, perTryTimeout: 2s}, timeout: ${timeout}, rewrite: {uri: /`);
    expect(within("1s")).toEqual([`warning Invalid ${AT}.perTryTimeout`]);
    expect(within("2s")).toEqual([`warning Invalid ${AT}.perTryTimeout`]);
    expect(within("2.001s")).toEqual([]);
    expect(within("0s")).toEqual([]);
  });

  it("of the mesh's default are read in the same way", () => {
    expect(mesh("attempts: 0")).toEqual([]);
    expect(mesh("attempts: 1, retryOn: 5xx")).toEqual([]);
    expect(mesh("attempts: 0, retryOn: 5xx")).toEqual(["error Invalid spec.defaultHttpRetryPolicy"]);
    expect(mesh("attempts: 1, retryOn: never")).toEqual(["error Invalid spec.defaultHttpRetryPolicy.retryOn"]);
  });

  it("have no effect where a route answers by itself", () => {
    const spec = "{hosts: [a], http: [{redirect: {uri: /b}, retries: {attempts: 1}}]}";
    expect(found("networking.istio.io/v1", "VirtualService", spec)).toEqual([`warning Invalid ${AT}`]);
  });
});

describe("how many retries a DestinationRule allows", () => {
  it.each([
    "connectionPool: {http: {maxRetries: 1}}",
    "connectionPool: {http: {maxRetries: 0}}",
    "retryBudget: {}",
    "retryBudget: {percent: 12.5, minRetryConcurrency: 0, budgetInterval: 0s}",
    "retryBudget: {percent: 100, budgetInterval: 10s}",
  ])("is taken: %s", (policy) => {
    expect(rule(policy)).toEqual([]);
  });

  it.each([
    { policy: "connectionPool: {http: {maxRetries: -1}}", at: "connectionPool.http.maxRetries" },
    { policy: "retryBudget: {percent: 101}", at: "retryBudget.percent" },
    { policy: "retryBudget: {percent: -1}", at: "retryBudget.percent" },
    { policy: "retryBudget: {minRetryConcurrency: -1}", at: "retryBudget.minRetryConcurrency" },
    { policy: "retryBudget: {budgetInterval: soon}", at: "retryBudget.budgetInterval" },
  ])("is refused: $policy", ({ policy, at }) => {
    expect(rule(policy)).toEqual([`error Invalid spec.trafficPolicy.${at}`]);
  });
});

describe("the annotation tulle.dev/idle-timeout", () => {
  const annotated = (value: string) =>
    parsed(
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, annotations: {tulle.dev/idle-timeout: "${value}"}}\nspec: {hosts: [a], http: [{route: [{destination: {host: a}}]}]}\n`,
    ).findings.map(({ severity, field }) => `${severity} ${field}`);

  it.each(["5s", "100ms", "0s"])("takes %s", (value) => {
    expect(annotated(value)).toEqual([]);
  });

  it.each(["", "5", "soon", "-1s", "1us"])("refuses '%s'", (value) => {
    expect(annotated(value)).toEqual(["error metadata.annotations[tulle.dev/idle-timeout]"]);
  });
});
