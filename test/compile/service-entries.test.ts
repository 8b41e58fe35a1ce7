import { describe, expect, it } from "vitest";
import { TestWorld } from "./world.ts";

const SETTINGS = `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  egress: { allowedHosts: [api.example.com, "*.vendor.example", "*.eu.other.example", www.other.example] }
  privateRanges: [{ range: 10.0.0.0/8, namespaces: ["*"] }]`;

function entry(name: string, spec: string, namespace = "default", kind = "ServiceEntry"): string {
  return `
apiVersion: networking.istio.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

const PORTS = "ports: [{ number: 80, name: http, protocol: HTTP }]";

function world(...documents: readonly string[]): TestWorld {
  const made = new TestWorld();
  made.apply([SETTINGS, ...documents].join("\n---\n"));
  return made;
}

function endpoints(made: TestWorld, host: string, scope = "mesh/*") {
  return Object.values(made.slice(scope, host)?.clusters ?? {}).flatMap((cluster) => cluster.endpoints);
}

describe("a ServiceEntry without endpoints", () => {
  it.each(["resolution: DNS, ", "resolution: DNS_ROUND_ROBIN, ", "resolution: NONE, ", ""])(
    "with a host of one name (%s) is at the origin of that name",
    (resolution) => {
      const made = world(entry("a", `{ hosts: [API.example.com], ${resolution}${PORTS} }`));
      expect(endpoints(made, "api.example.com")).toMatchObject([
        { id: "https://api.example.com", address: { kind: "origin", origin: "https://api.example.com" } },
      ]);
    },
  );

  it.each(["resolution: NONE, ", "resolution: DYNAMIC_DNS, "])(
    "with a wildcard (%s) goes to the hosts under it that are on the egress list",
    (resolution) => {
      const made = world(entry("a", `{ hosts: ["*.other.example"], ${resolution}${PORTS} }`));
      expect(endpoints(made, "*.other.example")).toMatchObject([
        {
          id: "dynamic:*.other.example",
          address: { kind: "dynamic", hosts: ["*.eu.other.example", "www.other.example"], except: [] },
        },
      ]);
    },
  );

  it("is a route's destination by its wildcard", () => {
    const made = world(
      entry("a", `{ hosts: ["*.other.example"], resolution: DYNAMIC_DNS, ${PORTS} }`),
      `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v, namespace: default }
spec: { hosts: [www.other.example], http: [{ route: [{ destination: { host: "*.other.example" } }] }] }`,
    );
    expect(endpoints(made, "www.other.example")).toMatchObject([{ id: "dynamic:*.other.example" }]);
    expect([...made.verdicts.values()].flat()).toEqual([]);
  });

  it("takes no narrower host than its own where the egress list is wider", () => {
    const made = world(entry("a", `{ hosts: ["*.eu.vendor.example"], ${PORTS} }`));
    expect(endpoints(made, "*.eu.vendor.example")).toMatchObject([{ address: { hosts: ["*.eu.vendor.example"] } }]);
  });

  it("leads to no host that is another entry's endpoint, and to none under a narrower wildcard", () => {
    const made = world(
      entry("wide", `{ hosts: ["*.vendor.example"], ${PORTS} }`),
      entry("narrow", `{ hosts: ["*.eu.vendor.example"], ${PORTS} }`),
      entry("named", `{ hosts: [pay.vendor.example], resolution: DNS, exportTo: ["~"], ${PORTS} }`, "bank"),
      entry(
        "inline",
        `{ hosts: [a.b], resolution: DNS, ${PORTS}, endpoints: [{ address: "https://x.vendor.example" }] }`,
      ),
    );
    expect(endpoints(made, "*.vendor.example")).toMatchObject([
      { address: { except: ["*.eu.vendor.example", "pay.vendor.example", "x.vendor.example"] } },
    ]);
    made.delete("ServiceEntry", "named", "bank");
    expect(endpoints(made, "*.vendor.example")).toMatchObject([
      { address: { except: ["*.eu.vendor.example", "x.vendor.example"] } },
    ]);
  });

  it("is guarded by the policies of its namespace, and belongs to the namespace that had it first", () => {
    const deny = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny, namespace: default }
spec: { action: DENY, rules: [{}] }`;
    const made = world(entry("a", `{ hosts: ["*.vendor.example"], ${PORTS} }`), deny);
    const slice = made.slice("mesh/*", "*.vendor.example");
    const [of] = endpoints(made, "*.vendor.example");
    expect(slice?.policySets[of?.policySet ?? -1]?.deny).toMatchObject([{ name: "default/deny" }]);
    const findings = made.apply(entry("b", `{ hosts: ["*.vendor.example"], ${PORTS} }`, "shop"));
    expect(findings.join()).toContain("error ServiceEntry/b spec.hosts[0]");
    expect(findings.join()).toContain("belongs to namespace `default`");
  });

  it.each([
    { host: "evil.example", wants: "egress.allowedHosts" },
    { host: "*.evil.example", wants: "egress.allowedHosts" },
    { host: "*.example", wants: null },
  ])("at $host is told where none of its hosts may be called", ({ host, wants }) => {
    const findings = world()
      .apply(entry("a", `{ hosts: ["${host}"], ${PORTS} }`))
      .join();
    if (wants === null) expect(findings).toBe("");
    else expect(findings).toContain(wants);
  });

  it("has no endpoint any more when the egress list lets none be called", () => {
    const made = world(entry("a", `{ hosts: ["*.vendor.example"], ${PORTS} }`));
    made.apply(SETTINGS.replace('"*.vendor.example", ', ""));
    expect(endpoints(made, "*.vendor.example")).toEqual([]);
  });
});

