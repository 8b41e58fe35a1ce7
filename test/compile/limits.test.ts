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

const modelsOf = ({ limits: all = [] }: Slice, numbers: readonly number[] = []) =>
  numbers.flatMap((number) => all[number] ?? []);

const names = (slice: Slice, numbers: readonly number[] | undefined) =>
  modelsOf(slice, numbers).map(({ name, target }) => `${name} ${target ?? ""}`);

describe("a RateLimitPolicy", () => {
  it("limits a service's endpoints, and only a slice with limits says so", () => {
    const limited = sliceOf(service("orders"), policy("{ kind: Service, name: orders }"));
    expect(Object.values(limited.clusters).map(({ limits }) => names(limited, limits))).toEqual([
      ["default/p/l Service/orders"],
    ]);
    const other = sliceOf(service("orders"), service("cart"), policy("{ kind: Service, name: cart }"));
    expect(other).not.toHaveProperty("limits");
  });

  it("limits nothing of another namespace", () => {
    const other = sliceOf(service("orders"), policy("{ kind: Service, name: orders }", "", "shop"));
    expect(other).not.toHaveProperty("limits");
  });

  it("limits a VirtualService, one of its routes, or one of its hosts", () => {
    const target = "group: networking.istio.io, kind: VirtualService, name: orders";
    const of = (more: string) => {
      const slice = sliceOf(service("orders"), ROUTES, policy(`{ ${target}${more} }`));
      return slice.routes.map(({ limits }) => ({ limits: modelsOf(slice, limits), named: names(slice, limits) }));
    };
    expect(of("").map(({ named }) => named)).toEqual([
      ["default/p/l VirtualService/orders"],
      ["default/p/l VirtualService/orders"],
    ]);
    expect(of(", sectionName: slow").map(({ named }) => named)).toEqual([
      ["default/p/l VirtualService/orders/slow"],
      [],
    ]);
    expect(of(", host: orders.test")[0]?.limits[0]?.when).toMatchObject({
      kind: "==",
      right: { value: "orders.test" },
    });
  });

  it("has one count for all its targets where it is shared", () => {
    const slice = sliceOf(service("orders"), policy("{ kind: Service, name: orders }", ", shared: true"));
    expect(Object.values(slice.clusters).flatMap(({ limits }) => names(slice, limits))).toEqual(["default/p/l "]);
  });

  it("stands once in a slice, however many routes it limits", () => {
    const routes = Array.from(
      { length: 50 },
      (_, at) => `
    - { name: r${at}, match: [{ uri: { prefix: /r${at} } }], route: [{ destination: { host: orders } }] }`,
    );
    const overrides = Array.from({ length: 1_000 }, (_, at) => ({
      key: [`u${at}`],
      rates: [{ limit: 5, window: "1m" }],
    }));
    const more = `, key: [request.method], overrides: ${JSON.stringify(overrides)}`;
    const slice = sliceOf(
      service("orders"),
      ROUTES.replace(/http:[^]*/, `http:${routes.join("")}`),
      policy("{ group: networking.istio.io, kind: VirtualService, name: orders }", more),
    );
    expect(slice.limits).toHaveLength(1);
    expect(slice.routes.map(({ limits }) => limits)).toEqual(Array.from({ length: 50 }, () => [0]));
  });

  it("is followed when it is written, changed and taken away", () => {
    const made = new TestWorld();
    made.apply([service("orders"), ROUTES].join("\n---\n"));
    const limit = () => made.slice("mesh/*", ORDERS)?.limits?.[0]?.rates[0]?.limit;
    expect(limit()).toBeUndefined();
    made.apply(policy("{ kind: Service, name: orders }"));
    expect(limit()).toBe(10);
    made.apply(policy("{ kind: Service, name: orders }").replace("limit: 10", "limit: 20"));
    expect(limit()).toBe(20);
  });
});
