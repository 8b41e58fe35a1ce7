import { describe, expect, it } from "vitest";
import type { Cluster } from "../../src/snapshot/model.ts";
import { service, TestWorld } from "./world.ts";

function world(...documents: readonly string[]): TestWorld {
  const made = new TestWorld();
  made.apply(documents.join("\n---\n"));
  return made;
}

function rule(spec: string, name = "r", namespace = "default"): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

function meshConfig(spec: string): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: ${spec}`;
}

/** Routes that name these subsets, so that there are clusters of them. */
function routes(subsets: readonly string[]): string {
  const route = subsets.map(
    (subset) => `{ destination: { host: reviews${subset && `, subset: ${subset}`} }, weight: 1 }`,
  );
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [${route.join()}] }] }`;
}

function clusterOf(made: TestWorld, subset = "", scope = "mesh/*", name = "reviews"): Cluster | undefined {
  const host = `${name}.default.svc.cluster.local`;
  return (made.slice(scope, host) ?? made.slice("mesh/*", host))?.clusters[`outbound|80|${subset}|${host}`];
}

const REVIEWS = service("reviews", { versions: ["v1", "v2", "v3"] });
const NO_LAST_ONE = meshConfig("{ alwaysEjectOneEndpoint: false }");

describe("a DestinationRule whose outlier detection never leaves an endpoint out is told so", () => {
  it.each([
    {
      name: "of a share that is less than one endpoint",
      policy: "{ outlierDetection: {} }",
      field: "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
    },
    {
      name: "of a subset that is too small for it",
      policy: "{ outlierDetection: { maxEjectionPercent: 40 } }",
      field: "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
    },
    {
      name: "of a share in a port's settings",
      policy:
        "{ outlierDetection: { maxEjectionPercent: 100 }, portLevelSettings: [{ port: { number: 80 }, outlierDetection: {} }] }",
      field: "spec.trafficPolicy.portLevelSettings[0].outlierDetection.maxEjectionPercent",
    },
    {
      name: "of ejections that are disregarded from the first",
      policy: "{ outlierDetection: { maxEjectionPercent: 100, minHealthPercent: 70 } }",
      field: "spec.trafficPolicy.outlierDetection.minHealthPercent",
    },
  ])("$name", ({ policy, field }) => {
    const findings = world(REVIEWS, NO_LAST_ONE).apply(
      rule(`{ host: reviews, trafficPolicy: ${policy}, subsets: [{ name: v1, labels: { version: v1 } }] }`),
    );
    expect(findings.map((finding) => finding.split(": ")[0])).toEqual([`DestinationRule/r ${field}`]);
  });

  it.each([
    { name: "where one may always be ejected", documents: [REVIEWS], policy: "{ outlierDetection: {} }" },
    {
      name: "where the share is one endpoint at least",
      documents: [REVIEWS, NO_LAST_ONE],
      policy: "{ outlierDetection: { maxEjectionPercent: 34 } }",
    },
    {
      name: "where nothing is served yet",
      documents: [service("reviews", { versions: [] }), NO_LAST_ONE],
      policy: "{ outlierDetection: {} }",
    },
  ])("and not $name", ({ documents, policy }) => {
    expect(world(...documents).apply(rule(`{ host: reviews, trafficPolicy: ${policy} }`))).toEqual([]);
  });

  it("when an endpoint goes, as well", () => {
    const made = world(
      REVIEWS,
      NO_LAST_ONE,
      rule("{ host: reviews, trafficPolicy: { outlierDetection: { maxEjectionPercent: 34 } } }"),
    );
    made.delete("WorkloadEntry", "reviews-v3");
    expect([...made.verdicts.values()].flat().map(({ field }) => field)).toEqual([
      "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
    ]);
  });
});

const V1 = "{ name: v1, labels: { version: v1 } }";

