import { describe, expect, it } from "vitest";
import { describeDecision } from "../../src/decide/describe.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import type { HeaderOps, PolicySet, Route, Slice } from "../../src/snapshot/model.ts";
import { cluster, decided, endpoint, facts, headers, OPEN, slice } from "./requests.ts";

type Side = "request" | "response";
const of = (side: Side, ops: HeaderOps) => ({ [side]: ops });

/** A slice whose one route has these operations, and one destination for each of the others. */
function routed(side: Side, ops: HeaderOps, destinations: readonly HeaderOps[], change: Partial<Slice> = {}) {
  const route: Route = {
    name: "r",
    matches: [],
    destinations: destinations.map((own, at) => ({ cluster: "a", weight: at === 0 ? 1 : 0, ...of(side, own) })),
    ...of(side, ops),
  };
  return slice({ routes: [route], ...change });
}

/** The headers that a service gets of `x: client`. */
function sent(ops: HeaderOps, destinations: readonly HeaderOps[]): unknown {
  const decision = decided(routed("request", ops, destinations), facts({ headers: headers({ x: "client" }) }));
  if (decision.effect !== "forward") throw new Error("it was answered");
  return { ...decision.headers };
}

describe("the order of header operations", () => {
  it.each<{
    name: string;
    route: HeaderOps;
    destination: HeaderOps;
    one: string | undefined;
    several: string | undefined;
  }>([
    { name: "set and set", route: { set: [["x", "r"]] }, destination: { set: [["x", "d"]] }, one: "d", several: "r" },
    {
      name: "add and set",
      route: { add: [["x", "r"]] },
      destination: { set: [["x", "d"]] },
      one: "d, r",
      several: "d, r",
    },
    {
      name: "set and add",
      route: { set: [["x", "r"]] },
      destination: { add: [["x", "d"]] },
      one: "r, d",
      several: "r",
    },
    { name: "set and remove", route: { set: [["x", "r"]] }, destination: { remove: ["x"] }, one: "r", several: "r" },
    {
      name: "remove and set",
      route: { remove: ["x"] },
      destination: { set: [["x", "d"]] },
      one: "d",
      several: undefined,
    },
    {
      name: "remove and add",
      route: { remove: ["x"] },
      destination: { add: [["x", "d"]] },
      one: "d",
      several: undefined,
    },
    {
      name: "add and add",
      route: { add: [["x", "r"]] },
      destination: { add: [["x", "d"]] },
      one: "client, r, d",
      several: "client, d, r",
    },
    {
      name: "empty values",
      route: { set: [["x", ""]] },
      destination: { add: [["x", ""]] },
      one: "client",
      several: "client",
    },
  ])("is Envoy's with one destination and with several: $name", ({ route, destination, one, several }) => {
    expect(sent(route, [destination])).toMatchObject(one === undefined ? {} : { x: one });
    expect((sent(route, [destination]) as { x?: string }).x).toBe(one);
    expect((sent(route, [destination, {}]) as { x?: string }).x).toBe(several);
  });

  it("takes the route's authority where both set one", () => {
    const ops = (host: string): HeaderOps => ({ set: [["host", host]] });
    for (const more of [[], [{}]]) {
      const decision = decided(routed("request", ops("r.test"), [ops("d.test"), ...more]), facts());
      expect(decision).toMatchObject({ authority: "r.test", headers: { host: "r.test" } });
    }
  });
});

