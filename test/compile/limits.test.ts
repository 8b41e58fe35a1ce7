import { describe, expect, it } from "vitest";
import type { Slice } from "../../src/snapshot/model.ts";
import { service, TestWorld } from "./world.ts";

const ORDERS = "orders.default.svc.cluster.local";

function policy(targets: string, more = "", namespace = "default"): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: p, namespace: ${namespace} }
spec:
  targetRefs: [${targets}]
  limits: [{ name: l, rates: [{ limit: 10, window: 1m }]${more} }]`;
}

const ROUTES = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: default }
spec:
  hosts: [orders]
  http:
    - { name: slow, match: [{ uri: { prefix: /slow } }], route: [{ destination: { host: orders } }] }
    - { route: [{ destination: { host: orders } }] }`;

function sliceOf(...documents: readonly string[]): Slice {
  const made = new TestWorld();
  made.apply(documents.join("\n---\n"));
  const slice = made.slice("mesh/*", ORDERS);
  if (slice === null) throw new Error("the host is listed");
  return slice;
}

const names = (limits: readonly { readonly name: string; readonly target?: string }[] | undefined) =>
  (limits ?? []).map(({ name, target }) => `${name} ${target ?? ""}`);

describe("a RateLimitPolicy", () => {
  it("limits a service's endpoints, and only a slice with limits says so", () => {
    const limited = sliceOf(service("orders"), policy("{ kind: Service, name: orders }"));
    expect(limited.limited).toBe(true);
    expect(Object.values(limited.clusters).map(({ limits }) => names(limits))).toEqual([
      ["default/p/l Service/orders"],
    ]);
    const other = sliceOf(service("orders"), service("cart"), policy("{ kind: Service, name: cart }"));
    expect(other).not.toHaveProperty("limited");
  });

  it("limits nothing of another namespace", () => {
    const other = sliceOf(service("orders"), policy("{ kind: Service, name: orders }", "", "shop"));
    expect(other).not.toHaveProperty("limited");
  });

  it("limits a VirtualService, one of its routes, or one of its hosts", () => {
    const target = "group: networking.istio.io, kind: VirtualService, name: orders";
    const of = (more: string) => sliceOf(service("orders"), ROUTES, policy(`{ ${target}${more} }`)).routes;
    expect(of("").map(({ limits }) => names(limits))).toEqual([
      ["default/p/l VirtualService/orders"],
      ["default/p/l VirtualService/orders"],
    ]);
    expect(of(", sectionName: slow").map(({ limits }) => names(limits))).toEqual([
      ["default/p/l VirtualService/orders/slow"],
      [],
    ]);
    expect(of(", host: orders.test")[0]?.limits?.[0]?.when).toMatchObject({
      kind: "==",
      right: { value: "orders.test" },
    });
  });

  it("has one count for all its targets where it is shared", () => {
    const { clusters } = sliceOf(service("orders"), policy("{ kind: Service, name: orders }", ", shared: true"));
    expect(Object.values(clusters).flatMap(({ limits }) => names(limits))).toEqual(["default/p/l "]);
  });

  it("is followed when it is written, changed and taken away", () => {
    const made = new TestWorld();
    made.apply([service("orders"), ROUTES].join("\n---\n"));
    const limit = () => Object.values(made.slice("mesh/*", ORDERS)?.clusters ?? {})[0]?.limits?.[0]?.rates[0]?.limit;
    expect(limit()).toBeUndefined();
    made.apply(policy("{ kind: Service, name: orders }"));
    expect(limit()).toBe(10);
    made.apply(policy("{ kind: Service, name: orders }").replace("limit: 10", "limit: 20"));
    expect(limit()).toBe(20);
  });
});
