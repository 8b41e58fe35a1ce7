import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

const join = (...documents: readonly string[]): string => documents.join("\n---\n");

function world(...documents: readonly string[]): TestWorld {
  const made = new TestWorld();
  made.apply(join(...documents));
  return made;
}

function virtualService(name: string, spec: string, namespace = "default"): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

function destinationRule(name: string, spec: string, namespace = "default"): string {
  return virtualService(name, spec, namespace).replace("VirtualService", "DestinationRule");
}

function policy(name: string, spec: string, namespace = "default", kind = "AuthorizationPolicy"): string {
  return `
apiVersion: security.istio.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

const RANGES = `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  privateRanges: [{ range: 10.0.0.0/8, namespaces: [default] }, { range: corp.internal, namespaces: ["*"] }]
  egress: { allowedHosts: [api.example.com, "*.vendor.example"] }`;

const to = (host: string, more = ""): string => `{ destination: { host: ${host}${more} } }`;
const REVIEWS = "reviews.default.svc.cluster.local";

describe("a service's names", () => {
  it("are the long ones for all of the mesh, and the short one for its own namespace", () => {
    const { compiler } = world(service("reviews"), service("cart", { namespace: "shop" }));
    const scopes = compiler.scopes({ fronts: ["*"], gateways: [] });
    expect([...(scopes.get("mesh/*")?.keys() ?? [])]).toContain("reviews.default");
    expect([...(scopes.get("mesh/*")?.keys() ?? [])]).not.toContain("reviews");
    expect([...(scopes.get("mesh/default")?.keys() ?? [])]).toEqual(["reviews"]);
    expect([...(scopes.get("mesh/shop")?.keys() ?? [])]).toEqual(["cart"]);
  });

  it("are listed for a gateway that fronts the service, and for no other", () => {
    const { compiler } = world(service("reviews"), service("cart", { namespace: "shop" }));
    const scopes = compiler.scopes({ fronts: ["shop/cart"], gateways: [] });
    expect([...(scopes.get("mesh/*")?.keys() ?? [])].every((name) => name.startsWith("cart"))).toBe(true);
    expect(scopes.get("mesh/default")).toBeUndefined();
  });
});

it("a dot at the end of a host says that nothing follows: it is the name without it", () => {
  const rule = (host: string, destination: string) =>
    virtualService("dots", `{ hosts: [${host}], http: [{ route: [${to(destination)}] }] }`);
  const clusterOf = (host: string, destination: string) =>
    Object.keys(world(service("reviews"), rule(host, destination)).slice("mesh/*", REVIEWS)?.clusters ?? {});
  expect(clusterOf("reviews", `${REVIEWS}.`)).toEqual([`outbound|80||${REVIEWS}`]);
  expect(clusterOf(`${REVIEWS}.`, "reviews")).toEqual([`outbound|80||${REVIEWS}`]);
});

describe("endpoints", () => {
  it("are those that the selector picks, with weight, identity and labels", () => {
    const made = world(service("reviews", { versions: ["v1", "v2"] }), service("ratings"));
    const [cluster] = Object.values(made.slice("mesh/*", REVIEWS)?.clusters ?? {});
    expect(cluster?.endpoints.map(({ id }) => id)).toEqual([
      "binding:EP_DEFAULT_REVIEWS_V1",
      "binding:EP_DEFAULT_REVIEWS_V2",
    ]);
    expect(cluster?.endpoints[0]?.workload).toMatchObject({
      principal: "cluster.local/ns/default/sa/reviews",
      app: "reviews",
      version: "v1",
    });
  });

  it("come from an EndpointSlice with the identity of its Pod, without those that are not ready", () => {
    const made = world(
      RANGES,
      `
apiVersion: v1
kind: Service
metadata: { name: legacy }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: legacy-1, labels: { app: legacy, version: v7 } }
spec: { serviceAccountName: legacy }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: legacy-x, labels: { kubernetes.io/service-name: legacy } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints:
  - { addresses: [10.1.2.3], targetRef: { kind: Pod, name: legacy-1 } }
  - { addresses: [10.1.2.4], conditions: { ready: false } }`,
    );
    const [cluster] = Object.values(made.slice("mesh/*", "legacy.default.svc.cluster.local")?.clusters ?? {});
    expect(cluster?.endpoints).toMatchObject([
      { id: "10.1.2.3:8080", workload: { principal: "cluster.local/ns/default/sa/legacy", version: "v7" } },
    ]);
  });

  const entry = (address: string, namespace = "default") => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: x, namespace: ${namespace} }
spec: { address: "${address}", labels: { app: x } }`;

  it.each([
    { name: "an address outside of all ranges", document: entry("192.168.0.1"), says: "none of `privateRanges`" },
    { name: "a range of other namespaces", document: entry("10.0.0.1", "shop"), says: "may not use" },
    { name: "a name outside of all ranges", document: entry("db.other.internal"), says: "none of `privateRanges`" },
    { name: "an origin that is not allowed", document: entry("https://evil.example"), says: "egress.allowedHosts" },
    {
      name: "an address of another namespace",
      document: entry("binding:EP_DEFAULT_REVIEWS_V1", "shop"),
      says: "belongs to namespace `default`",
    },
  ])("refuse $name", ({ document, says }) => {
    const findings = world(RANGES, service("reviews")).apply(document);
    expect(findings.join()).toContain("error WorkloadEntry/x spec.address");
    expect(findings.join()).toContain(says);
  });

  it("may stand in an allowed range, below an allowed name, and at an allowed origin", () => {
    const made = world(RANGES);
    for (const address of ["10.9.9.9", "db.corp.internal", "https://api.example.com", "https://eu.vendor.example"])
      expect(made.apply(entry(address))).toEqual([]);
  });

  it("of another namespace are left out of a slice also where they were stored before", () => {
    const made = world(service("reviews"));
    made.apply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: thief, namespace: shop }
spec:
  hosts: [thief.internal]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: "binding:EP_DEFAULT_REVIEWS_V1" }]`);
    const [cluster] = Object.values(made.slice("mesh/*", "thief.internal")?.clusters ?? {});
    expect(cluster?.endpoints).toEqual([]);
  });

  it("keep a namespace from taking a name of another one's service", () => {
    const findings = world(service("reviews")).apply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: thief, namespace: shop }
spec:
  hosts: [${REVIEWS}]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: "binding:EP_THIEF" }]`);
    expect(findings.join()).toContain("error ServiceEntry/thief spec.hosts[0]");
  });
});

