import { describe, expect, it } from "vitest";
import { lookupSlice } from "../../src/compile/lookup.ts";
import { link } from "../../src/snapshot/link.ts";
import { decided, facts } from "../decide/requests.ts";
import { service, TestWorld } from "./world.ts";

const document = (kind: string, name: string, spec: string, group = "networking.istio.io/v1"): string => `

apiVersion: ${group}
kind: ${kind}
metadata: { name: ${name}, namespace: ${kind === "MeshConfig" ? "istio-system" : "default"} }
spec: ${spec}`;

const route = (name: string, host: string, to: string, more = ""): string =>
  document(
    "VirtualService",
    name,
    `{ hosts: ["${host}"], ${more} http: [{ name: ${name}, route: [{ destination: { host: ${to} } }] }] }`,
  );

function world(...documents: readonly string[]): TestWorld {
  const made = new TestWorld();
  made.apply([service("reviews"), service("ratings"), ...documents].join("\n---\n"));
  return made;
}

/** The name of the rule that a host's requests meet, or null. */
function routed(made: TestWorld, scope: string, host: string): string | null {
  const found = lookupSlice(made.compiler.scopes({ fronts: ["*"], gateways: ["*"] }), scope, host);
  return found?.slice.routes[0]?.name ?? null;
}

describe("a `*` for a part of a label", () => {
  const gateway = (...hosts: readonly string[]): string =>
    document(
      "Gateway",
      "gw",
      `{ selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [${hosts.map((host) => `"${host}"`).join(", ")}] }] }`,
    );
  const AT = "gw/default/gw/80";

  it("routes at a Gateway what ends so, after exact hosts and longer ends, before shorter ones", () => {
    const made = world(
      gateway("*.example.com"),
      route("wide", "*.example.com", "reviews", "gateways: [gw],"),
      route("eu", "*-eu.example.com", "ratings", "gateways: [gw],"),
      route("one", "one-eu.example.com", "ratings", "gateways: [gw],"),
    );
    expect(routed(made, AT, "one-eu.example.com")).toContain("/one");
    expect(routed(made, AT, "two-eu.example.com")).toContain("/eu");
    expect(routed(made, AT, "two-us.example.com")).toContain("/wide");
  });

  it("of a Gateway's server narrows what a wider VirtualService exposes there", () => {
    const made = world(gateway("*-eu.example.com"), route("wide", "*.example.com", "reviews", "gateways: [gw],"));
    expect(routed(made, AT, "two-eu.example.com")).toContain("/wide");
    expect(routed(made, AT, "two-us.example.com")).toBeNull();
  });

  it("routes in the mesh services whose names end so, and lists no shorter names of itself", () => {
    const made = world(route("r", "*iews.default.svc.cluster.local", "ratings"));
    expect(routed(made, "mesh/default", "reviews.default.svc.cluster.local")).toContain("/r");
    expect(routed(made, "mesh/default", "ratings.default.svc.cluster.local")).toBe("default");
    const names = made.compiler.scopes({ fronts: ["*"], gateways: ["*"] }).values();
    expect([...names].flatMap((hosts) => [...hosts.keys()]).filter((name) => name.startsWith("*"))).toEqual([
      "*iews.default.svc.cluster.local",
    ]);
  });

  it("is followed by a DestinationRule, and goes when the object goes", () => {
    const made = world(
      document(
        "DestinationRule",
        "d",
        '{ host: "*iews.default.svc.cluster.local", trafficPolicy: { loadBalancer: { simple: RANDOM } } }',
      ),
    );
    const balancer = (name: string) =>
      made.slice("mesh/*", `${name}.default.svc.cluster.local`)?.clusters[
        `outbound|80||${name}.default.svc.cluster.local`
      ]?.loadBalancer;
    expect([balancer("reviews"), balancer("ratings")]).toEqual(["RANDOM", "LEAST_REQUEST"]);
    made.delete("DestinationRule", "d");
    expect(balancer("reviews")).toBe("LEAST_REQUEST");
  });

  it("of a ServiceEntry stands for what is on the egress list of it, and for nothing else", () => {
    const made = world(
      document(
        "MeshConfig",
        "default",
        '{ egress: { allowedHosts: [a-eu.example.com, "*.vendor-eu.example.com", b.example.com] } }',
        "tulle.dev/v1alpha1",
      ),
      document(
        "ServiceEntry",
        "eu",
        '{ hosts: ["*-eu.example.com"], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DYNAMIC_DNS }',
      ),
    );
    const slice = made.slice("mesh/*", "*-eu.example.com");
    if (slice === null) throw new Error("there is no slice");
    const origin = (host: string): unknown => {
      const decision = decided(link(slice), facts({ host, authority: host, port: 80 }));
      return decision.effect === "forward" ? decision.origin : decision.code;
    };
    expect(origin("a-eu.example.com")).toBe("https://a-eu.example.com");
    expect(origin("x.vendor-eu.example.com")).toBe("https://x.vendor-eu.example.com");
    expect(origin("c-eu.example.com")).toBe("host_not_allowed");
  });
});