describe("settings of a DestinationRule", () => {
  const made = world(
    REVIEWS,
    rule(`{ host: reviews, trafficPolicy: {
        connectionPool: { tcp: { maxConnections: 1 } }, loadBalancer: { simple: RANDOM },
        portLevelSettings: [{ port: { number: 80 }, connectionPool: { tcp: { maxConnections: 2 } } }] },
      subsets: [
        { name: v1, labels: { version: v1 }, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } },
        { name: v2, labels: { version: v2 }, trafficPolicy: { outlierDetection: {},
            portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: ROUND_ROBIN } }] } } ] }`),
    routes(["", "v1", "v2"]),
  );

  it("of a port replace those of the host as a whole", () => {
    expect(clusterOf(made)).toMatchObject({ loadBalancer: "LEAST_REQUEST", pool: { maxConnections: 2 } });
  });

  it("of 0 are no limits", () => {
    const none = world(
      REVIEWS,
      rule(
        "{ host: reviews, trafficPolicy: { connectionPool: { tcp: { maxConnections: 0 }, http: { http2MaxRequests: 0 } } } }",
      ),
    );
    expect(clusterOf(none)?.pool).toEqual({});
  });

  it("of a subset stand over them, block by block", () => {
    expect(clusterOf(made, "v1")).toMatchObject({ loadBalancer: "ROUND_ROBIN", pool: { maxConnections: 2 } });
  });

  it("of a subset's port replace everything", () => {
    const cluster = clusterOf(made, "v2");
    expect(cluster).toMatchObject({ loadBalancer: "ROUND_ROBIN", pool: {} });
    expect(cluster).not.toHaveProperty("outlier");
  });

  it("are the mesh's default where no rule is for the host, and only there", () => {
    const defaults = meshConfig("{ defaultTrafficPolicy: { loadBalancer: { simple: RANDOM } } }");
    expect(clusterOf(world(REVIEWS, defaults))).toMatchObject({ loadBalancer: "RANDOM" });
    expect(clusterOf(world(REVIEWS, defaults, rule(`{ host: reviews, subsets: [${V1}] }`)))).toMatchObject({
      loadBalancer: "LEAST_REQUEST",
    });
    expect(clusterOf(world(REVIEWS, defaults, rule("{ host: '*.svc.cluster.local' }")))).toMatchObject({
      loadBalancer: "LEAST_REQUEST",
    });
  });

  it("are those of the caller's namespace, else of the service's, else of the root, the most specific host first in each", () => {
    const balanced = (simple: string, host: string, name: string, namespace: string) =>
      rule(`{ host: ${host}, trafficPolicy: { loadBalancer: { simple: ${simple} } } }`, name, namespace);
    const full = "reviews.default.svc.cluster.local";
    const all = world(
      REVIEWS,
      service("web", { namespace: "shop" }),
      balanced("RANDOM", full, "root", "istio-system"),
      balanced("ROUND_ROBIN", "'*.svc.cluster.local'", "wide", "default"),
      balanced("RANDOM", "reviews", "narrow", "default"),
      balanced("ROUND_ROBIN", "'*.default.svc.cluster.local'", "own", "shop"),
    );
    expect(clusterOf(all)).toMatchObject({ loadBalancer: "RANDOM" });
    expect(clusterOf(all, "", "mesh/shop")).toMatchObject({ loadBalancer: "ROUND_ROBIN" });
    all.delete("DestinationRule", "own", "shop");
    all.delete("DestinationRule", "narrow");
    expect(clusterOf(all)).toMatchObject({ loadBalancer: "ROUND_ROBIN" });
    all.delete("DestinationRule", "wide");
    expect(clusterOf(all)).toMatchObject({ loadBalancer: "RANDOM" });
    all.delete("DestinationRule", "root", "istio-system");
    expect(clusterOf(all)).toMatchObject({ loadBalancer: "LEAST_REQUEST" });
  });
});

describe("the younger of two DestinationRules for one host in a namespace", () => {
  const younger = `{ host: reviews.default.svc.cluster.local, trafficPolicy: { loadBalancer: { simple: RANDOM } }, subsets: [${V1}, { name: v2, labels: { version: v2 } }] }`;

  it("is told what of it does not count, and its other subsets do", () => {
    const made = world(
      REVIEWS,
      rule(`{ host: reviews, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }, subsets: [${V1}] }`, "older"),
    );
    const findings = made.apply(rule(younger, "younger"));
    expect(findings.map((finding) => finding.split(": ")[0])).toEqual([
      "DestinationRule/younger spec.trafficPolicy",
      "DestinationRule/younger spec.subsets[0]",
    ]);
    made.apply(routes(["v2"]));
    expect(clusterOf(made, "v2")).toMatchObject({ loadBalancer: "ROUND_ROBIN", endpoints: [{}] });
    made.delete("DestinationRule", "older");
    expect([...made.verdicts.values()].flat().filter(({ severity }) => severity !== "info")).toEqual([]);
  });

  it.each([
    {
      name: "of another namespace",
      older: rule(`{ host: reviews.default.svc.cluster.local, subsets: [${V1}] }`, "older", "shop"),
    },
    {
      name: "for some clients alone",
      older: rule(`{ host: reviews, workloadSelector: { matchLabels: { app: web } }, subsets: [${V1}] }`, "older"),
    },
    {
      name: "for a wider host",
      older: rule("{ host: '*.svc.cluster.local', trafficPolicy: { loadBalancer: {} } }", "older"),
    },
  ])("is told nothing of one $name", ({ older }) => {
    expect(world(REVIEWS, older).apply(rule(younger, "younger"))).toEqual([]);
  });
});

