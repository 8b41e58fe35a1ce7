import { describe, expect, it } from "vitest";
import { lookupSlice } from "../../src/compile/lookup.ts";
import { service, TestWorld } from "./world.ts";

const REVIEWS = "reviews.default.svc.cluster.local";

function document(kind: string, name: string, spec: string, namespace = "default"): string {
  const group = kind === "MeshConfig" ? "tulle.dev/v1alpha1" : "networking.istio.io/v1";
  return `
---
apiVersion: ${group}
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

const settings = (spec: string): string => document("MeshConfig", "default", spec, "istio-system");

function entry(exportTo: string, namespace = "shop"): string {
  return document(
    "ServiceEntry",
    "api",
    `{ hosts: [api.test], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, ${exportTo}
       endpoints: [{ address: "binding:EP_API" }] }`,
    namespace,
  );
}

function world(...documents: readonly string[]) {
  const made = new TestWorld();
  made.apply([service("reviews"), ...documents].join(""));
  /** Which of these scopes find the host, as a gateway looks it up. */
  const sees = (host: string, scopes = ["mesh/*", "mesh/default", "mesh/shop", "mesh/bank"]): readonly string[] => {
    const compiled = made.compiler.scopes({ fronts: ["*"], gateways: ["*"] });
    return scopes.filter((scope) => lookupSlice(compiled, scope, host) !== null);
  };
  return { made, sees };
}

const ALL = ["mesh/*", "mesh/default", "mesh/shop", "mesh/bank"];

/** With an annotation that a Service's namespace writes. */
const annotated = (exportTo: string): string =>
  service("cart", { namespace: "shop" }).replace(
    "metadata: { name: cart,",
    `metadata: { annotations: { networking.istio.io/exportTo: "${exportTo}" }, name: cart,`,
  );

describe("exportTo", () => {
  it.each([
    ["", ALL],
    ["exportTo: [],", ALL],
    ['exportTo: ["*"],', ALL],
    ["exportTo: [.],", ["mesh/shop"]],
    ["exportTo: [bank],", ["mesh/bank"]],
    ["exportTo: [., bank],", ["mesh/shop", "mesh/bank"]],
    ['exportTo: ["~"],', []],
  ])("of a ServiceEntry, %s, shows its hosts to %s", (exportTo, scopes) => {
    expect(world(entry(exportTo)).sees("api.test")).toEqual(scopes);
  });

  it.each([
    ["*", ALL],
    [".", ["mesh/shop"]],
    [" bank , . ", ["mesh/shop", "mesh/bank"]],
    ["~", []],
  ])("of a Service is the annotation's: %s shows it to %s", (exportTo, scopes) => {
    expect(world("---", annotated(exportTo)).sees("cart.shop.svc.cluster.local")).toEqual(scopes);
  });

  it("is the MeshConfig's where an object has none, kind by kind", () => {
    const { made, sees } = world(entry(""), settings("{ defaultServiceExportTo: [.] }"));
    expect(sees("api.test")).toEqual(["mesh/shop"]);
    expect(sees(REVIEWS)).toEqual(["mesh/default"]);
    made.apply(entry('exportTo: ["*"],'));
    expect(sees("api.test")).toEqual(ALL);
    made.apply(settings('{ defaultServiceExportTo: ["~"] }'));
    expect(sees(REVIEWS)).toEqual([]);
    made.apply(settings("{ defaultServiceExportTo: [shop] }"));
    expect(sees(REVIEWS)).toEqual(["mesh/shop"]);
  });

  it("of rules is the MeshConfig's, too", () => {
    const { made } = world(
      document(
        "VirtualService",
        "r",
        `{ hosts: [${REVIEWS}], http: [{ name: mine, route: [{ destination: { host: ${REVIEWS} } }] }] }`,
      ),
      document(
        "DestinationRule",
        "d",
        `{ host: ${REVIEWS}, trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } }`,
      ),
      settings("{ defaultVirtualServiceExportTo: [.], defaultDestinationRuleExportTo: [shop] }"),
    );
    const seen = (scope: string) => {
      const slice = made.slice(scope, REVIEWS);
      return [slice?.routes[0]?.name, Object.values(slice?.clusters ?? {})[0]?.pool.maxConnections];
    };
    expect(seen("mesh/*")).toEqual(["default", undefined]);
    // A rule holds in its own namespace whatever it says.
    expect(seen("mesh/default")).toEqual(["default/r/mine", 7]);
    expect(seen("mesh/shop")).toEqual(["default", 7]);
  });
});

describe("a host that is hidden from a caller", () => {
  const ROUTE = `{ hosts: [way.test], http: [{ route: [{ destination: { host: api.test } }] }] }`;

  it("is unknown also as the destination of a VirtualService that the caller sees", () => {
    const { made } = world(entry("exportTo: [.],"), document("VirtualService", "way", ROUTE));
    const cluster = (scope: string) => made.slice(scope, "way.test")?.clusters["outbound|80||api.test"];
    expect(cluster("mesh/*")).toMatchObject({ unknown: true, endpoints: [] });
    expect(cluster("mesh/shop")?.endpoints.map(({ id }) => id)).toEqual(["binding:EP_API"]);
  });

  it("gets no copies of a caller's requests either", () => {
    const mirrored = `{ hosts: [way.test], http: [{ route: [{ destination: { host: ${REVIEWS} } }], mirror: { host: api.test } }] }`;
    const { made } = world(entry("exportTo: [.],"), document("VirtualService", "way", mirrored));
    const copied = (scope: string) => {
      const slice = made.slice(scope, "way.test");
      const [mirror] = slice?.routes[0]?.mirrors ?? [];
      return slice?.clusters[mirror?.cluster ?? ""];
    };
    expect(copied("mesh/*")).toMatchObject({ unknown: true, endpoints: [] });
    expect(copied("mesh/shop")?.endpoints.map(({ id }) => id)).toEqual(["binding:EP_API"]);
  });

  it("is not found by its short name, nor under a wildcard of others", () => {
    const { sees } = world(
      "---",
      annotated("."),
      entry("").replace("[api.test]", '["*.test"]').replace("name: api", "name: wild"),
    );
    expect(sees("cart", ["mesh/*", "mesh/default", "mesh/shop"])).toEqual(["mesh/shop"]);
    expect(sees("cart.shop", ["mesh/*", "mesh/default", "mesh/shop"])).toEqual(["mesh/shop"]);
    const { made } = world(
      entry("exportTo: [.],"),
      entry("", "bank").replace("[api.test]", '["*.test"]').replace("EP_API", "EP_WILD"),
    );
    const scopes = made.compiler.scopes({ fronts: ["*"], gateways: ["*"] });
    const endpoints = (scope: string) =>
      Object.values(lookupSlice(scopes, scope, "api.test")?.slice.clusters ?? {}).flatMap((cluster) =>
        cluster.endpoints.map(({ id }) => id),
      );
    expect(endpoints("mesh/shop")).toEqual(["binding:EP_API"]);
    expect(endpoints("mesh/*")).toEqual(["binding:EP_WILD"]);
  });

  it("is not served by a gateway that fronts another namespace's service of that name alone", () => {
    const { made } = world(entry(""), entry("exportTo: [.],", "bank").replace("EP_API", "EP_BANK"));
    const scopes = made.compiler.scopes({ fronts: ["shop/api.test"], gateways: [] });
    expect(lookupSlice(scopes, "mesh/default", "api.test")).not.toBeNull();
    expect(lookupSlice(scopes, "mesh/bank", "api.test")).toBeNull();
  });
});

describe("serviceEntryVisibility", () => {
  const visibility = (spec: string): string =>
    settings(`{ serviceEntryVisibility: { applyToSidecars: true, ${spec} } }`);
  const trusted = (visible: string, selector: string): string =>
    `defaultVisibility: NAMESPACE, policies: [{ visibility: ${visible}, matchingRules: [{ namespaceSelector: { ${selector} } }] }]`;
  const TRUSTED = `
---
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { trusted: "yes" } }`;

  it.each([
    ["the default", "", "", ALL],
    ["NAMESPACE", "defaultVisibility: NAMESPACE", "", ["mesh/shop"]],
    ["NAMESPACE over a narrower exportTo", "defaultVisibility: NAMESPACE", "exportTo: [bank],", []],
    ["NONE", "defaultVisibility: NONE", 'exportTo: ["*"],', []],
    [
      "a policy by the namespace's name",
      trusted("PUBLIC", "matchLabels: { kubernetes.io/metadata.name: shop }"),
      "",
      ALL,
    ],
    [
      "a policy by its labels",
      trusted("PUBLIC", 'matchExpressions: [{ key: trusted, operator: In, values: ["yes"] }]'),
      "",
      ALL,
    ],
    [
      "a policy that does not hold",
      trusted("PUBLIC", "matchExpressions: [{ key: trusted, operator: DoesNotExist }]"),
      "",
      ["mesh/shop"],
    ],
    ["a policy without rules", "policies: [{ visibility: NONE }]", "", []],
    [
      "a policy for others",
      trusted("NONE", 'matchExpressions: [{ key: trusted, operator: NotIn, values: ["yes"] }]'),
      "",
      ["mesh/shop"],
    ],
  ])("%s is a ceiling over what a ServiceEntry is exported to", (_, spec, exportTo, scopes) => {
    const { sees } = world(TRUSTED, entry(exportTo), visibility(spec));
    expect(sees("api.test")).toEqual(scopes);
    expect(sees(REVIEWS)).toEqual(ALL);
  });

  it("follows the labels of namespaces", () => {
    const { made, sees } = world(entry(""), visibility(trusted("PUBLIC", 'matchLabels: { trusted: "yes" }')));
    expect(sees("api.test")).toEqual(["mesh/shop"]);
    made.apply(TRUSTED.replace("---", ""));
    expect(sees("api.test")).toEqual(ALL);
  });
});
