import { describe, expect, it } from "vitest";
import { TestWorld } from "./world.ts";

const SERVICE = `
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{name: http, port: 80}], selector: {app: a}}
`;
const HOST = "a.default.svc.cluster.local";

const ISTIO_DEFAULT = {
  attempts: 2,
  on: ["connect-failure", "unavailable", "cancelled"],
  statusCodes: [],
  backoffMs: 25,
};

function worldWith(...documents: readonly string[]): TestWorld {
  const world = new TestWorld();
  for (const document of [SERVICE, ...documents]) world.apply(document);
  return world;
}

function routesOf(world: TestWorld) {
  return world.slice("mesh/*", HOST)?.routes ?? [];
}

const virtualService = (rule: string, annotations = "") => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a${annotations}}
spec: {hosts: [a], http: [{route: [{destination: {host: a}}]${rule}}]}
`;
const meshConfig = (policy: string) => `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: {name: default, namespace: istio-system}
spec: {defaultHttpRetryPolicy: {${policy}}}
`;
const rule = (policy: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec: {host: a, trafficPolicy: {${policy}}}
`;

const retries = (...documents: readonly string[]) => routesOf(worldWith(...documents))[0]?.retries;

describe("how calls of a route are tried again", () => {
  it("is Istio's default where nobody says anything, also where nobody wrote the route", () => {
    expect(retries()).toEqual(ISTIO_DEFAULT);
    expect(retries(virtualService(""))).toEqual(ISTIO_DEFAULT);
  });

  it("is the mesh's default where it has one, which is no word of the route's author (R34)", () => {
    const mesh = meshConfig('attempts: 5, retryOn: "gateway-error,503", perTryTimeout: 2s, backoff: 1s');
    const expected = {
      attempts: 5,
      on: ["gateway-error"],
      statusCodes: [503],
      perTryTimeoutMs: 2_000,
      backoffMs: 1_000,
    };
    expect(retries(mesh)).toEqual(expected);
    expect(retries(mesh, virtualService(""))).toEqual(expected);
  });

  it("is what the route says; what it leaves out is Istio's, not the mesh's", () => {
    const mesh = meshConfig("attempts: 5, retryOn: 5xx, backoff: 1s");
    expect(retries(mesh, virtualService(", retries: {attempts: 3}"))).toEqual({
      ...ISTIO_DEFAULT,
      attempts: 3,
      explicit: true,
    });
    const all =
      'attempts: 1, retryOn: "5xx, refused-stream,reset", perTryTimeout: 50ms, retryRemoteLocalities: true, retryIgnorePreviousHosts: false';
    expect(retries(virtualService(`, retries: {${all}}`))).toEqual({
      attempts: 1,
      explicit: true,
      on: ["5xx", "reset"],
      statusCodes: [],
      perTryTimeoutMs: 50,
      backoffMs: 25,
      avoidPrevious: false,
      remoteLocalities: true,
    });
  });

  it("is never, by attempts of 0 of the route or of the mesh", () => {
    expect(retries(virtualService(", retries: {attempts: 0}"))).toBeUndefined();
    expect(retries(virtualService(", retries: {}"))).toBeUndefined();
    expect(retries(meshConfig("attempts: 0"))).toBeUndefined();
    expect(retries(meshConfig("attempts: 0"), virtualService(", retries: {attempts: 1}"))).toMatchObject({
      attempts: 1,
    });
  });

  it("follows the mesh's default as it changes", () => {
    const world = worldWith(virtualService(""));
    world.apply(meshConfig("attempts: 7"));
    expect(routesOf(world)[0]?.retries?.attempts).toBe(7);
    world.apply(meshConfig("attempts: 0"));
    expect(routesOf(world)[0]?.retries).toBeUndefined();
  });
});

describe("the silence that a route allows", () => {
  it("is what the annotation says, none by default", () => {
    const idle = (annotations: string) => routesOf(worldWith(virtualService("", annotations)))[0]?.idleTimeoutMs;
    expect(idle("")).toBeUndefined();
    expect(idle(', annotations: {tulle.dev/idle-timeout: "1.5s"}')).toBe(1_500);
    expect(idle(", annotations: {tulle.dev/idle-timeout: 0s}")).toBeUndefined();
  });
});

describe("how many retries a cluster allows at once", () => {
  const pool = (policy: string) => {
    const { clusters = {} } = worldWith(rule(policy)).slice("mesh/*", HOST) ?? {};
    return Object.values(clusters)[0]?.pool;
  };

  it("is what the DestinationRule says", () => {
    expect(pool("connectionPool: {http: {maxRetries: 4}}")).toEqual({ maxRetries: 4 });
    expect(pool("retryBudget: {}")).toEqual({ retryBudget: { percent: 20, minConcurrency: 3, intervalMs: 0 } });
    expect(pool("retryBudget: {percent: 12.5, minRetryConcurrency: 0, budgetInterval: 10s}")).toEqual({
      retryBudget: { percent: 12.5, minConcurrency: 0, intervalMs: 10_000 },
    });
  });

  it("keeps its budget where settings of a port replace the rest: they have none", () => {
    const port = "portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]";
    expect(pool(`retryBudget: {percent: 50}, ${port}`)).toEqual({
      retryBudget: { percent: 50, minConcurrency: 3, intervalMs: 0 },
    });
  });
});