describe("a ServiceEntry", () => {
  it("that is exported to nobody is seen by no namespace", () => {
    const made = world(entry("a", `{ hosts: [api.example.com], resolution: DNS, exportTo: ["~"], ${PORTS} }`));
    const listed = Object.keys(made.everything()).filter((place) => place.endsWith(" api.example.com"));
    expect(listed).toEqual([]);
  });

  it("labels its endpoints with their network and locality, which subsets can pick", () => {
    const rule = `{ host: db.test, subsets: [{ name: east, labels: { topology.istio.io/network: east } }, { name: eu, labels: { topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: a, topology.istio.io/subzone: "1" } }] }`;
    const route = `{ hosts: [db.test], http: [{ route: [{ destination: { host: db.test, subset: east }, weight: 50 }, { destination: { host: db.test, subset: eu }, weight: 50 }] }] }`;
    const made = world(
      entry("a", `{ hosts: [db.test], resolution: STATIC, ${PORTS}, workloadSelector: { labels: { app: db } } }`),
      entry("one", "{ address: 10.0.0.1, labels: { app: db }, network: east }", "default", "WorkloadEntry"),
      entry("two", "{ address: 10.0.0.2, labels: { app: db }, locality: eu/a/1 }", "default", "WorkloadEntry"),
      entry("b", rule, "default", "DestinationRule"),
      entry("c", route, "default", "VirtualService"),
    );
    const { clusters = {} } = made.slice("mesh/*", "db.test") ?? {};
    const ids = Object.entries(clusters).map(([id, cluster]) => [id, cluster.endpoints.map((endpoint) => endpoint.id)]);
    expect(Object.fromEntries(ids)).toEqual({
      "outbound|80|east|db.test": ["10.0.0.1:80"],
      "outbound|80|eu|db.test": ["10.0.0.2:80"],
    });
  });
});

