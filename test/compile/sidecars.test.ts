import { describe, expect, it } from "vitest";
import { lookupSlice } from "../../src/compile/lookup.ts";
import { service, TestWorld } from "./world.ts";

const svc = (name: string, namespace: string): string => `${name}.${namespace}.svc.cluster.local`;

function document(kind: string, name: string, spec: string, namespace = "default"): string {
  return `
---
apiVersion: networking.istio.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

const sidecar = (hosts: string, namespace = "default", more = "", name = "default"): string =>
  document("Sidecar", name, `{ ${more} egress: [{ hosts: [${hosts}] }] }`, namespace);

const route = (name: string, hosts: string, to: string, namespace = "default"): string =>
  document(
    "VirtualService",
    name,
    `{ hosts: [${hosts}], http: [{ route: [{ destination: { host: ${to} } }] }] }`,
    namespace,
  );

const MESH = [
  service("reviews"),
  service("ratings"),
  service("cart", { namespace: "shop" }),
  service("till", { namespace: "shop" }),
  service("vault", { namespace: "bank" }),
].join("\n---\n");

function world(...documents: readonly string[]) {
  const made = new TestWorld();
  const findings = made.apply([MESH, ...documents].join(""));
  const find = (scope: string, host: string) =>
    lookupSlice(made.compiler.scopes({ fronts: ["*"], gateways: ["*"] }), scope, host)?.slice ?? null;
  /** Which services a caller sees. */
  const seen = (scope: string): readonly string[] =>
    ["reviews.default", "ratings.default", "cart.shop", "till.shop", "vault.bank"].filter(
      (name) => find(scope, `${name}.svc.cluster.local`) !== null,
    );
  return { made, findings, find, seen };
}

const ALL = ["reviews.default", "ratings.default", "cart.shop", "till.shop", "vault.bank"];

describe("a Sidecar", () => {
  it.each([
    ['"*/*"', ALL],
    ["./*", ["reviews.default", "ratings.default"]],
    [`./${svc("reviews", "default")}`, ["reviews.default"]],
    ["shop/*, bank/*", ["cart.shop", "till.shop", "vault.bank"]],
    [`"*/${svc("cart", "shop")}"`, ["cart.shop"]],
    ['"*/*.shop.svc.cluster.local"', ["cart.shop", "till.shop"]],
    [`bank/${svc("cart", "shop")}`, []],
    ['"~/*"', []],
    ['"*/*", "~shop/*"', ["reviews.default", "ratings.default", "vault.bank"]],
    [`"*/*", "~*/${svc("cart", "shop")}"`, ["reviews.default", "ratings.default", "till.shop", "vault.bank"]],
    ['./*, shop/*, "~./*"', ["cart.shop", "till.shop"]],
    ["./reviews", []],
  ])("that imports %s shows its namespace %j, and others all", (hosts, services) => {
    const { seen } = world(sidecar(hosts));
    expect(seen("mesh/default")).toEqual(services);
    expect(seen("mesh/default/any")).toEqual(services);
    expect(seen("mesh/shop")).toEqual(ALL);
    expect(seen("mesh/*")).toEqual(ALL);
  });

  it("without egress imports everything", () => {
    expect(
      world(document("Sidecar", "default", "{ outboundTrafficPolicy: { mode: ALLOW_ANY } }")).seen("mesh/default"),
    ).toEqual(ALL);
  });

  it("hides short names with the hosts that they stand for", () => {
    const { find } = world(sidecar("shop/*"));
    for (const name of ["reviews", "reviews.default", "reviews.default.svc"])
      expect(find("mesh/default", name)).toBeNull();
    expect(find("mesh/default", "cart.shop")).not.toBeNull();
  });

  it("lets nobody see what is not exported to the namespace", () => {
    const hidden = service("secret", { namespace: "bank" }).replace(
      "metadata: { name: secret,",
      'metadata: { annotations: { networking.istio.io/exportTo: "." }, name: secret,',
    );
    const { find } = world("\n---", hidden, sidecar("bank/*"));
    expect(find("mesh/default", svc("secret", "bank"))).toBeNull();
    expect(find("mesh/bank", svc("secret", "bank"))).not.toBeNull();
  });

  it("for workloads with some labels stands before that of the namespace, and this before the root's", () => {
    const { made, seen } = world(
      sidecar("bank/*", "istio-system"),
      sidecar("shop/*"),
      sidecar("./*", "default", "workloadSelector: { labels: { app: reviews } },", "reviews"),
    );
    expect(seen("mesh/default/reviews")).toEqual(["reviews.default", "ratings.default"]);
    expect(seen("mesh/default/ratings")).toEqual(["cart.shop", "till.shop"]);
    expect(seen("mesh/shop/cart")).toEqual(["vault.bank"]);
    expect(seen("mesh/*")).toEqual(["vault.bank"]);
    made.delete("Sidecar", "default");
    expect(seen("mesh/default/ratings")).toEqual(["vault.bank"]);
    made.delete("Sidecar", "reviews");
    expect(seen("mesh/default/reviews")).toEqual(["vault.bank"]);
  });

  it("of the root namespace means each caller's own by `.`, and nobody's of a caller without namespace", () => {
    const { seen } = world(sidecar("./*", "istio-system"));
    expect(seen("mesh/default")).toEqual(["reviews.default", "ratings.default"]);
    expect(seen("mesh/shop/cart")).toEqual(["cart.shop", "till.shop"]);
    expect(seen("mesh/elsewhere")).toEqual([]);
    expect(seen("mesh/*")).toEqual([]);
  });

  it("that selects all labels of nobody stands in front of the whole namespace", () => {
    const { seen } = world(sidecar("shop/*", "default", "workloadSelector: {},"));
    expect(seen("mesh/default")).toEqual(["cart.shop", "till.shop"]);
  });

  it("is the oldest that is for a caller; younger ones are warned of", () => {
    const { findings, seen } = world(
      sidecar("shop/*"),
      sidecar("bank/*", "default", "", "second"),
      sidecar("./*", "default", "workloadSelector: { labels: { app: reviews } },", "third"),
      sidecar("bank/*", "default", "workloadSelector: { labels: { version: v1 } },", "fourth"),
    );
    expect(seen("mesh/default")).toEqual(["cart.shop", "till.shop"]);
    expect(seen("mesh/default/reviews")).toEqual(["reviews.default", "ratings.default"]);
    expect(findings).toEqual([
      expect.stringMatching(/^Sidecar\/second metadata\.name: no effect on callers of `default`: `default`/),
      expect.stringMatching(
        /^Sidecar\/fourth spec\.workloadSelector\.labels: no effect on callers of `default\/reviews`: `third`/,
      ),
    ]);
  });

  it("limits hosts to one of their ports", () => {
    const two = (name: string) =>
      document(
        "ServiceEntry",
        name,
        `{ hosts: [${name}.test], resolution: STATIC, endpoints: [{ address: "binding:EP_${name.toUpperCase()}" }],
           ports: [{ number: 80, name: http, protocol: HTTP }, { number: 81, name: more, protocol: HTTP }] }`,
      );
    const { find, seen } = world(
      two("a"),
      two("b"),
      document(
        "Sidecar",
        "default",
        `{ egress: [{ port: { number: 81, protocol: HTTP, name: more }, hosts: ["*/a.test", "shop/*"] }, { hosts: ["*/b.test"] }] }`,
      ),
    );
    expect(find("mesh/default", "a.test")?.ports).toEqual([81]);
    expect(find("mesh/default", "b.test")?.ports).toEqual([80, 81]);
    expect(find("mesh/shop", "a.test")?.ports).toEqual([80, 81]);
    // They have no port 81.
    expect(seen("mesh/default")).toEqual([]);
  });

  it("stands not in front of a Gateway", () => {
    const gateway = document(
      "Gateway",
      "front",
      `{ selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }`,
    );
    const bound = route("r", "a.test", svc("vault", "bank")).replace("{ hosts", "{ gateways: [front], hosts");
    const { find } = world(gateway, bound, sidecar('"~/*"', "istio-system"));
    const clusters = Object.values(find("gw/default/front/80", "a.test")?.clusters ?? {});
    expect(clusters.flatMap(({ endpoints }) => endpoints.map(({ id }) => id))).toEqual(["binding:EP_BANK_VAULT_V1"]);
  });

  it("that names what is imported leaves no trace of the rest in the root, and one that leaves out names that alone", () => {
    const listed = (hosts: string) => {
      const { made } = world(sidecar(hosts));
      const scope = made.compiler.scopes({ fronts: ["*"], gateways: ["*"] }).get("mesh/default");
      return [...(scope ?? [])].map(([host, slice]) => `${host} ${slice === null ? "hidden" : "shown"}`);
    };
    const names = (name: string, namespace: string): string[] => [
      svc(name, namespace),
      `${name}.${namespace}.svc`,
      `${name}.${namespace}`,
    ];
    expect(listed(`"*/${svc("vault", "bank")}"`)).toEqual([
      "~ hidden",
      ...names("vault", "bank").map((name) => `${name} shown`),
    ]);
    expect(listed(`"*/*", "~*/${svc("vault", "bank")}"`)).toEqual([
      "ratings shown",
      "reviews shown",
      ...names("vault", "bank").map((name) => `${name} hidden`),
    ]);
  });

  it("hides from a gateway's callers also where the gateway fronts other services alone", () => {
    const { made } = world(sidecar("shop/*"));
    const scopes = made.compiler.scopes({ fronts: ["bank/vault"], gateways: [] });
    expect(lookupSlice(scopes, "mesh/shop", svc("vault", "bank"))).not.toBeNull();
    expect(lookupSlice(scopes, "mesh/default", svc("vault", "bank"))).toBeNull();
  });
});

describe("limits in front of a workload", () => {
  it("are those of its port, else of all its ports, of the Sidecar that is its own; the smaller of two holds", () => {
    const limits = (...documents: readonly string[]) => {
      const { find } = world(...documents);
      return ["reviews", "ratings"].map((name) => {
        const [cluster] = Object.values(find("mesh/shop", svc(name, "default"))?.clusters ?? {});
        return cluster?.endpoints[0]?.limit;
      });
    };
    const all = "inboundConnectionPool: { tcp: { maxConnections: 9 }, http: { http2MaxRequests: 7 } }";
    const own = (port: number) =>
      document(
        "Sidecar",
        "reviews",
        `{ workloadSelector: { labels: { app: reviews } }, ${all.replace("7", "8")},
           ingress: [{ port: { number: ${port}, name: http }, connectionPool: { tcp: { maxConnections: 2 } } }] }`,
      );
    expect(limits()).toEqual([undefined, undefined]);
    expect(limits(document("Sidecar", "default", `{ ${all} }`))).toEqual([7, 7]);
    expect(limits(document("Sidecar", "default", `{ ${all} }`), own(80))).toEqual([2, 7]);
    expect(limits(document("Sidecar", "default", `{ ${all} }`), own(81))).toEqual([8, 7]);
    expect(limits(document("Sidecar", "default", `{ ${all} }`, "istio-system"))).toEqual([7, 7]);
    expect(limits(document("Sidecar", "default", `{ ${all} }`, "shop"))).toEqual([undefined, undefined]);
  });
});

describe("a VirtualService and a Sidecar", () => {
  const endpoints = (found: ReturnType<ReturnType<typeof world>["find"]>): readonly string[] =>
    Object.values(found?.clusters ?? {}).flatMap((cluster) => cluster.endpoints.map(({ id }) => id));

  it("of an imported host holds, and brings destinations that are not imported themselves", () => {
    const { find } = world(route("r", svc("cart", "shop"), svc("vault", "bank"), "shop"), sidecar("shop/*"));
    expect(endpoints(find("mesh/default", svc("cart", "shop")))).toEqual(["binding:EP_BANK_VAULT_V1"]);
    expect(find("mesh/default", svc("vault", "bank"))).toBeNull();
  });

  it("brings no destination that is not exported to the caller", () => {
    const hidden = service("secret", { namespace: "bank" }).replace(
      "metadata: { name: secret,",
      'metadata: { annotations: { networking.istio.io/exportTo: "." }, name: secret,',
    );
    const { find } = world(
      `\n---${hidden}`,
      route("r", svc("cart", "shop"), svc("secret", "bank"), "shop"),
      sidecar("shop/*"),
    );
    const [cluster] = Object.values(find("mesh/default", svc("cart", "shop"))?.clusters ?? {});
    expect(cluster).toMatchObject({ unknown: true, endpoints: [] });
  });

  it("of a namespace that is not imported does not hold", () => {
    const { find } = world(route("r", svc("cart", "shop"), svc("vault", "bank"), "bank"), sidecar("shop/*"));
    expect(endpoints(find("mesh/default", svc("cart", "shop")))).toEqual(["binding:EP_SHOP_CART_V1"]);
    expect(endpoints(find("mesh/shop", svc("cart", "shop")))).toEqual(["binding:EP_BANK_VAULT_V1"]);
  });

  it("holds for a host that is narrower or wider than what is imported, and by one of its hosts for all", () => {
    const { find } = world(
      route("wide", '"*.shop.svc.cluster.local"', svc("vault", "bank"), "shop"),
      route("both", "a.test, b.test", svc("vault", "bank")),
      sidecar(`shop/${svc("cart", "shop")}, ./a.test`),
    );
    expect(find("mesh/default", svc("cart", "shop"))?.routes[0]?.name).toBe("shop/wide/0");
    expect(find("mesh/default", "a.test")).not.toBeNull();
    expect(find("mesh/default", "b.test")).not.toBeNull();
  });

  it("with a wildcard makes no host of a service that is not imported", () => {
    const { find } = world(
      route("wide", '"*.test"', svc("vault", "bank")),
      document(
        "ServiceEntry",
        "a",
        `{ hosts: [a.test], resolution: STATIC, endpoints: [{ address: "binding:EP_A" }], ports: [{ number: 80, name: http, protocol: HTTP }] }`,
        "shop",
      ),
      sidecar("./*"),
    );
    expect(find("mesh/default", "a.test")?.host).toBe("*.test");
    expect(find("mesh/shop", "a.test")?.host).toBe("a.test");
  });
});