describe("header values that requests fill", () => {
  const request = facts({ headers: headers({ "x-user": "ann", authorization: "Bearer secret" }) });

  it("are those of the request, the route and the destination, on both sides", () => {
    const set = { set: [["x-copy", "%REQ(x-user)% by %ROUTE_NAME% at %UPSTREAM_CLUSTER%, 5%%"]] } as const;
    for (const side of ["request", "response"] as const)
      expect(decided(routed(side, set, [{}]), request)).toMatchObject({
        [side]: [{ op: "set", name: "x-copy", value: "ann by r at a, 5%" }],
      });
  });

  it.each(["request", "response"] as const)("make no %s whose headers are longer than headers may be", (side) => {
    const set = { set: [["x-many", "%REQ(x-user)%".repeat(100)]] } as const;
    const decide = (length: number) =>
      decided(routed(side, set, [{}]), facts({ headers: headers({ "x-user": "u".repeat(length) }) }));
    expect(decide(614)).toMatchObject({ effect: "forward" });
    expect(decide(615)).toMatchObject({ effect: "answer", code: "headers_too_large", status: 431 });
  });

  it("make no answer of the gateway's own whose headers are longer than headers may be", () => {
    const response = { set: [["x-many", "%REQ(x-user)%".repeat(100)]] } as const;
    const direct = slice({
      routes: [{ name: "r", matches: [], destinations: [], direct: { status: 200, body: "" }, response }],
    });
    const decide = (length: number) => decided(direct, facts({ headers: headers({ "x-user": "u".repeat(length) }) }));
    expect(decide(614)).toMatchObject({ code: "direct_response" });
    expect(decide(615)).toMatchObject({ code: "headers_too_large", headers: [] });
  });

  it("change nothing where they come out empty", () => {
    const set = { set: [["x-user", "%REQ(x-none)%"]] } as const;
    expect(decided(routed("request", set, [{}]), request)).toMatchObject({ request: [], headers: { "x-user": "ann" } });
  });

  it("are those before any change, as in Envoy", () => {
    const swap = {
      set: [
        ["x-a", "%REQ(x-b)%"],
        ["x-b", "%REQ(x-a)%"],
      ],
    } as const;
    const both = facts({ headers: headers({ "x-a": "1", "x-b": "2" }) });
    expect(decided(routed("request", swap, [{}]), both)).toMatchObject({ headers: { "x-a": "2", "x-b": "1" } });
  });

  it("fill the answers that the gateway gives by itself", () => {
    const route: Route = {
      name: "r",
      matches: [],
      destinations: [],
      direct: { status: 200, body: "" },
      response: { add: [["x-copy", "%REQ(authorization)%"]] },
    };
    const decision = decided(slice({ routes: [route] }), request);
    expect(decision).toMatchObject({ headers: [["x-copy", "Bearer secret", "%REQ(authorization)%"]] });
    expect(describeDecision(decision)).toMatchObject({ headers: [["x-copy", "%REQ(authorization)%"]] });
  });

  const guarded: PolicySet = {
    ...OPEN,
    allow: [
      {
        name: "default/p",
        rules: [
          { when: [{ key: { kind: "header", name: "x-copy" }, values: [{ kind: "prefix", value: "Bearer s" }] }] },
        ],
      },
    ],
  };

  it.each(["%REQ(authorization)%", "%REQ(x-none?authorization)%"])("are in no record where %s is a secret", (value) => {
    const made = routed("request", { set: [["x-copy", value]] }, [{}], {
      policySets: [guarded],
      clusters: { a: cluster("a", [endpoint("EP_A", 0)]) },
    });
    const decision = decided(made, request);
    const written = writeFacts(made, request);
    expect(decision.effect).toBe("forward");
    expect(JSON.stringify([describeDecision(decision), written])).not.toContain("secret");
    expect(describeDecision(decided(made, readFacts(made, written)))).toEqual(describeDecision(decision));
  });

  it.each(["request", "response"] as const)("are too long in a record as they were of the request: %s", (side) => {
    const made = routed(side, { set: [["x-copy", "%REQ(authorization)%"]] }, [{}]);
    const long = facts({ headers: headers({ authorization: `Bearer ${"s".repeat(61_440)}` }) });
    const decision = decided(made, long);
    expect(decision).toMatchObject({ code: "headers_too_large" });
    const written = JSON.parse(JSON.stringify(writeFacts(made, long))) as ReturnType<typeof writeFacts>;
    expect(describeDecision(decided(made, readFacts(made, written)))).toEqual(describeDecision(decision));
  });

  it("make their source a secret where they fill the place of a token", () => {
    const made = routed("request", { set: [["authorization", "Bearer %REQ(x-user)%"]] }, [{}]);
    expect(writeFacts(made, request).headers).toMatchObject({ "x-user": "*" });
    expect(made.headers.names.has("x-user")).toBe(true);
  });
});
