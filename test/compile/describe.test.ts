import { describe, expect, it } from "vitest";
import type { DescribedKind, DescribedPart } from "../../src/compile/istio/described.ts";
import { descriptionFor } from "../../src/kube/description.ts";
import { service, TestWorld } from "./world.ts";

function worldOf(...objects: readonly string[]): TestWorld {
  const world = new TestWorld();
  for (const object of objects) world.apply(object);
  return world;
}

function line({ part, value, object, field }: DescribedPart): string {
  const { namespace = "", name } = object.metadata;
  return `${part}: ${value} < ${object.kind} ${namespace}/${name} ${field}`.trim();
}

function described(world: TestWorld, kind: DescribedKind, name: string, namespace = "default"): readonly string[] {
  return world.compiler.describe(kind, namespace, name)?.parts.map(line) ?? [];
}

function object(kind: string, name: string, spec: string, namespace = "default"): string {
  const group = /Policy$|Authentication$/.test(kind) ? "security" : "networking";
  return `
apiVersion: ${group}.istio.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

const REVIEWS = service("reviews", { versions: ["v1", "v2"] });
const ROUTES = object(
  "VirtualService",
  "reviews",
  `{ hosts: [reviews], http: [
    { name: canary, match: [{ uri: { prefix: /api }, headers: { user: { exact: jason } } }], route: [{ destination: { host: reviews, subset: v2 } }] },
    { route: [{ destination: { host: reviews, subset: v1 }, weight: 90 }, { destination: { host: reviews, subset: v2 }, weight: 10 }] } ] }`,
);
const RULE = object(
  "DestinationRule",
  "reviews",
  `{ host: reviews, trafficPolicy: { loadBalancer: { simple: RANDOM } }, subsets: [{ name: v1, labels: { version: v1 } }] }`,
);
const LATER_RULE = object(
  "DestinationRule",
  "reviews-later",
  `{ host: reviews, trafficPolicy: { loadBalancer: { simple: LEAST_REQUEST } }, subsets: [{ name: v1, labels: { version: v9 } }, { name: v2, labels: { version: v2 } }] }`,
);
const DENY = object(
  "AuthorizationPolicy",
  "no-get",
  `{ selector: { matchLabels: { version: v1 } }, action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }] }`,
);
const ALLOW = object("AuthorizationPolicy", "web", `{ rules: [{ from: [{ source: { namespaces: [web] } }] }] }`);
const STRICT = object("PeerAuthentication", "default", `{ mtls: { mode: STRICT } }`, "istio-system");
const PERMISSIVE = object("PeerAuthentication", "default", `{ mtls: { mode: PERMISSIVE } }`);

describe("a service is described", () => {
  const world = worldOf(REVIEWS, ROUTES, RULE, LATER_RULE, DENY, ALLOW, STRICT);
  const lines = described(world, "service", "reviews");

  it("by its host, ports and endpoints, each with the object that says so", () => {
    expect(lines[0]).toBe("host: reviews.default.svc.cluster.local < Service default/reviews metadata.name");
    expect(lines[1]).toMatch(/^port 80: http, to 80 < Service default\/reviews spec\.ports\[0\]$/);
    expect(lines.filter((one) => one.startsWith("endpoint 80"))).toHaveLength(2);
    expect(described(world, "service", "reviews.default.svc.cluster.local")).toEqual(lines);
  });

  it("by its routes in order, down to the field of each", () => {
    const cluster = (subset: string) => `outbound|80|${subset}|reviews.default.svc.cluster.local`;
    expect(lines.filter((one) => one.startsWith("route"))).toEqual([
      `route default/reviews/canary: path prefix /api, header user = jason: ${cluster("v2")} < VirtualService default/reviews spec.http[0]`,
      `route default/reviews/1: any request: ${cluster("v1")} (90), ${cluster("v2")} (10) < VirtualService default/reviews spec.http[1]`,
    ]);
    expect(described(worldOf(REVIEWS), "service", "reviews").filter((one) => one.startsWith("route"))).toEqual([
      "route: to the service itself < Service default/reviews",
    ]);
  });

  it("by the parts of all its DestinationRules, and which of them are not used", () => {
    expect(lines.filter((one) => /^(destination|subset)/.test(one))).toEqual([
      'destination loadBalancer: {"simple":"RANDOM"} < DestinationRule default/reviews spec.trafficPolicy.loadBalancer',
      "destination loadBalancer: not used: an older rule has a traffic policy < DestinationRule default/reviews-later spec.trafficPolicy.loadBalancer",
      "subset v1: version=v1 < DestinationRule default/reviews spec.subsets[0]",
      "subset v1: not used: an older rule has this subset < DestinationRule default/reviews-later spec.subsets[0]",
      "subset v2: version=v2 < DestinationRule default/reviews-later spec.subsets[1]",
    ]);
  });

  it("by what guards its endpoints, in the order in which that decides", () => {
    expect(lines.slice(-3)).toEqual([
      "mtls: STRICT < PeerAuthentication istio-system/default spec.mtls.mode",
      'DENY: {"to":[{"operation":{"methods":["GET"]}}]} < AuthorizationPolicy default/no-get spec.rules',
      'ALLOW: {"from":[{"source":{"namespaces":["web"]}}]} < AuthorizationPolicy default/web spec.rules',
    ]);
  });

  it("not where it is another namespace's, or nobody's", () => {
    expect(world.compiler.describe("service", "web", "reviews")).toBeNull();
    expect(world.compiler.describe("service", "web", "reviews.default.svc.cluster.local")).toBeNull();
    expect(world.compiler.describe("service", "default", "nobody")).toBeNull();
  });

  it("to who reads one namespace without what others' objects say", () => {
    const all = world.compiler.describe("service", "default", "reviews")!;
    const told = descriptionFor(all, "default", () => []);
    expect(told.hidden).toBe(1);
    expect(JSON.stringify(told)).not.toContain("istio-system");
    expect(descriptionFor(all, null, () => [])).toMatchObject({ hidden: 0 });
    expect(descriptionFor(all, "web", () => [])).toMatchObject({ parts: [], hidden: all.parts.length });
  });
});

describe("a workload is described", () => {
  it("by who it is, what it serves, and the policies that select it", () => {
    const world = worldOf(REVIEWS, DENY, ALLOW, STRICT, PERMISSIVE);
    const name = world.compiler
      .describe("service", "default", "reviews")!
      .parts.flatMap(({ value }) => /default\/(\S+) \(.*version=v1/.exec(value)?.[1] ?? [])[0]!;
    const lines = described(world, "workload", name);
    expect(lines.map((one) => one.split(":")[0])).toEqual(
      expect.arrayContaining(["identity", "labels", "mtls", "DENY", "ALLOW"]),
    );
    // The namespace's own stands over the mesh's.
    expect(lines.filter((one) => one.startsWith("mtls"))).toEqual([
      "mtls: PERMISSIVE < PeerAuthentication default/default spec.mtls.mode",
    ]);
    expect(world.compiler.describe("workload", "default", "nobody")).toBeNull();
  });
});

describe("a policy is described", () => {
  it("by what it says, and the workloads that it guards", () => {
    const world = worldOf(REVIEWS, DENY, ALLOW);
    const workloads = (name: string) => described(world, "policy", name).filter((one) => one.startsWith("workload"));
    expect(described(world, "policy", "no-get").slice(0, 3)).toEqual([
      "for: version=v1 in namespace default < AuthorizationPolicy default/no-get spec.selector",
      "action: DENY < AuthorizationPolicy default/no-get spec.action",
      'rule 0: {"to":[{"operation":{"methods":["GET"]}}]} < AuthorizationPolicy default/no-get spec.rules[0]',
    ]);
    expect(workloads("no-get")).toHaveLength(1);
    expect(workloads("web").length).toBeGreaterThanOrEqual(1);
    expect(world.compiler.describe("policy", "default", "nobody")).toBeNull();
  });

  it("of the root namespace by the workloads of all", () => {
    const world = worldOf(REVIEWS, STRICT);
    const lines = described(world, "policy", "default", "istio-system");
    expect(lines[0]).toBe(
      "for: all workloads of any namespace < PeerAuthentication istio-system/default spec.selector",
    );
    expect(lines.some((one) => one.startsWith("workload default/"))).toBe(true);
  });

  it("by the first 200 of many workloads, and says how many services are left", () => {
    const many = Array.from({ length: 203 }, (_, at) => service(`s${at}`));
    const lines = described(worldOf(...many, STRICT), "policy", "default", "istio-system");
    expect(lines.filter((one) => one.startsWith("workload "))).toHaveLength(200);
    expect(lines.at(-1)).toContain("past the first 200 endpoints: 3 services are left");
  });
});

describe("a route is described", () => {
  it("by its hosts, where they hold, and its rules in order", () => {
    const later = object("VirtualService", "later", "{ hosts: [reviews], http: [{ redirect: { uri: / } }] }");
    const world = worldOf(REVIEWS, ROUTES, later);
    expect(described(world, "route", "reviews").map((one) => one.split(":")[0])).toEqual([
      "host",
      "gateway",
      "route default/reviews/canary",
      "route default/reviews/1",
    ]);
    expect(described(world, "route", "later")).toContain(
      "host: reviews.default.svc.cluster.local is an older one's in the mesh < VirtualService default/reviews spec.hosts",
    );
    expect(described(world, "route", "later").at(-1)).toMatch(/any request: redirect < .* spec\.http\[0\]$/);
  });

  it("by the delegate that a rule stands in", () => {
    const root = object(
      "VirtualService",
      "root",
      "{ hosts: [reviews], http: [{ match: [{ uri: { prefix: /a } }], delegate: { name: part } }] }",
    );
    const part = object(
      "VirtualService",
      "part",
      "{ http: [{ route: [{ destination: { host: reviews } }] }, { route: [{ destination: { host: reviews } }] }] }",
    );
    const lines = described(worldOf(REVIEWS, root, part), "route", "root");
    expect(lines).toContain("delegate: default/part < VirtualService default/root spec.http[0].delegate");
    expect(lines.filter((one) => one.startsWith("route ")).map((one) => one.split(" < ")[1])).toEqual([
      "VirtualService default/part spec.http[0]",
      "VirtualService default/part spec.http[1]",
    ]);
  });
});

it("rehearsals are described with their service, and with the routes that lead to it", () => {
  const rehearsal = `
