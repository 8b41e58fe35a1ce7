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
  it.each([
    "resolution: DNS, ",
    "resolution: DNS_ROUND_ROBIN, ",
    "resolution: NONE, ",
    "",
    "resolution: DYNAMIC_DNS, ",
  ])("with a host of one name (%s) is at the origin of that name", (resolution) => {
    const made = world(entry("a", `{ hosts: [API.example.com], ${resolution}${PORTS} }`));
    expect(endpoints(made, "api.example.com")).toMatchObject([
      { id: "https://api.example.com", address: { kind: "origin", origin: "https://api.example.com" } },
    ]);
  });

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