const OUTSIDE = `
${meshConfig("{ egress: { allowedHosts: [api.example.com] }, privateRanges: [{ range: 10.0.0.0/8, namespaces: ['*'] }] }")}
---
apiVersion: v1
kind: Service
metadata: { name: api }
spec: { selector: { app: api }, ports: [{ name: http, port: 80 }] }
---
${["https://api.example.com", "10.0.0.7", "binding:EP_API"]
  .map(
    (address, index) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: api-${index} }
spec: { address: "${address}", labels: { app: api } }`,
  )
  .join("\n---\n")}`;

describe("the way to endpoints", () => {
  const reached = (tls: string) => {
    const made = world(OUTSIDE);
    const findings = made.apply(rule(`{ host: api, trafficPolicy: { tls: ${tls} } }`));
    const { endpoints = [], anonymous } = clusterOf(made, "", "mesh/*", "api") ?? {};
    return { ways: endpoints.map(({ address }) => address), anonymous, findings };
  };
  const BINDING = { kind: "binding", name: "EP_API" };
  const PRIVATE = { kind: "private", authority: "10.0.0.7:80" };
  const ORIGIN = { kind: "origin", origin: "https://api.example.com" };

  it("is by the mesh's own identities without `tls` and with ISTIO_MUTUAL", () => {
    const made = world(OUTSIDE);
    const ways = clusterOf(made, "", "mesh/*", "api")?.endpoints.map(({ address }) => address);
    expect(ways).toEqual([PRIVATE, BINDING, ORIGIN]);
    // What stands at a private address has an agent in front of it; nobody says here whose.
    expect(reached("{ mode: ISTIO_MUTUAL }")).toEqual({
      ways: [{ ...PRIVATE, tls: true, peers: [] }, BINDING, ORIGIN],
      anonymous: undefined,
      findings: [],
    });
  });

  it("is by mutual TLS to agents, whose certificates are their workloads'", () => {
    const entry = (name: string, address: string, more: string) => `
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name} }
spec: { address: "${address}", ${more} }`;
    const agents = { "security.istio.io/tlsMode": "istio", app: "agents" };
    const made = world(`${OUTSIDE}