describe("policies follow the endpoint", () => {
  const GUARD = policy("guard", "{ selector: { matchLabels: { app: reviews } }, rules: [{}] }");
  const SIDE_DOOR = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: side-door }
spec:
  hosts: [side-door.internal]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: "binding:EP_DEFAULT_REVIEWS_V1", labels: { app: harmless } }]`;

  it("by whatever name and labels it is called", () => {
    const made = world(service("reviews"), GUARD, SIDE_DOOR);
    const slice = made.slice("mesh/*", "side-door.internal");
    expect(slice?.policySets.flatMap(({ allow }) => allow.map(({ name }) => name))).toEqual(["default/guard"]);
  });

  it("also where they only tell, by AUDIT or a dry run: such close nothing", () => {
    const made = world(
      service("reviews"),
      policy("watch", "{ action: AUDIT, rules: [{}] }"),
      policy("trial", "{ rules: [{ to: [{ operation: { paths: [/a] } }] }] }").replace(
        "name: trial",
        'name: trial, annotations: { istio.io/dry-run: "true" }',
      ),
      SIDE_DOOR,
    );
    const slice = made.slice("mesh/*", "side-door.internal");
    expect(slice?.policySets).toMatchObject([
      { audit: [{ name: "default/watch" }], allow: [{ name: "default/trial", dryRun: true }] },
    ]);
    expect(slice?.path.params).toBe("CUT");
  });

  it.each([
    { name: "its namespace says so", mode: "", label: "observe", observes: true },
    { name: "the mesh says so", mode: "Observe", label: "", observes: true },
    { name: "its namespace says otherwise than the mesh", mode: "Observe", label: "enforce", observes: false },
    { name: "nobody says so", mode: "", label: "", observes: false },
  ])("refuse nothing where $name", ({ mode, label, observes }) => {
    const made = world(
      service("reviews"),
      policy("deny", "{ action: DENY, rules: [{}] }"),
      `apiVersion: v1\nkind: Namespace\nmetadata: { name: default${label && `, labels: { tulle.dev/mode: ${label} }`} }`,
      `apiVersion: tulle.dev/v1alpha1\nkind: MeshConfig\nmetadata: { name: default, namespace: istio-system }\nspec: { ${mode && `mode: ${mode}`} }`,
    );
    expect(made.slice("mesh/*", REVIEWS)?.policySets.map(({ observe }) => observe)).toEqual([
      observes ? true : undefined,
    ]);
  });

  it("refuse where one of the registrations' namespaces does not observe, and none is told of that has nothing to refuse", () => {
    const observing =
      "apiVersion: v1\nkind: Namespace\nmetadata: { name: default, labels: { tulle.dev/mode: observe } }";
    const open = world(service("reviews"), observing);
    expect(open.slice("mesh/*", REVIEWS)?.policySets.map(({ observe }) => observe)).toEqual([undefined]);
    const both = world(
      service("reviews"),
      observing,
      SIDE_DOOR.replace("name: side-door", "name: side-door, namespace: shop"),
      policy("deny", "{ action: DENY, rules: [{}] }"),
    );
    const [set] = both.slice("mesh/*", REVIEWS)?.policySets ?? [];
    expect([set?.deny.length, set?.observe]).toEqual([1, undefined]);
  });

  it("and those that select the other registration hold as well", () => {
    const made = world(
      service("reviews"),
      SIDE_DOOR,
      policy("deny", "{ action: DENY, selector: { matchLabels: { app: harmless } }, rules: [{}] }"),
    );
    expect(made.slice("mesh/*", REVIEWS)?.policySets.map(({ deny }) => deny.length)).toEqual([1]);
  });

  it("of the root namespace hold for all, those of another namespace for none", () => {
    const made = world(
      service("reviews"),
      policy("mesh-wide", "{ action: DENY, rules: [{}] }", "istio-system"),
      policy("elsewhere", "{ action: DENY, rules: [{}] }", "shop"),
    );
    const names = made.slice("mesh/*", REVIEWS)?.policySets.flatMap(({ deny }) => deny.map(({ name }) => name));
    expect(names).toEqual(["istio-system/mesh-wide"]);
  });

  it("split a cluster whose endpoints differ in them", () => {
    const made = world(
      service("reviews", { versions: ["v1", "v2"] }),
      policy("v2", "{ selector: { matchLabels: { version: v2 } }, rules: [{}] }"),
    );
    const slice = made.slice("mesh/*", REVIEWS);
    const [cluster] = Object.values(slice?.clusters ?? {});
    expect(cluster?.endpoints.map(({ policySet }) => slice?.policySets[policySet]?.allow.length)).toEqual([0, 1]);
  });

  it.each([
    { name: "is permissive unless said", policies: [], mode: "PERMISSIVE" },
    {
      name: "is the mesh's",
      policies: [policy("m", "{ mtls: { mode: STRICT } }", "istio-system", "PeerAuthentication")],
      mode: "STRICT",
    },
    {
      name: "is the namespace's over the mesh's",
      policies: [
        policy("m", "{ mtls: { mode: STRICT } }", "istio-system", "PeerAuthentication"),
        policy("n", "{ mtls: { mode: PERMISSIVE } }", "default", "PeerAuthentication"),
      ],
      mode: "PERMISSIVE",
    },
    {
      name: "is the workload's over the namespace's, and its port's over that",
      policies: [
        policy("n", "{ mtls: { mode: PERMISSIVE } }", "default", "PeerAuthentication"),
        policy(
          "w",
          '{ selector: { matchLabels: { app: reviews } }, mtls: { mode: DISABLE }, portLevelMtls: { "80": { mode: STRICT } } }',
          "default",
          "PeerAuthentication",
        ),
      ],
      mode: "STRICT",
    },
    {
      name: "leaves out one with a selector in the root namespace",
      policies: [
        policy(
          "r",
          "{ selector: { matchLabels: { app: reviews } }, mtls: { mode: STRICT } }",
          "istio-system",
          "PeerAuthentication",
        ),
      ],
      mode: "PERMISSIVE",
    },
  ])("mTLS mode $name", ({ policies, mode }) => {
    const made = world(service("reviews"), ...policies);
    expect(made.slice("mesh/*", REVIEWS)?.policySets.map(({ mtls }) => mtls)).toEqual([mode]);
  });

  it("refuses path parameters where some policy restricts paths, and cuts them elsewhere", () => {
    const made = world(service("reviews"));
    expect(made.slice("mesh/*", REVIEWS)?.path.params).toBe("CUT");
    made.apply(policy("paths", '{ rules: [{ to: [{ operation: { paths: ["/a"] } }] }] }'));
    expect(made.slice("mesh/*", REVIEWS)?.path.params).toBe("REFUSE");
  });
});

describe("routes in the mesh", () => {
  it("are the default one without a VirtualService, one a port where there are several", () => {
    const made = world(
      service("reviews").replace("[{ name: http, port: 80 }]", "[{ name: http, port: 80 }, { name: admin, port: 81 }]"),
    );
    expect(made.slice("mesh/*", REVIEWS)?.routes.map(({ matches }) => matches)).toEqual([
      [{ port: 80 }],
      [{ port: 81 }],
    ]);
  });

  it("are those of the oldest VirtualService alone, and applying another is answered with a warning", () => {
    const made = world(
      service("reviews"),
      virtualService("first", `{ hosts: [reviews], http: [{ name: a, route: [${to("reviews")}] }] }`),
    );
    const findings = made.apply(
      virtualService("second", `{ hosts: [reviews], http: [{ name: b, route: [${to("reviews")}] }] }`),
    );
    expect(made.slice("mesh/*", REVIEWS)?.routes.map(({ name }) => name)).toEqual(["default/first/a"]);
    expect(findings.join()).toContain("the older VirtualService `default/first` routes it");
  });

  it("leave out blocks for other gateways, and a rule that has no other", () => {
    const made = world(
      service("reviews"),
      virtualService(
        "both",
        `{ hosts: [reviews], gateways: [mesh, front], http: [
          { name: outside, match: [{ gateways: [front] }], route: [${to("reviews")}] },
          { name: inside, match: [{ gateways: [mesh], uri: { prefix: /x } }, { gateways: [front] }], route: [${to("reviews")}] } ] }`,
      ),
    );
    expect(made.slice("mesh/*", REVIEWS)?.routes).toMatchObject([
      { name: "default/both/inside", matches: [{ uri: { kind: "prefix", value: "/x" } }] },
    ]);
  });

  it("point at a cluster without endpoints where service or subset is unknown, with a warning", () => {
    const made = world(service("reviews"));
    const findings = made.apply(
      virtualService(
        "v",
        `{ hosts: [reviews], http: [{ route: [${to("nobody")}], match: [{ uri: { exact: /a } }] }, { route: [${to("reviews", ", subset: v9")}] }] }`,
      ),
    );
    expect(findings).toHaveLength(2);
    const clusters = Object.values(made.slice("mesh/*", REVIEWS)?.clusters ?? {});
    expect(clusters.map(({ endpoints }) => endpoints.length)).toEqual([0, 0]);
  });

  it("differ for a namespace that alone sees a route or has a rule of its own", () => {
    const made = world(
      service("reviews"),
      virtualService(
        "mine",
        `{ hosts: [${REVIEWS}], exportTo: [.], http: [{ name: mine, route: [${to(REVIEWS)}] }] }`,
        "shop",
      ),
      destinationRule("mine", `{ host: ${REVIEWS}, trafficPolicy: { loadBalancer: { simple: RANDOM } } }`, "lab"),
    );
    expect(made.slice("mesh/*", REVIEWS)?.routes[0]?.name).toBe("default");
    expect(made.slice("mesh/shop", REVIEWS)?.routes[0]?.name).toBe("shop/mine/mine");
    expect(Object.values(made.slice("mesh/lab", REVIEWS)?.clusters ?? {})[0]?.loadBalancer).toBe("RANDOM");
    expect(made.slice("mesh/default", REVIEWS)).toBeNull();
  });

  it("keep the formats of header values, and turn presence into presence", () => {
    const made = world(
      service("reviews"),
      virtualService(
        "v",
        `{ hosts: [reviews], http: [{ match: [{ headers: { X-Beta: {} }, withoutHeaders: { x-old: { regex: "*" } } }],
          headers: { request: { set: { X-Rate: "10%%" } } }, route: [${to("reviews")}] }] }`,
      ),
    );
    expect(made.slice("mesh/*", REVIEWS)?.routes[0]).toMatchObject({
      matches: [
        {
          headers: [
            { name: "x-beta", match: { kind: "present" } },
            { name: "x-old", match: { kind: "present" }, invert: true },
          ],
        },
      ],
      request: { set: [["x-rate", "10%%"]] },
    });
  });
});

describe("destination rules", () => {
  it.each([
    { spec: "{}", made: "LEAST_REQUEST" },
    { spec: "{ simple: LEAST_CONN }", made: "LEAST_REQUEST" },
    { spec: "{ simple: RANDOM }", made: "RANDOM" },
    { spec: "{ consistentHash: {} }", made: { ring: 1024 } },
    { spec: "{ consistentHash: { useSourceIp: false } }", made: { ring: 1024 } },
    {
      spec: "{ consistentHash: { httpHeaderName: X-User, ringHash: { minimumRingSize: 2048 } } }",
      made: { ring: 2048, key: { kind: "header", name: "x-user" } },
    },
    {
      spec: "{ consistentHash: { useSourceIp: true, minimumRingSize: 8388608 } }",
      made: { ring: 1_048_576, key: { kind: "sourceIp" } },
    },
    {
      spec: "{ consistentHash: { httpQueryParameterName: User, maglev: { tableSize: 4999999 } } }",
      made: { maglev: 655_373, key: { kind: "query", name: "User" } },
    },
    {
      spec: "{ consistentHash: { httpCookie: { name: User }, maglev: { tableSize: 5 } } }",
      made: { maglev: 5, key: { kind: "cookie", name: "User" } },
    },
    {
      spec: "{ consistentHash: { httpCookie: { name: u, ttl: 90.5s, path: /a, attributes: [{ name: Secure }] } } }",
      made: {
        ring: 1024,
        key: { kind: "cookie", name: "u", create: { maxAgeSeconds: 90, path: "/a", attributes: [["Secure", ""]] } },
      },
    },
  ])("pick by $spec", ({ spec, made }) => {
    const of = world(
      service("reviews"),
      destinationRule("r", `{ host: reviews, trafficPolicy: { loadBalancer: ${spec} } }`),
    );
    expect(of.slice("mesh/*", REVIEWS)?.clusters[`outbound|80||${REVIEWS}`]?.loadBalancer).toEqual(made);
  });

  it("lay a subset's blocks over the destination's, and a port's over both", () => {
    const made = world(
      service("reviews", { versions: ["v1", "v2"] }),
      destinationRule(
        "reviews",
        `{ host: reviews,
          trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN }, connectionPool: { tcp: { maxConnections: 7 } } },
          subsets: [
            { name: v1, labels: { version: v1 }, trafficPolicy: { loadBalancer: { simple: RANDOM } } },
            { name: v2, labels: { version: v2 }, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, outlierDetection: {} }] } } ] }`,
      ),
      virtualService(
        "v",
        `{ hosts: [reviews], http: [{ route: [{ destination: { host: reviews, subset: v1 }, weight: 1 }, { destination: { host: reviews, subset: v2 }, weight: 1 }] }] }`,
      ),
    );
    const clusters = made.slice("mesh/*", REVIEWS)?.clusters ?? {};
    expect(clusters[`outbound|80|v1|${REVIEWS}`]).toMatchObject({
      loadBalancer: "RANDOM",
      pool: { maxConnections: 7 },
    });
    expect(clusters[`outbound|80|v1|${REVIEWS}`]?.endpoints).toHaveLength(1);
    expect(clusters[`outbound|80|v2|${REVIEWS}`]).toMatchObject({
      loadBalancer: "LEAST_REQUEST",
      pool: {},
      outlier: {
        consecutive5xx: 5,
        intervalMs: 10_000,
        baseEjectionMs: 30_000,
        maxEjectionPercent: 10,
        alwaysEjectOne: true,
      },
    });
  });

  it("say which failures count, apart or as answers", () => {
    const outlier = (fields: string) =>
      world(
        service("reviews", { versions: ["v1"] }),
        destinationRule("r", `{ host: reviews, trafficPolicy: { outlierDetection: ${fields} } }`),
      ).slice("mesh/*", REVIEWS)?.clusters[`outbound|80||${REVIEWS}`]?.outlier;
    expect(
      outlier("{ splitExternalLocalOriginErrors: true, outlierDetectionHttpErrorCodes: [429, 503] }"),
    ).toMatchObject({ consecutiveLocalOrigin: 5, errorStatuses: [429, 503] });
    expect(outlier("{ splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2 }")).toHaveProperty(
      "consecutiveLocalOrigin",
      2,
    );
    const usual = outlier("{ splitExternalLocalOriginErrors: false }");
    expect(usual).not.toHaveProperty("consecutiveLocalOrigin");
    expect(usual).not.toHaveProperty("errorStatuses");
  });

  it("for one host add up their subsets, and the first traffic policy stays", () => {
    const made = world(
      service("reviews", { versions: ["v1", "v2"] }),
      destinationRule(
        "a",
        "{ host: reviews, subsets: [{ name: v1, labels: { version: v1 } }], trafficPolicy: { loadBalancer: { simple: RANDOM } } }",
      ),
      destinationRule(
        "b",
        "{ host: reviews, subsets: [{ name: v2, labels: { version: v2 } }], trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }",
      ),
      virtualService("v", `{ hosts: [reviews], http: [{ route: [${to("reviews", ", subset: v2")}] }] }`),
    );
    expect(made.slice("mesh/*", REVIEWS)?.clusters[`outbound|80|v2|${REVIEWS}`]).toMatchObject({
      loadBalancer: "RANDOM",
      endpoints: [{ id: "binding:EP_DEFAULT_REVIEWS_V2" }],
    });
  });
});

describe("a Gateway", () => {
  const gateway = (servers: string, name = "front"): string => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name} }
spec: { selector: { istio: ${name} }, servers: [${servers}] }`;
  const HTTP = (hosts: string): string => `{ port: { number: 80, name: http, protocol: HTTP }, hosts: [${hosts}] }`;
  const hosts = (made: TestWorld, scope = "gw/default/front/80"): readonly string[] => [
    ...(made.compiler
      .scopes({ fronts: [], gateways: ["*"] })
      .get(scope)
      ?.keys() ?? []),
  ];

  it("exposes the narrower of its server's host and the route's, and what is not bound to it not at all", () => {
    const made = world(
      service("reviews"),
      gateway(HTTP('"*.example.com", exact.test')),
      virtualService(
        "a",
        `{ hosts: [a.example.com, "*"], gateways: [front], http: [{ route: [${to("reviews")}] }] }`.replace(
          ', "*"',
          "",
        ),
      ),
      virtualService("b", `{ hosts: ["*.test"], gateways: [front], http: [{ route: [${to("reviews")}] }] }`),
      virtualService("c", `{ hosts: [c.example.com], gateways: [other], http: [{ route: [${to("reviews")}] }] }`),
    );
    expect(hosts(made)).toEqual(["a.example.com", "exact.test"]);
  });

  it("joins the rules of a host, the oldest first, and puts those that match everything last", () => {
    const made = world(
      service("reviews"),
      gateway(HTTP("a.test")),
      virtualService("old", `{ hosts: [a.test], gateways: [front], http: [{ name: all, route: [${to("reviews")}] }] }`),
      virtualService(
        "new",
        `{ hosts: [a.test], gateways: [front], http: [{ name: x, match: [{ uri: { prefix: /x } }], route: [${to("reviews")}] }] }`,
      ),
    );
    expect(made.slice("gw/default/front/80", "a.test")?.routes.map(({ name }) => name)).toEqual([
      "default/new/x",
      "default/old/all",
    ]);
  });

  it("takes routes from the namespaces that its server names", () => {
    const made = world(
      service("reviews"),
      gateway(HTTP('"./a.test", "shop/b.test"')),
      virtualService(
        "a",
        `{ hosts: [a.test, b.test], gateways: [default/front], http: [{ route: [${to(REVIEWS)}] }] }`,
      ),
      virtualService(
        "b",
        `{ hosts: [a.test, b.test], gateways: [default/front], http: [{ name: b, route: [${to(REVIEWS)}] }] }`,
        "shop",
      ),
    );
    expect(hosts(made)).toEqual(["a.test", "b.test"]);
    expect(made.slice("gw/default/front/80", "a.test")?.routes[0]?.name).toBe("default/a/0");
    expect(made.slice("gw/default/front/80", "b.test")?.routes[0]?.name).toBe("shop/b/b");
  });

  it("redirects to https also where nothing is routed, and asks for certificates as its TLS mode says", () => {
    const made = world(
      service("reviews"),
      gateway(
        `{ port: { number: 80, name: http, protocol: HTTP }, hosts: [a.test], tls: { httpsRedirect: true } },
         { port: { number: 443, name: https, protocol: HTTPS }, hosts: [a.test], tls: { mode: MUTUAL, credentialName: a } }`,
      ),
      virtualService(
        "a",
        `{ hosts: [a.test], gateways: [front], http: [{ match: [{ port: 443 }], route: [${to("reviews")}] }] }`,
      ),
    );
    expect(made.slice("gw/default/front/80", "a.test")).toMatchObject({ front: { httpsRedirect: true }, routes: [] });
    expect(made.slice("gw/default/front/443", "a.test")).toMatchObject({ front: { clientCertificate: "required" } });
    expect(made.slice("gw/default/front/443", "a.test")?.routes).toHaveLength(1);
  });

  it("asks of a client's TLS what its server says, in the gateway's own words", () => {
    const hash = "AB:".repeat(31);
    const made = world(
      service("reviews"),
      gateway(
        `{ port: { number: 443, name: https, protocol: HTTPS }, hosts: [a.test], tls: { mode: OPTIONAL_MUTUAL, credentialName: a, caCertCredentialName: b,
           minProtocolVersion: TLSV1_2, maxProtocolVersion: TLS_AUTO, cipherSuites: [AES128-SHA, other], subjectAltNames: [c.test], verifyCertificateHash: ["${hash}AB"] } }`,
      ),
      virtualService("a", `{ hosts: [a.test], gateways: [front], http: [{ route: [${to("reviews")}] }] }`),
    );
    expect(made.slice("gw/default/front/443", "a.test")?.front).toMatchObject({
      clientCertificate: "optional",
      tls: {
        minVersion: "TLSv1.2",
        ciphers: ["AES128-SHA"],
        signedBy: "platform",
        names: ["c.test"],
        hashes: ["ab".repeat(32)],
      },
    });
  });

  it("tells how many proxies are trusted, where the MeshConfig says some are", () => {
    const made = world(
      service("reviews"),
      gateway(HTTP("a.test")),
      virtualService("a", `{ hosts: [a.test], gateways: [front], http: [{ route: [${to("reviews")}] }] }`),
    );
    expect(made.slice("gw/*", "a.test")?.front).not.toHaveProperty("trustedProxies");
    made.apply(RANGES.replace("spec:", "spec:\n  defaultConfig: { gatewayTopology: { numTrustedProxies: 2 } }"));
    expect(made.slice("gw/*", "a.test")?.front).toMatchObject({ trustedProxies: 2 });
  });

  it("is guarded by the policies that select its workload in the gateways' namespace", () => {
    const made = world(
      service("reviews"),
      gateway(HTTP("a.test")),
      virtualService("a", `{ hosts: [a.test], gateways: [front], http: [{ route: [${to("reviews")}] }] }`),
      policy("guard", "{ selector: { matchLabels: { istio: front } }, rules: [{}] }", "istio-system"),
    );
    const slice = made.slice("gw/*", "a.test");
    expect(slice?.policySets[slice.front?.policySet ?? -1]?.allow.map(({ name }) => name)).toEqual([
      "istio-system/guard",
    ]);
  });

  it("without a listener to tell is the oldest that exposes the host", () => {
    const made = world(
      service("reviews"),
      gateway(HTTP("a.test"), "old"),
      gateway(HTTP("a.test"), "new"),
      virtualService("a", `{ hosts: [a.test], gateways: [old, new], http: [{ route: [${to("reviews")}] }] }`),
    );
    expect(made.slice("gw/*", "a.test")?.front?.gateway).toBe("default/old");
  });
});

