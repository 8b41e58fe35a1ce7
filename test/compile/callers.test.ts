import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

const REVIEWS = "reviews.default.svc.cluster.local";

/** A workload that only calls. */
function caller(name: string, account: string, labels: string, namespace = "default"): string {
  return `
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: ${namespace} }
spec: { address: "binding:EP_${name.toUpperCase()}", serviceAccount: ${account}, labels: { ${labels} } }`;
}

const WEB = caller("web", "web", "app: web, tier: front");
const CRON = caller("cron", "cron", "app: cron");

function virtualService(match: string, more = ""): string {
  return `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  ${more}
  http:
    - { name: chosen, match: [${match}], route: [{ destination: { host: reviews } }] }
    - { name: others, route: [{ destination: { host: reviews } }] }`;
}

function destinationRule(name: string, spec: string, namespace = "default"): string {
  return `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

function world(...documents: readonly string[]) {
  const made = new TestWorld();
  const findings = made.apply([service("reviews"), ...documents].join(""));
  const routes = (scope: string) =>
    made.slice(scope, REVIEWS)?.routes.map(({ name }) => name.split("/").at(-1)) ?? null;
  const limit = (scope: string) => Object.values(made.slice(scope, REVIEWS)?.clusters ?? {})[0]?.pool.maxConnections;
  return { made, findings, routes, limit };
}

const limited = (connections: number, selector = "") =>
  `{ host: reviews, ${selector} trafficPolicy: { connectionPool: { tcp: { maxConnections: ${connections} } } } }`;
const FOR_WEB = "workloadSelector: { matchLabels: { app: web } },";

describe("sourceLabels", () => {
  it("make a match block be there for the service accounts whose workloads have them, and for no other caller", () => {
    const { routes, findings } = world(WEB, CRON, virtualService("{ sourceLabels: { app: web } }"));
    expect(routes("mesh/*")).toEqual(["others"]);
    expect(routes("mesh/default/web")).toEqual(["chosen", "others"]);
    expect(routes("mesh/default/cron")).toBeNull();
    expect(findings).toEqual([]);
  });

  it("leave the other blocks of a rule to everybody", () => {
    const { made } = world(WEB, virtualService("{ sourceLabels: { app: web } }, { uri: { exact: /all } }"));
    const matches = (scope: string) => made.slice(scope, REVIEWS)?.routes[0]?.matches;
    expect(matches("mesh/*")).toEqual([{ uri: { kind: "exact", value: "/all" } }]);
    expect(matches("mesh/default/web")).toEqual([{}, { uri: { kind: "exact", value: "/all" } }]);
  });

  it("and the caller's namespace must both hold, and neither is looked at where the block names its gateways", () => {
    const both = world(WEB, virtualService("{ sourceLabels: { app: web }, sourceNamespace: shop }"));
    expect(both.made.slice("mesh/default/web", REVIEWS)?.routes[0]?.matches).toEqual([{ sourceNamespace: "shop" }]);
    const byGateway = world(
      WEB,
      virtualService("{ sourceLabels: { app: web }, sourceNamespace: shop, gateways: [mesh] }"),
    );
    expect(byGateway.made.slice("mesh/*", REVIEWS)?.routes[0]?.matches).toEqual([{}]);
    expect(byGateway.routes("mesh/default/web")).toBeNull();
  });

  it("do not hold where workloads with one service account differ in them, and applying says so", () => {
    const { routes, findings } = world(
      WEB,
      caller("other", "web", "app: other, tier: front"),
      virtualService("{ sourceLabels: { app: web } }, { sourceLabels: { tier: front } }"),
    );
    expect(routes("mesh/default/web")).toEqual(["chosen", "others"]);
    expect(findings).toEqual([expect.stringMatching(/match\[0\]\.sourceLabels: not for callers as `default\/web`/)]);
  });

  it("that no workload has are warned of, until one has them", () => {
    const { made, routes, findings } = world(virtualService("{ sourceLabels: { app: web } }"));
    expect(findings).toEqual([expect.stringMatching(/no workload with a service account has these labels yet/)]);
    made.apply(WEB);
    expect(made.verdicts.get("networking.istio.io/VirtualService/default/reviews")).toEqual([]);
    expect(routes("mesh/default/web")).toEqual(["chosen", "others"]);
    made.delete("WorkloadEntry", "web");
    expect(routes("mesh/default/web")).toBeNull();
  });

  it("are those of Pods and of a ServiceEntry's endpoints, too", () => {
    const { routes } = world(
      `
---
apiVersion: v1
kind: Pod
metadata: { name: web-1, labels: { app: web } }
spec: { serviceAccountName: pod }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: web }
spec:
  hosts: [web.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: "binding:EP_W", serviceAccount: entry, labels: { app: web } }]`,
      virtualService("{ sourceLabels: { app: web } }"),
    );
    expect(routes("mesh/default/pod")).toEqual(["chosen", "others"]);
    expect(routes("mesh/default/entry")).toEqual(["chosen", "others"]);
  });

  it("at a Gateway are compared with the labels of its own workload", () => {
    const at = (label: string) =>
      world(
        `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec: { selector: { istio: mine }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }`,
        virtualService(`{ sourceLabels: { istio: ${label} } }`, "gateways: [front]").replace("[reviews]", "[a.test]"),
      ).made.slice("gw/default/front/80", "a.test");
    expect(at("mine")?.routes.map(({ name }) => name)).toEqual(["default/reviews/chosen"]);
    expect(at("ingressgateway")?.routes.map(({ name }) => name)).toEqual(["default/reviews/others"]);
  });
});

describe("workloadSelector of a DestinationRule", () => {
  it("chooses clients of its namespace, for whom the rule stands by itself", () => {
    const { limit, findings } = world(
      WEB,
      CRON,
      caller("far", "web", "app: web", "shop"),
      destinationRule("all", limited(1)),
      destinationRule("web", limited(2, FOR_WEB)),
    );
    expect(limit("mesh/*")).toBe(1);
    expect(limit("mesh/default/web")).toBe(2);
    expect(limit("mesh/default/cron")).toBeUndefined();
    expect(limit("mesh/shop/web")).toBeUndefined();
    expect(findings).toEqual([]);
  });

  it("does not join the rules of other clients, and the oldest that selects a client wins", () => {
    const { made } = world(
      WEB,
      destinationRule("web", limited(2, FOR_WEB)),
      destinationRule("front", limited(3, "workloadSelector: { matchLabels: { tier: front } },")),
      destinationRule("all", "{ host: reviews, subsets: [{ name: v1, labels: { version: v1 } }] }"),
    );
    const [cluster] = Object.values(made.slice("mesh/default/web", REVIEWS)?.clusters ?? {});
    expect(cluster?.pool).toEqual({ maxConnections: 2 });
  });

  it("reaches no client of another namespace, also from the service's own and the root's", () => {
    const { limit } = world(
      caller("far", "web", "app: web", "shop"),
      destinationRule("web", limited(2, FOR_WEB)),
      destinationRule("root", limited(4, FOR_WEB).replace("reviews", REVIEWS), "istio-system"),
    );
    expect(limit("mesh/*")).toBeUndefined();
    expect(limit("mesh/shop/web")).toBeUndefined();
  });

  it("without labels is for all clients of the namespace", () => {
    const { limit } = world(WEB, destinationRule("all", limited(5, "workloadSelector: {},")));
    expect(limit("mesh/*")).toBeUndefined();
    expect(limit("mesh/default")).toBe(5);
    expect(limit("mesh/default/web")).toBeUndefined();
  });

  it("is warned of where workloads with one service account differ in its labels", () => {
    const { findings } = world(WEB, caller("other", "web", "app: other"), destinationRule("web", limited(2, FOR_WEB)));
    expect(findings).toEqual([
      expect.stringMatching(/spec\.workloadSelector\.matchLabels: not for callers as `default\/web`/),
    ]);
  });
});