---
apiVersion: v1
kind: Service
metadata: { name: agents }
spec: { selector: { app: agents }, ports: [{ name: http, port: 80 }] }
${entry("one", "10.0.1.1", `serviceAccount: one, labels: ${JSON.stringify(agents)}`)}
${entry("two", "10.0.1.2", "serviceAccount: two, labels: { app: agents }")}
${entry("three", "10.0.1.3", `labels: ${JSON.stringify(agents)}`)}`);
    const ways = (tls: string | null) => {
      if (tls !== null) made.apply(rule(`{ host: agents, trafficPolicy: { tls: ${tls} } }`));
      return clusterOf(made, "", "mesh/*", "agents")?.endpoints.map(({ address }) => address);
    };
    const at = (last: number, peers?: readonly string[]) => ({
      kind: "private",
      authority: `10.0.1.${last}:80`,
      ...(peers && { tls: true, peers: peers.map((name) => `spiffe://cluster.local/ns/default/sa/${name}`) }),
    });
    expect(ways(null)).toEqual([at(1, ["one"]), at(2), at(3, ["one", "two"])]);
    expect(ways("{ mode: ISTIO_MUTUAL }")).toEqual([at(1, ["one"]), at(2, ["two"]), at(3, ["one", "two"])]);
    expect(ways("{ mode: DISABLE }")).toEqual([at(1), at(2), at(3)]);
  });

  it.each([
    ["", "", true],
    ["location: MESH_EXTERNAL", "", true],
    ["location: MESH_INTERNAL", "", undefined],
    ["location: MESH_INTERNAL", "{ mode: DISABLE }", true],
    ["", "{ mode: ISTIO_MUTUAL }", undefined],
  ])("of a ServiceEntry with %s and the TLS %s tells who calls, or not", (location, tls, anonymous) => {
    const made = world(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: shop }
spec: { hosts: [shop.test], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: "binding:EP_SHOP" }], ${location} }`);
    if (tls !== "") made.apply(rule(`{ host: shop.test, trafficPolicy: { tls: ${tls} } }`));
    expect(made.slice("mesh/*", "shop.test")?.clusters["outbound|80||shop.test"]).toMatchObject({ endpoints: [{}] });
    expect(made.slice("mesh/*", "shop.test")?.clusters["outbound|80||shop.test"]?.anonymous).toBe(anonymous);
  });

  it("is plain with DISABLE, of which a public origin is warned", () => {
    expect(reached("{ mode: DISABLE }")).toEqual({
      ways: [PRIVATE, BINDING, { kind: "origin", origin: "http://api.example.com" }],
      anonymous: true,
      findings: [expect.stringContaining("cross the Internet unencrypted")],
    });
  });

  it("is as plain where no mode is named", () => {
    expect(reached("{}")).toEqual(reached("{ mode: DISABLE }"));
  });

  it("is HTTPS with SIMPLE", () => {
    expect(reached("{ mode: SIMPLE }")).toEqual({
      ways: [{ ...PRIVATE, tls: true }, BINDING, ORIGIN],
      anonymous: true,
      findings: [],
    });
  });

  it("shows a certificate with MUTUAL, and leaves out to whom none can be shown", () => {
    const { ways, anonymous, findings } = reached("{ mode: MUTUAL, credentialName: shop.client-cert }");
    expect([ways, anonymous]).toEqual([[{ ...ORIGIN, certificate: "CERT_SHOP_CLIENT_CERT" }], true]);
    expect(findings.map((finding) => /`(.*?)` is left out/.exec(finding)?.[1])).toEqual([
      "10.0.0.7:80",
      "binding:EP_API",
    ]);
  });

  it("shows what its namespace was given, and nothing else once anything is given", () => {
    const shown = (credentials: string | null, namespace = "default") => {
      const made = world(OUTSIDE);
      const egress =
        "egress: { allowedHosts: [api.example.com] }, privateRanges: [{ range: 10.0.0.0/8, namespaces: ['*'] }]";
      made.apply(meshConfig(`{ ${egress}${credentials === null ? "" : `, credentials: ${credentials}`} }`));
      const tls = "{ mode: MUTUAL, credentialName: shop.client-cert }";
      const spec = `{ host: api.default.svc.cluster.local, trafficPolicy: { tls: ${tls} } }`;
      const refused = made.apply(rule(spec, "r", namespace)).filter((finding) => finding.includes("may not show"));
      const ways = clusterOf(made, "", "mesh/*", "api")?.endpoints.map(({ address }) => address) ?? [];
      return { refused: refused.length, ways };
    };
    const open = [{ ...ORIGIN, certificate: "CERT_SHOP_CLIENT_CERT" }];
    const closed = [{ ...ORIGIN, certificate: "CERT_" }];
    expect(shown(null)).toEqual({ refused: 0, ways: open });
    expect(shown("[{ name: shop.client-cert, namespaces: [default] }]")).toEqual({ refused: 0, ways: open });
    expect(shown("[{ name: SHOP_CLIENT_CERT, namespaces: ['*'] }]")).toEqual({ refused: 0, ways: open });
    expect(shown("[]")).toEqual({ refused: 1, ways: closed });
    expect(shown("[{ name: shop.client-cert, namespaces: [shop] }]")).toEqual({ refused: 1, ways: closed });
    expect(shown("[{ name: other, namespaces: [default] }]")).toEqual({ refused: 1, ways: closed });
    expect(shown("[]", "istio-system")).toEqual({ refused: 0, ways: open });
  });

  it("to hosts that the request names is HTTPS, by the certificate of MUTUAL or not at all", () => {
    const hosts = `
${meshConfig("{ egress: { allowedHosts: ['*.example.com'] } }")}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: any }
spec:
  hosts: ["*.example.com"]
  ports: [{ number: 443, name: https, protocol: HTTPS }]
  location: MESH_EXTERNAL
  resolution: DYNAMIC_DNS`;
    const reach = (tls: string) => {
      const made = world(hosts);
      const findings = made.apply(rule(`{ host: "*.example.com", trafficPolicy: { tls: ${tls} } }`));
      const clusters = made.slice("mesh/*", "*.example.com")?.clusters ?? {};
      return {
        ways: Object.values(clusters).flatMap(({ endpoints }) => endpoints.map(({ address }) => address)),
        findings,
      };
    };
    expect(reach("{ mode: MUTUAL, credentialName: a }").ways).toMatchObject([
      { kind: "dynamic", certificate: "CERT_A" },
    ]);
    expect(reach("{ mode: SIMPLE }")).toMatchObject({ ways: [{ kind: "dynamic" }], findings: [] });
    const { ways, findings } = reach("{ mode: DISABLE }");
    expect([ways, findings]).toEqual([[], [expect.stringContaining("called by HTTPS alone")]]);
  });
});
