import { describe, expect, it } from "vitest";
import { fieldOf, objectOf } from "../../src/compile/origins.ts";
import type { Slice } from "../../src/snapshot/model.ts";
import { service, TestWorld } from "./world.ts";

const REVIEWS = "reviews.default.svc.cluster.local";

function rehearsal(name: string, more = "", spec = "delay: { fixedDelay: 5s }", namespace = "default"): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: FaultRehearsal
metadata: { name: ${name}, namespace: ${namespace} }
spec: { targetRef: { kind: Service, name: reviews }, ${spec}, endsAt: "2026-01-31T12:0${name.length}:00Z"${more} }`;
}

const ROUTES = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http:
    - { name: canary, match: [{ uri: { prefix: /c } }], route: [{ destination: { host: reviews } }] }
    - { route: [{ destination: { host: reviews }, weight: 1 }, { destination: { host: cart }, weight: 1 }] }`;

function worldOf(...documents: readonly string[]): TestWorld {
  const world = new TestWorld();
  world.apply(documents.join("\n---\n"));
  return world;
}

const sliceOf = (world: TestWorld, host = REVIEWS): Slice => world.slice("mesh/*", host) as Slice;

/** The rehearsals of each destination of each route, by name. */
const named = (slice: Slice) =>
  slice.routes.map(({ destinations }) =>
    destinations.map(({ rehearsals = [] }) => rehearsals.map((number) => slice.rehearsals?.[number]?.name)),
  );

