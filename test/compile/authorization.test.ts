import { describe, expect, it } from "vitest";
import type { AuthorizationPolicyModel, Slice } from "../../src/snapshot/model.ts";
import { service, TestWorld } from "./world.ts";

const HOST = "reviews.default.svc.cluster.local";

function world(...documents: readonly string[]): TestWorld {
  const made = new TestWorld();
  made.apply(documents.join("\n---\n"));
  return made;
}

function policy(spec: string, namespace = "default"): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p, namespace: ${namespace} }
spec: ${spec}`;
}

function mesh(spec: string): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: ${spec}`;
}

/** What guards the only endpoint of the service. */
function guards(made: TestWorld, host = HOST): Slice["policySets"][number] | undefined {
  return made.slice("mesh/*", host)?.policySets[0];
}

const rulesOf = (policies: readonly AuthorizationPolicyModel[] | undefined) => policies?.flatMap(({ rules }) => rules);

describe("ports of policies", () => {
  // The workload listens at 8080, behind port 80 of its service.
  const ENTRY = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: e }
spec:
  hosts: [e.test]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [{ address: "binding:EP_E", labels: { app: e } }]`;
  const rulesAt8080 = (action: string, rule: string) => {
    const set = guards(world(ENTRY, policy(`{ action: ${action}, rules: [${rule}] }`)), "e.test");
    return rulesOf(action === "ALLOW" ? set?.allow : set?.deny);
  };
  const to = (...operations: readonly string[]) =>
    `{ to: [${operations.map((operation) => `{ operation: { ${operation} } }`).join(", ")}] }`;
  const GET = { methods: [{ kind: "exact", value: "GET" }] };

  it.each([
    { name: "the workload's port", rule: to('ports: ["8080"]'), left: [{}] },
    { name: "the service's port", rule: to('ports: ["80"]'), left: [] },
    { name: "one of several", rule: to('ports: ["1", "8080"]'), left: [{}] },
    { name: "all but the workload's port", rule: to('notPorts: ["8080"]'), left: [] },
    { name: "all but another port", rule: to('notPorts: ["80"]'), left: [{}] },
    { name: "a port and a method", rule: to('ports: ["8080"], methods: [GET]'), left: [{ to: [GET] }] },
    { name: "another port and a method", rule: to('ports: ["1"], methods: [GET]'), left: [] },
    {
      name: "operations of which one names another port",
      rule: to('ports: ["1"], methods: [PUT]', "methods: [GET]"),
      left: [{ to: [GET] }],
    },
    {
      name: "an operation of the port alone beside others",
      rule: to('ports: ["8080"]', "methods: [GET]"),
      left: [{}],
    },
    { name: "a condition", rule: '{ when: [{ key: destination.port, values: ["8080"] }] }', left: [{}] },
    { name: "a condition on another", rule: '{ when: [{ key: destination.port, values: ["80"] }] }', left: [] },
    { name: "a condition against it", rule: '{ when: [{ key: destination.port, notValues: ["8080"] }] }', left: [] },
  ])("$name", ({ rule, left }) => {
    expect(rulesAt8080("ALLOW", rule)).toEqual(left);
    expect(rulesAt8080("DENY", rule)).toEqual(left);
  });

  it("of a slice are those that its Service declares, wherever the endpoint listens", () => {
    const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { ports: [{ name: http, port: 80, targetPort: 8080 }, { name: named, port: 81, targetPort: admin }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: reviews-1, labels: { kubernetes.io/service-name: reviews } }
addressType: IPv4
ports: [{ name: http, port: 31000 }, { name: named, port: 31001 }]
endpoints: [{ addresses: [10.0.0.7] }]`;
    const RANGES = mesh('{ privateRanges: [{ range: 10.0.0.0/8, namespaces: ["*"] }] }');
    const made = world(
      RANGES,
      SERVICE,
      policy(`{ action: DENY, rules: [${to('ports: ["8080"]')}, ${to('ports: ["31001"]')}] }`),
    );
    const slice = made.slice("mesh/*", HOST);
    const denied = Object.values(slice?.clusters ?? {}).map(({ port, endpoints: [endpoint] }) => [
      port,
      rulesOf(slice?.policySets[endpoint?.policySet ?? -1]?.deny),
    ]);
    expect(denied).toEqual([
      [80, [{}]],
      // Its number among those that its author wrote goes with it.
      [81, [{ at: 1 }]],
    ]);
  });

  it("that two services declare differently deny by either, and allow by none alone", () => {
    const slice = (name: string, target: number) => `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { ports: [{ name: http, port: 80, targetPort: ${target} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: http, port: 31000 }]
endpoints: [{ addresses: [10.0.0.7] }]`;
    const RANGES = mesh('{ privateRanges: [{ range: 10.0.0.0/8, namespaces: ["*"] }] }');
    const rulesBoth = (action: string) => {
      const rule = policy(`{ action: ${action}, rules: [${to('ports: ["8080"]')}] }`);
      const made = world(RANGES, slice("reviews", 8080), slice("side", 9090), rule);
      const sets = [HOST, "side.default.svc.cluster.local"].map((host) => guards(made, host));
      return sets.map((set) => rulesOf(action === "DENY" ? set?.deny : set?.allow));
    };
    expect(rulesBoth("DENY")).toEqual([[{}], [{}]]);
    expect(rulesBoth("ALLOW")).toEqual([[], []]);
  });
});