apiVersion: tulle.dev/v1alpha1
kind: FaultRehearsal
metadata: { name: slow, namespace: default }
spec:
  targetRef: { kind: Service, name: reviews }
  route: canary
  headers: { x-tester: {} }
  percentage: { value: 20 }
  delay: { fixedDelay: 5s }
  endsAt: "2026-01-31T12:00:00Z"`;
  const world = worldOf(REVIEWS, ROUTES, rehearsal);
  const told =
    "rehearsal: delay 5s, 20 %, of its route canary, with header x-tester, until 2026-01-31T12:00:00Z < FaultRehearsal default/slow spec";
  for (const kind of ["service", "route"] as const)
    expect(described(world, kind, "reviews").filter((each) => each.startsWith("rehearsal"))).toEqual([told]);
});

describe("rate limits are described", () => {
  const LIMITS = `
apiVersion: tulle.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: api, namespace: default }
spec:
  targetRefs:
    - { kind: Service, name: reviews }
    - { group: networking.istio.io, kind: VirtualService, name: reviews, sectionName: canary }
  limits:
    - { name: per-client, key: [source.address], rates: [{ limit: 20, window: 1s, burst: 40 }, { limit: 500, window: 24h }] }
    - { name: writes, when: 'request.method == "POST"', scope: Local, onExceeded: Audit, rates: [{ limit: 5, window: 1m }] }`;
  const world = worldOf(REVIEWS, ROUTES, LIMITS);
  const client = "20 in 1s (burst 40) and 500 in 24h, by source.address, in the mesh";
  const writes = '5 in 1m, where request.method == "POST", in each isolate, audited, it refuses nobody';
  const limits = (kind: DescribedKind, name: string) =>
    described(world, kind, name).filter((each) => each.startsWith("limit"));
  const of = (what: string) => [
    `limit per-client: ${client}${what} < RateLimitPolicy default/api spec.limits[0]`,
    `limit writes: ${writes}${what} < RateLimitPolicy default/api spec.limits[1]`,
  ];

  it("with the service that they are for, with the route, and as the policy", () => {
    expect(limits("service", "reviews")).toEqual(of(" of Service"));
    expect(limits("route", "reviews")).toEqual(of(" of VirtualService, its route canary"));
    expect(limits("policy", "api")).toEqual(of(""));
    expect(described(world, "policy", "api").slice(0, 2)).toEqual([
      "for: Service/reviews < RateLimitPolicy default/api spec.targetRefs[0]",
      "for: VirtualService/reviews/canary < RateLimitPolicy default/api spec.targetRefs[1]",
    ]);
  });

  it("of nobody where there are none", () => {
    expect(described(worldOf(REVIEWS, ROUTES), "service", "reviews").some((each) => each.startsWith("limit"))).toBe(
      false,
    );
    expect(described(worldOf(REVIEWS), "policy", "api")).toEqual([]);
  });
});
