import { describe, expect, it } from "vitest";
import type { Slice } from "../../src/snapshot/model.ts";
import { service, TestWorld } from "./world.ts";

const ORDERS = "orders.default.svc.cluster.local";

function policy(spec: string, namespace = "default"): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: APIKeyPolicy
metadata: { name: p, namespace: ${namespace} }
spec: ${spec}`;
}

function sliceOf(...documents: readonly string[]): Slice {
  const made = new TestWorld();
  made.apply(documents.join("\n---\n"));
  const slice = made.slice("mesh/*", ORDERS);
  if (slice === null) throw new Error("the host is listed");
  return slice;
}

const keysOf = ({ policySets }: Slice) => policySets.flatMap(({ keys = [] }) => keys);

describe("an APIKeyPolicy", () => {
  it("guards the endpoints of its target, takes the keys of its namespace, and tells gateways where to look", () => {
    const slice = sliceOf(service("orders"), policy("{ targetRefs: [{ kind: Service, name: orders }] }"));
    expect(slice.keyHeaders).toEqual(["x-api-key"]);
    expect(keysOf(slice)).toEqual([{ name: "default/p", namespace: "default", header: "x-api-key", required: true }]);
  });

  it("has another header, in small letters, and may be content without a key", () => {
    const slice = sliceOf(service("orders"), policy("{ header: X-Partner-Key, presence: Optional }"));
    expect(slice.keyHeaders).toEqual(["x-partner-key"]);
    expect(keysOf(slice)).toEqual([{ name: "default/p", namespace: "default", header: "x-partner-key" }]);
  });

  it("of another namespace guards nothing, and one of the root namespace all, by keys of that", () => {
    expect(sliceOf(service("orders"), policy("{}", "shop"))).not.toHaveProperty("keyHeaders");
    expect(keysOf(sliceOf(service("orders"), policy("{}", "istio-system")))).toMatchObject([
      { name: "istio-system/p", namespace: "istio-system" },
    ]);
  });

  it("leaves slices as they were that none guards", () => {
    const made = sliceOf(service("orders"), service("cart"), policy("{ targetRefs: [{ kind: Service, name: cart }] }"));
    expect(made).not.toHaveProperty("keyHeaders");
    expect(keysOf(made)).toEqual([]);
  });

  it("of a Gateway is told to policies of its own namespace, and one of the root namespace to all", () => {
    const gold = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: gold, namespace: default }
spec: { rules: [{ when: [{ key: request.auth.key.plan, values: [gold] }] }] }`;
    const { policySets } = sliceOf(service("orders"), gold);
    expect(policySets.map(({ keysOf }) => keysOf)).toEqual([["default", "istio-system"]]);
    expect(sliceOf(service("orders"), policy("{}")).policySets.map(({ keysOf }) => keysOf)).toEqual([undefined]);
  });

  it("of a Gateway is told to limits of its own namespace, and one of the root namespace to all", () => {
    const limit = (key: string) => `
apiVersion: tulle.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: l, namespace: default }
spec:
  targetRefs: [{ kind: Service, name: orders }]
  limits: [{ name: each, key: [${key}], rates: [{ limit: 1, window: 1s }] }]`;
    const limited = ({ limits = [] }: Slice) => limits.map(({ keysOf }) => keysOf);
    expect(limited(sliceOf(service("orders"), limit("request.auth.key.name")))).toEqual([["default", "istio-system"]]);
    expect(limited(sliceOf(service("orders"), limit("source.principal")))).toEqual([undefined]);
  });

  it("is observed where its namespace observes", () => {
    const namespace = `
apiVersion: v1
kind: Namespace
metadata: { name: default, labels: { tulle.dev/mode: observe } }`;
    const { policySets } = sliceOf(service("orders"), namespace, policy("{}"));
    expect(policySets.filter(({ keys }) => keys !== undefined)).toMatchObject([{ observe: true }]);
  });
});