describe("request principals and other values of policies", () => {
  it.each([
    { written: "*", issuer: { kind: "nonempty" }, subject: { kind: "nonempty" } },
    { written: "https://i.test/*", issuer: { kind: "exact", value: "https://i.test" }, subject: { kind: "nonempty" } },
    { written: "*suffix", issuer: { kind: "nonempty" }, subject: { kind: "suffix", value: "suffix" } },
    { written: "prefix*", issuer: { kind: "prefix", value: "prefix" }, subject: { kind: "nonempty" } },
    { written: "a/b/c", issuer: { kind: "exact", value: "a/b" }, subject: { kind: "exact", value: "c" } },
  ])("`$written` is split at the last slash", ({ written, issuer, subject }) => {
    const made = world(
      service("reviews"),
      policy("p", `{ rules: [{ from: [{ source: { requestPrincipals: ["${written}"] } }] }] }`),
    );
    const [set] = made.slice("mesh/*", REVIEWS)?.policySets ?? [];
    expect(set?.allow[0]?.rules[0]?.from?.[0]?.requestPrincipals).toEqual([{ issuer, subject }]);
  });

  it("read `*` as there and not empty, and tell templates from plain paths", () => {
    const made = world(
      service("reviews"),
      policy(
        "p",
        `{ rules: [{ from: [{ source: { principals: ["*"] } }], to: [{ operation: { paths: ["/a/{*}", "/b*"], hosts: ["A.Test"] } }],
          when: [{ key: "request.headers[X-A]", values: ["*"] }] }] }`,
      ),
    );
    const [set] = made.slice("mesh/*", REVIEWS)?.policySets ?? [];
    expect(set?.allow[0]?.rules[0]).toEqual({
      from: [{ principals: [{ kind: "nonempty" }] }],
      to: [
        {
          hosts: [{ kind: "exact", value: "a.test" }],
          paths: [
            { kind: "template", value: "/a/{*}" },
            { kind: "prefix", value: "/b" },
          ],
        },
      ],
      when: [{ key: { kind: "header", name: "x-a" }, values: [{ kind: "nonempty" }] }],
    });
  });

  it("compare the header Host without case, as hosts", () => {
    const match = (value: string) => `{ headers: { Host: ${value} } }`;
    const made = world(
      service("reviews"),
      policy(
        "p",
        `{ rules: [{ when: [{ key: "request.headers[Host]", values: ["A.Test*"], notValues: ["B.Test"] }] }] }`,
      ),
      virtualService(
        "v",
        `{ hosts: [reviews], http: [{ match: [${match("{ exact: A.Test }")}, ${match("{ regex: A.* }")}, ${match("{}")}], route: [${to("reviews")}] }] }`,
      ),
    );
    const slice = made.slice("mesh/*", REVIEWS);
    expect(slice?.policySets[0]?.allow[0]?.rules[0]?.when).toEqual([
      {
        key: { kind: "header", name: "host" },
        values: [{ kind: "prefix", value: "a.test" }],
        notValues: [{ kind: "exact", value: "b.test" }],
      },
    ]);
    expect(slice?.routes[0]?.matches.flatMap(({ headers = [] }) => headers.map((header) => header.match))).toEqual([
      { kind: "exact", value: "a.test" },
      { kind: "regex", value: "(?i)A.*" },
      { kind: "present" },
    ]);
  });

  it("refuse a key set at a host that is not on the egress list", () => {
    const rule = (uri: string) =>
      policy("jwt", `{ jwtRules: [{ issuer: i, jwksUri: "${uri}" }] }`, "default", "RequestAuthentication");
    expect(world(RANGES).apply(rule("https://evil.example/jwks")).join()).toContain("error RequestAuthentication/jwt");
    expect(world(RANGES).apply(rule("https://api.example.com/jwks"))).toEqual([]);
  });

  it("ask an issuer that is on the egress list for its keys, and say where these may be", () => {
    const rule = (issuer: string) =>
      policy("jwt", `{ jwtRules: [{ issuer: "${issuer}", timeout: 2s }] }`, "default", "RequestAuthentication");
    expect(world(RANGES).apply(rule("https://evil.example")).join()).toContain("error RequestAuthentication/jwt");
    const issuer = "https://api.example.com/realm/";
    const made = world(RANGES, service("reviews"), rule(issuer));
    expect(made.slice("mesh/*", REVIEWS)?.policySets[0]?.jwt[0]?.keys).toEqual({
      kind: "discovery",
      uri: "https://api.example.com/realm/.well-known/openid-configuration",
      issuer,
      hosts: ["*.vendor.example", "api.example.com"],
      timeoutMs: 2_000,
    });
  });

  it.each(["https://api.example.com", "jwksUri"])(
    "let a rule (%s) verify nothing any more once its issuer's host is off the egress list",
    (kind) => {
      const keys = kind === "jwksUri" ? "issuer: i, jwksUri: https://api.example.com/jwks" : `issuer: "${kind}"`;
      const rule = policy("jwt", `{ jwtRules: [{ ${keys} }] }`, "default", "RequestAuthentication");
      const made = world(RANGES, service("reviews"), rule);
      made.apply(RANGES.replace("api.example.com", "other.example.com"));
      expect(made.slice("mesh/*", REVIEWS)?.policySets[0]?.jwt[0]?.keys).toEqual({
        kind: "inline",
        jwks: '{"keys":[]}',
      });
    },
  );

  it("know which rules ask for a token, and let one verify nothing whose keys are nowhere", () => {
    const rules = "[{ issuer: i }, { issuer: i, presence: REQUIRED }, { issuer: i, presence: OPTIONAL }]";
    const made = world(service("reviews"), policy("jwt", `{ jwtRules: ${rules} }`, "default", "RequestAuthentication"));
    const jwt = made.slice("mesh/*", REVIEWS)?.policySets[0]?.jwt ?? [];
    expect(jwt.map(({ required }) => required)).toEqual([undefined, true, undefined]);
    expect(jwt[0]?.keys).toEqual({ kind: "inline", jwks: '{"keys":[]}' });
  });
});