describe("a workload that registered", () => {
  const group = (probe: string, namespace = "default") =>
    entry("vms", `{ template: {}${probe} }`, namespace, "WorkloadGroup");
  const registered = (address: string) =>
    entry("one", `{ address: "${address}", labels: { app: db } }`, "default", "WorkloadEntry").replace(
      "name: one,",
      "name: one, annotations: { istio.io/autoRegistrationGroup: vms },",
    );
  const service = entry(
    "a",
    `{ hosts: [db.test], resolution: STATIC, ${PORTS}, workloadSelector: { labels: { app: db } } }`,
  );
  const probeAt = (address: string, probe: string) =>
    endpoints(world(group(`, probe: { ${probe} }`), registered(address), service), "db.test")[0]?.probe;

  it("is probed as its group says, with Kubernetes' defaults", () => {
    expect(probeAt("10.0.0.1", "httpGet: { port: 8080 }")).toEqual({
      address: { kind: "private", authority: "10.0.0.1:8080" },
      authority: "10.0.0.1:8080",
      get: { path: "/", headers: [] },
      settings: { initialDelayMs: 0, timeoutMs: 1_000, periodMs: 10_000, successThreshold: 1, failureThreshold: 3 },
    });
  });

  it("is probed over TLS, at another place, with headers and numbers of its own", () => {
    const probe = `initialDelaySeconds: 5, timeoutSeconds: 2, periodSeconds: 3, successThreshold: 4, failureThreshold: 6,
      httpGet: { port: 8443, host: 10.0.0.9, scheme: HTTPS, path: "/up?deep=1", httpHeaders: [{ name: X-Probe, value: "1" }] }`;
    expect(probeAt("10.0.0.1", probe)).toEqual({
      address: { kind: "private", authority: "10.0.0.9:8443", tls: true },
      authority: "10.0.0.9:8443",
      get: { path: "/up?deep=1", headers: [["x-probe", "1"]] },
      settings: { initialDelayMs: 5_000, timeoutMs: 2_000, periodMs: 3_000, successThreshold: 4, failureThreshold: 6 },
    });
  });

  it("behind a service binding is probed through it", () => {
    expect(probeAt("binding:EP_DB", "httpGet: { port: 80, path: /up }")).toMatchObject({
      address: { kind: "binding", name: "EP_DB" },
      get: { path: "/up" },
    });
  });

  it("is probed by a TCP connection to its own port, or to another place", () => {
    const settings = {
      initialDelayMs: 0,
      timeoutMs: 1_000,
      periodMs: 10_000,
      successThreshold: 1,
      failureThreshold: 3,
    };
    const at = (authority: string) => ({ address: { kind: "private", authority }, authority, settings });
    expect(probeAt("10.0.0.1", "tcpSocket: { port: 5432 }")).toEqual(at("10.0.0.1:5432"));
    expect(probeAt("10.0.0.1", "tcpSocket: { port: 22, host: 10.0.0.9 }")).toEqual(at("10.0.0.9:22"));
  });

  it("behind a service binding is probed by no TCP connection: there is no port, and a warning says so", () => {
    const made = world(group(", probe: { tcpSocket: { port: 80 } }"), service);
    expect(made.apply(registered("binding:EP_DB")).join()).toContain(
      "WorkloadEntry/one spec.address: its WorkloadGroup's probe",
    );
    expect(endpoints(made, "db.test")[0]).not.toHaveProperty("probe");
    expect(probeAt("binding:EP_DB", "tcpSocket: { port: 80, host: 10.0.0.9 }")).toMatchObject({
      authority: "10.0.0.9:80",
    });
  });

  it("is asked by gRPC's health check at its own port, for one service or the whole server", () => {
    const to = { address: { kind: "private", authority: "10.0.0.1:50051" }, authority: "10.0.0.1:50051" };
    const asked = probeAt("10.0.0.1", "grpc: { port: 50051, service: shop.Cart }");
    expect(asked).toMatchObject({ ...to, grpc: { service: "shop.Cart" } });
    expect(asked).not.toHaveProperty("get");
    expect(probeAt("10.0.0.1", "grpc: { port: 50051 }")).toMatchObject({ ...to, grpc: { service: "" } });
  });

  it.each([
    { what: "a service binding", address: "binding:EP_DB", labels: "" },
    { what: "a public origin", address: "https://api.example.com", labels: "" },
    { what: "an agent", address: "10.0.0.1", labels: ", security.istio.io/tlsMode: istio" },
  ])(
    "behind $what is not asked by gRPC, which needs HTTP/2 without TLS, and a warning says so",
    ({ address, labels }) => {
      const made = world(group(", probe: { grpc: { port: 80 } }"), service);
      const entryAt = registered(address).replace(
        /labels: \{([^}]*)\}/,
        (_, own: string) => `labels: {${own}${labels} }`,
      );
      expect(made.apply(entryAt).join()).toContain("WorkloadEntry/one spec.address: its WorkloadGroup's probe, `grpc`");
      expect(endpoints(made, "db.test")[0]).not.toHaveProperty("probe");
    },
  );

  it("is not probed where its group says nothing of it, nor as a group of another namespace says", () => {
    expect(endpoints(world(group(""), registered("10.0.0.1"), service), "db.test")).toMatchObject([
      { id: "10.0.0.1:80" },
    ]);
    const foreign = world(group(", probe: { httpGet: { port: 80 } }", "shop"), registered("10.0.0.1"), service);
    expect(endpoints(foreign, "db.test")[0]).not.toHaveProperty("probe");
  });

  const PLACES = ["192.168.0.1", "169.254.169.254", "metadata.google.internal", "db.test"];
  it.each(PLACES.flatMap((host) => [[host, "httpGet"] as const, [host, "tcpSocket"] as const]))(
    "is not probed at %s by %s, which no endpoint of the namespace may have",
    (host, way) => {
      const made = world();
      const findings = made.apply(group(`, probe: { ${way}: { port: 80, host: "${host}" } }`));
      expect(findings.join()).toContain(`error WorkloadGroup/vms spec.probe.${way}.host`);
      made.apply([registered("10.0.0.1"), service].join("\n---\n"));
      expect(endpoints(made, "db.test")[0]).not.toHaveProperty("probe");
    },
  );

  it("is not probed where another namespace's endpoint stands: the probe would pass its policies by", () => {
    const theirs = entry("theirs", "{ address: 10.0.0.9, ports: { http: 8080 } }", "shop", "WorkloadEntry");
    const made = world(theirs);
    const probe = ", probe: { httpGet: { port: 8080, host: 10.0.0.9 } }";
    expect(made.apply(group(probe)).join()).toContain("error WorkloadGroup/vms spec.probe.httpGet.host");
    expect(made.apply(group(probe.replace("8080", "8081")))).toEqual([]);
    const samePlace = world(
      entry("theirs", "{ address: 10.0.0.1, ports: { http: 9000 } }", "shop", "WorkloadEntry"),
      group(", probe: { httpGet: { port: 9000 } }"),
      registered("10.0.0.1").replace("labels:", "ports: { http: 80 }, labels:"),
      service,
    );
    expect(endpoints(samePlace, "db.test")[0]).toMatchObject({ id: "10.0.0.1:80" });
    expect(endpoints(samePlace, "db.test")[0]).not.toHaveProperty("probe");
  });
});