describe("names of the mesh's trust domain", () => {
  const ALIASES = mesh("{ trustDomainAliases: [old-td, older-td] }");
  const sourceOf = (fields: string, ...more: readonly string[]) =>
    rulesOf(
      guards(world(service("reviews"), policy(`{ rules: [{ from: [{ source: { ${fields} } }] }] }`), ...more))?.allow,
    )?.[0]?.from?.[0];
  const texts = (matches: readonly unknown[] | undefined) =>
    matches?.map((match) => {
      const { kind, value = "" } = match as { kind: string; value?: string };
      return { exact: value, prefix: `${value}*`, suffix: `*${value}`, nonempty: "*" }[kind];
    });

  it.each([
    { written: "old-td/ns/a/sa/b", means: ["old-td/ns/a/sa/b", "cluster.local/ns/a/sa/b"] },
    { written: "cluster.local/ns/a/sa/b", means: ["cluster.local/ns/a/sa/b"] },
    { written: "other-td/ns/a/sa/b", means: ["other-td/ns/a/sa/b"] },
    { written: "old-td/*", means: ["old-td/*", "cluster.local/*"] },
    { written: "old-*", means: ["old-*", "cluster.local/*"] },
    { written: "old-td/ns/a/*", means: ["old-td/ns/a/*", "cluster.local/ns/a/*"] },
    { written: "*/ns/a/sa/b", means: ["*/ns/a/sa/b"] },
    { written: "*-td/ns/a/sa/b", means: ["*-td/ns/a/sa/b", "cluster.local/ns/a/sa/b"] },
    { written: "*", means: ["*"] },
  ])("`$written` means $means", ({ written, means }) => {
    expect(texts(sourceOf(`principals: ["${written}"]`, ALIASES)?.principals)).toEqual(means);
    expect(texts(sourceOf(`notPrincipals: ["${written}"]`, ALIASES)?.notPrincipals)).toEqual(means);
  });

  it.each([
    { written: "old-td", means: ["old-td", "cluster.local"] },
    { written: "*-td", means: ["*-td", "cluster.local"] },
    { written: "old*", means: ["old*", "cluster.local"] },
    { written: "other-td", means: ["other-td"] },
    { written: "cluster.local", means: ["cluster.local"] },
    { written: "*", means: ["*"] },
  ])("the domain `$written` means $means", ({ written, means }) => {
    expect(texts(sourceOf(`trustDomains: ["${written}"]`, ALIASES)?.trustDomains)).toEqual(means);
    expect(texts(sourceOf(`notTrustDomains: ["${written}"]`, ALIASES)?.notTrustDomains)).toEqual(means);
  });

  it("leaves values alone where there are no aliases", () => {
    expect(texts(sourceOf('principals: ["old-td/*", "a/ns/b/sa/c"]')?.principals)).toEqual(["old-td/*", "a/ns/b/sa/c"]);
  });

  it("reads `cluster.local` as the mesh's own, whatever that is", () => {
    const made = new TestWorld("mesh.example");
    made.apply(
      [
        service("reviews"),
        policy('{ rules: [{ from: [{ source: { principals: ["cluster.local/ns/a/sa/b"] } }] }] }'),
      ].join("\n---\n"),
    );
    expect(texts(rulesOf(guards(made)?.allow)?.[0]?.from?.[0]?.principals)).toEqual([
      "cluster.local/ns/a/sa/b",
      "mesh.example/ns/a/sa/b",
    ]);
  });

  it("refuses an alias that is there twice, and one that is the domain itself", () => {
    expect(() => world(mesh("{ trustDomainAliases: [a, a] }"))).toThrow("twice");
    expect(() => world(mesh("{ trustDomain: cluster.local, trustDomainAliases: [cluster.local] }"))).toThrow("twice");
  });
});

it("a service account without namespace is one of the policy's own, also of a policy of the root namespace", () => {
  const spec =
    "{ rules: [{ from: [{ source: { serviceAccounts: [sa, other/sa] } }], when: [{ key: source.serviceAccount, values: [sa] }] }] }";
  for (const namespace of ["default", "istio-system"])
    expect(rulesOf(guards(world(service("reviews"), policy(spec, namespace)))?.allow)).toEqual([
      {
        from: [{ serviceAccounts: [`${namespace}/sa`, "other/sa"] }],
        when: [{ key: { kind: "source.serviceAccount" }, values: [{ kind: "exact", value: `${namespace}/sa` }] }],
      },
    ]);
});

describe("MeshConfig.defaultDeny", () => {
  it("stands beside every ALLOW as one that allows nothing", () => {
    const names = (...more: readonly string[]) =>
      guards(world(service("reviews"), ...more))?.allow.map(({ name }) => name);
    expect(names()).toEqual([]);
    expect(names(mesh("{ defaultDeny: false }"))).toEqual([]);
    expect(names(mesh("{ defaultDeny: true }"))).toEqual(["MeshConfig.defaultDeny"]);
    expect(names(mesh("{ defaultDeny: true }"), policy("{ rules: [{}] }"))).toEqual([
      "MeshConfig.defaultDeny",
      "default/p",
    ]);
  });
});