it("parameters of paths are refused where policies restrict paths, or as the mesh's settings say of the host", () => {
  const made = world(
    service("reviews"),
    service("open"),
    policy("p", "{ selector: { matchLabels: { app: reviews } }, rules: [{ to: [{ operation: { paths: [/a] } }] }] }"),
  );
  const params = (name: string) => made.slice("mesh/*", `${name}.default.svc.cluster.local`)?.path.params;
  expect([params("reviews"), params("open")]).toEqual(["REFUSE", "CUT"]);
  const settings = (spec: string) =>
    made.apply(
      `{apiVersion: tulle.dev/v1alpha1, kind: MeshConfig, metadata: {name: default, namespace: istio-system}, spec: {pathParameters: ${spec}}}`,
    );
  settings("{default: CUT}");
  expect([params("reviews"), params("open")]).toEqual(["CUT", "CUT"]);
  settings(
    "{hosts: [{host: '*.default.svc.cluster.local', mode: REFUSE}, {host: Reviews.default.svc.cluster.local, mode: CUT}]}",
  );
  expect([params("reviews"), params("open")]).toEqual(["CUT", "REFUSE"]);
  settings("{default: REFUSE}");
  expect([params("reviews"), params("open")]).toEqual(["REFUSE", "REFUSE"]);
});

it("the mesh's settings stand in one namespace, and keep the deployment's trust domain", () => {
  const made = new TestWorld();
  expect(made.apply(RANGES.replace("istio-system", "shop")).join()).toContain(
    "error MeshConfig/default metadata.namespace",
  );
  expect(made.apply(RANGES.replace("privateRanges", "trustDomain: other.test\n  privateRanges")).join()).toContain(
    "error MeshConfig/default spec.trustDomain",
  );
});