describe("the names of an endpoint in metrics", () => {
  it.each([
    { labels: "", names: { app: "a", version: "latest" } },
    { labels: "app: shop, version: v2", names: { app: "shop", version: "v2" } },
    {
      labels: "app: shop, app.kubernetes.io/name: store, app.kubernetes.io/version: v3, version: v2",
      names: { app: "shop", version: "v2", canonicalService: "store", canonicalRevision: "v3" },
    },
    { labels: "app.kubernetes.io/name: store", names: { app: "store", version: "latest" } },
    {
      labels: "service.istio.io/canonical-name: mart, service.istio.io/canonical-revision: r1",
      names: { app: "mart", version: "r1" },
    },
    {
      labels: "app: shop, service.istio.io/canonical-name: mart",
      names: { app: "shop", version: "latest", canonicalService: "mart" },
    },
    {
      labels: "app.kubernetes.io/name: store, service.istio.io/canonical-name: mart",
      names: { app: "store", version: "latest", canonicalService: "mart" },
    },
  ])("by the labels `$labels`", ({ labels, names }) => {
    const spec = `{ hosts: [a.shop], location: MESH_INTERNAL, resolution: STATIC, ${PORTS}, endpoints: [{ address: 10.0.0.7, labels: { ${labels} } }] }`;
    const [endpoint] = endpoints(world(entry("a", spec)), "a.shop");
    const { name: _, namespace: __, principal: ___, ...found } = endpoint?.workload ?? {};
    expect(found).toEqual(names);
  });
});