describe("a FaultRehearsal", () => {
  it("is of every route to its service, and only a slice with one says so", () => {
    expect(named(sliceOf(worldOf(service("reviews"), rehearsal("a"))))).toEqual([[["default/a"]]]);
    const world = worldOf(service("reviews"), service("cart"), ROUTES, rehearsal("a"));
    expect(named(sliceOf(world))).toEqual([[["default/a"]], [["default/a"], []]]);
    expect(sliceOf(world).rehearsals).toEqual([
      { name: "default/a", endsAt: Date.parse("2026-01-31T12:01:00Z"), share: 1, delayMs: 5_000 },
    ]);
    expect(sliceOf(world, "cart.default.svc.cluster.local")).not.toHaveProperty("rehearsals");
  });

  it("is of one named route where it says so, with those that end last first", () => {
    const world = worldOf(
      service("reviews"),
      ROUTES,
      rehearsal("aa", ", route: canary"),
      rehearsal("b"),
      rehearsal("ccc"),
    );
    expect(named(sliceOf(world))).toEqual([
      [["default/ccc", "default/aa", "default/b"]],
      [["default/ccc", "default/b"], []],
    ]);
  });

  it("becomes what gateways compare", () => {
    const spec =
      "abort: { grpcStatus: UNAVAILABLE }, percentage: { value: 0.5 }, headers: { X-User: { prefix: a }, x-b: {} }";
    expect(sliceOf(worldOf(service("reviews"), rehearsal("a", "", spec))).rehearsals).toEqual([
      {
        name: "default/a",
        endsAt: Date.parse("2026-01-31T12:01:00Z"),
        share: 0.005,
        headers: [
          { name: "x-user", match: { kind: "prefix", value: "a" } },
          { name: "x-b", match: { kind: "present" } },
        ],
        abort: { status: 503, grpcStatus: 14 },
      },
    ]);
  });

  it("is for nothing of another namespace, whatever that routes", () => {
    const other = worldOf(
      service("reviews"),
      service("reviews", { namespace: "shop" }),
      rehearsal("a", "", undefined, "shop"),
    );
    expect(sliceOf(other)).not.toHaveProperty("rehearsals");
    expect(sliceOf(other, "reviews.shop.svc.cluster.local").rehearsals).toHaveLength(1);
  });

  it("is for nothing that only leads to the same endpoint by another service's name", () => {
    const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: mine, namespace: shop }
spec:
  hosts: [mine.test]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: "binding:EP_DEFAULT_REVIEWS_V1" }]`;
    const of = rehearsal("a", "", undefined, "shop").replace(
      "{ kind: Service, name: reviews }",
      "{ group: networking.istio.io, kind: ServiceEntry, name: mine }",
    );
    const world = worldOf(service("reviews"), entry, of);
    expect(sliceOf(world)).not.toHaveProperty("rehearsals");
    expect(named(sliceOf(world, "mine.test"))).toEqual([[["shop/a"]]]);
  });

  it("is followed when it is written, changed and taken away", () => {
    const world = worldOf(service("reviews"), ROUTES);
    const delay = () => sliceOf(world).rehearsals?.map(({ delayMs }) => delayMs);
    expect(delay()).toBeUndefined();
    world.apply(rehearsal("a"));
    expect(delay()).toEqual([5_000]);
    world.apply(rehearsal("a", "", "delay: { fixedDelay: 1s }"));
    expect(delay()).toEqual([1_000]);
    world.delete("FaultRehearsal", "a");
    expect(delay()).toBeUndefined();
  });

  it("stands once in a slice, however many routes it meets", () => {
    const rules = Array.from(
      { length: 50 },
      (_, at) => `
    - { name: r${at}, match: [{ uri: { prefix: /r${at} } }], route: [{ destination: { host: reviews } }] }`,
    );
    const slice = sliceOf(
      worldOf(service("reviews"), ROUTES.replace(/http:[^]*/, `http:${rules.join("")}`), rehearsal("a")),
    );
    expect(slice.rehearsals).toHaveLength(1);
    expect(slice.routes.map(({ destinations }) => destinations[0]?.rehearsals)).toEqual(
      Array.from({ length: 50 }, () => [0]),
    );
  });

  it("is the object that explains what it did", () => {
    const origin = { kind: "rehearsal", name: "shop/slow" } as const;
    const ref = { group: "tulle.dev", kind: "FaultRehearsal", namespace: "shop", name: "slow" };
    expect([objectOf(origin), fieldOf(origin, null, null)]).toEqual([ref, "spec"]);
  });

  it("knows a delegate's rule by its own name, as its finding does, whatever its root's is called", () => {
    const virtualService = (name: string, spec: string) =>
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name} }\nspec: ${spec}`;
    const root = virtualService("root", "{ hosts: [reviews], http: [{ name: main, delegate: { name: part } }] }");
    const part = virtualService("part", "{ http: [{ name: canary, route: [{ destination: { host: reviews } }] }] }");
    const by = (route: string) => {
      const world = worldOf(service("reviews"), root, part, rehearsal("a", `, route: ${route}`));
      const found = world.verdicts.get("tulle.dev/FaultRehearsal/default/a")?.map(({ code }) => code);
      return { met: named(sliceOf(world)), found };
    };
    expect(by("canary")).toEqual({ met: [[["default/a"]]], found: [] });
    for (const other of ["main", "main-canary"]) expect(by(other)).toEqual({ met: [[[]]], found: ["TULLE0126"] });
  });

  it("compares a host without case, as a route does: requests have it in small letters", () => {
    const spec = "delay: { fixedDelay: 5s }, headers: { Host: { exact: Shop.Test }, x-a: { exact: A } }";
    expect(sliceOf(worldOf(service("reviews"), rehearsal("a", "", spec))).rehearsals?.[0]?.headers).toEqual([
      { name: "host", match: { kind: "exact", value: "shop.test" } },
      { name: "x-a", match: { kind: "exact", value: "A" } },
    ]);
  });

  it("is told of where it rehearses nothing, until service and route are there", () => {
    const world = new TestWorld();
    const found = () =>
      world.verdicts.get("tulle.dev/FaultRehearsal/default/a")?.map(({ code, field }) => `${code} ${field}`);
    world.apply(rehearsal("a", ", route: canary"));
    expect(found()).toEqual(["TULLE0126 spec.targetRef"]);
    world.apply(service("reviews"));
    expect(found()).toEqual(["TULLE0126 spec.route"]);
    world.apply(ROUTES);
    expect(found()).toEqual([]);
  });
});
