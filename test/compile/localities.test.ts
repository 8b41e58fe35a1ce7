import { describe, expect, it } from "vitest";
import type { Cluster } from "../../src/snapshot/model.ts";
import { service, TestWorld } from "./world.ts";

const REVIEWS = "reviews.default.svc.cluster.local";

function object(
  kind: string,
  name: string,
  spec: string,
  version = "networking.istio.io/v1",
  namespace = "default",
): string {
  return `
---
apiVersion: ${version}
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

const entry = (name: string, more: string) =>
  object("WorkloadEntry", name, `{ address: "binding:EP_${name.toUpperCase()}", ${more} }`);
const rule = (policy: string) => object("DestinationRule", "r", `{ host: reviews, trafficPolicy: { ${policy} } }`);
const meshConfig = (spec: string) => object("MeshConfig", "default", spec, "tulle.dev/v1alpha1", "istio-system");

const SERVICE = service("reviews", { versions: [] });
const EU = entry("eu", "labels: { app: reviews, rack: one }, locality: eu/nl/ams");
const US = entry("us", 'labels: { app: reviews, istio-locality: "us.va" }');
const CALLERS = meshConfig("{ localities: [{ colo: AMS, locality: eu/nl/ams }] }");

function compiled(...documents: readonly string[]) {
  const made = new TestWorld();
  made.apply([SERVICE, EU, US, ...documents].join(""));
  return {
    made,
    slice: (scope = "mesh/*") => made.slice(scope, REVIEWS),
    cluster: (scope = "mesh/*"): Cluster | undefined => made.slice(scope, REVIEWS)?.clusters[`outbound|80||${REVIEWS}`],
  };
}

describe("an endpoint's locality", () => {
  it("is what its WorkloadEntry says, or its label", () => {
    expect(
      compiled()
        .cluster()
        ?.endpoints.map(({ locality }) => locality),
    ).toEqual(["eu/nl/ams", "us/va"]);
  });

  it("is that of the node that a Pod's labels tell, and nothing where nobody says", () => {
    const labels = "app: reviews, topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: de";
    const made = compiled(entry("de", `labels: { ${labels} }`), entry("none", "labels: { app: reviews }")).cluster();
    expect(made?.endpoints.map(({ id, locality }) => [id, locality])).toEqual([
      ["binding:EP_DE", "eu/de"],
      ["binding:EP_EU", "eu/nl/ams"],
      ["binding:EP_NONE", undefined],
      ["binding:EP_US", "us/va"],
    ]);
  });

  it("is one of a ServiceEntry's endpoints, too", () => {
    const made = compiled(
      object(
        "ServiceEntry",
        "s",
        '{ hosts: [a.test], resolution: STATIC, ports: [{ number: 80, name: http }], endpoints: [{ address: "binding:EP_A", locality: eu }] }',
      ),
    ).made;
    expect(Object.values(made.slice("mesh/*", "a.test")?.clusters ?? {})[0]?.endpoints[0]?.locality).toBe("eu");
  });
});

const DEFAULT_FAILOVER = { failover: { labels: [], byLocality: true, regions: [] } };

describe("what it means where callers are", () => {
  it.each([
    {
      name: "is failover where endpoints are ejected and callers have localities",
      documents: [CALLERS, rule("outlierDetection: {}")],
      settings: DEFAULT_FAILOVER,
    },
    {
      name: "is nothing where no endpoint is ejected",
      documents: [CALLERS, rule("loadBalancer: { simple: RANDOM }")],
      settings: undefined,
    },
    {
      name: "is nothing where no caller has a locality",
      documents: [rule("outlierDetection: {}")],
      settings: undefined,
    },
    {
      name: "is nothing where the rule switches it off",
      documents: [CALLERS, rule("loadBalancer: { localityLbSetting: { enabled: false } }, outlierDetection: {}")],
      settings: undefined,
    },
    {
      name: "is nothing where the mesh switches it off",
      documents: [
        meshConfig("{ localities: [{ colo: AMS, locality: eu }], localityLbSetting: { enabled: false } }"),
        rule("outlierDetection: {}"),
      ],
      settings: undefined,
    },
    {
      name: "is what the rule says before what the mesh says",
      documents: [
        meshConfig("{ localities: [{ colo: AMS, locality: eu }], localityLbSetting: { enabled: false } }"),
        rule("loadBalancer: { localityLbSetting: {} }, outlierDetection: {}"),
      ],
      settings: DEFAULT_FAILOVER,
    },
    {
      name: "is what the mesh says, where no rule does",
      documents: [
        meshConfig(
          "{ localities: [{ colo: AMS, locality: eu }], localityLbSetting: { failover: [{ from: eu, to: us }] } }",
        ),
        rule("outlierDetection: {}"),
      ],
      settings: { failover: { labels: [], byLocality: true, regions: [["eu", "us"]] } },
    },
    {
      name: "is shares, with the most specific first, whether endpoints are ejected or not",
      documents: [
        rule(
          'loadBalancer: { localityLbSetting: { distribute: [{ from: eu/*, to: { "*": 10, eu/*: 20, eu/nl/*: 70 } }] } }',
        ),
      ],
      settings: {
        distribute: [
          {
            from: "eu/*",
            to: [
              ["eu/nl/*", 70],
              ["eu/*", 20],
              ["*", 10],
            ],
          },
        ],
      },
    },
  ])("$name", ({ documents, settings }) => {
    expect(compiled(...documents).cluster()?.locality).toEqual(settings);
  });

  it("is nothing where all endpoints are in one place", () => {
    const made = new TestWorld();
    made.apply([SERVICE, EU, CALLERS, rule("outlierDetection: {}")].join(""));
    const slice = made.slice("mesh/*", REVIEWS);
    expect(slice?.clusters[`outbound|80||${REVIEWS}`]).not.toHaveProperty("locality");
    expect(slice).not.toHaveProperty("callers");
  });

  it("goes with the callers' localities, and those go with nothing else", () => {
    expect(compiled(CALLERS, rule("outlierDetection: {}")).slice()?.callers).toEqual([
      { colo: "AMS", locality: "eu/nl/ams" },
    ]);
    expect(compiled(CALLERS).slice()).not.toHaveProperty("callers");
  });

  it("follows the mesh's settings when they change", () => {
    const { made, cluster } = compiled(rule("outlierDetection: {}"));
    expect(cluster()?.locality).toBeUndefined();
    made.apply(CALLERS);
    expect(cluster()?.locality).toEqual(DEFAULT_FAILOVER);
  });
});

describe("priorities by label", () => {
  const PRIORITIES = rule(
    "outlierDetection: {}, loadBalancer: { localityLbSetting: { failoverPriority: [topology.kubernetes.io/region, cell=a, rack] } }",
  );
  const WEB = object(
    "WorkloadEntry",
    "web",
    '{ address: "binding:EP_WEB", serviceAccount: web, labels: { app: web, rack: one } }',
  );

  it("compare the caller's place when it calls, given values, and labels of the caller's service account", () => {
    const { cluster } = compiled(PRIORITIES, WEB);
    const labels = (rack: string) => [
      { name: "topology.kubernetes.io/region" },
      { name: "cell", value: "a" },
      { name: "rack", value: rack },
    ];
    expect(cluster()?.locality?.failover).toEqual({ labels: labels(""), byLocality: false, regions: [] });
    expect(cluster("mesh/default/web")?.locality?.failover?.labels).toEqual(labels("one"));
    expect(cluster()?.endpoints.map((one) => one.labels)).toEqual([{ rack: "one" }, undefined]);
  });

  it("give no view of its own to an account whose labels nobody compares", () => {
    const cron = object(
      "WorkloadEntry",
      "cron",
      '{ address: "binding:EP_CRON", serviceAccount: cron, labels: { app: cron } }',
    );
    expect(compiled(PRIORITIES, cron).cluster("mesh/default/cron")).toBeUndefined();
  });
});

describe("warm-up", () => {
  it("knows since when each endpoint is registered", () => {
    const { cluster } = compiled(rule("loadBalancer: { warmup: { duration: 5m, minimumPercent: 5, aggression: 2 } }"));
    expect(cluster()?.warmup).toEqual({ durationMs: 300_000, minimum: 0.05, aggression: 2 });
    // The test's clock gives each object a second.
    expect(cluster()?.endpoints.map(({ since }) => since)).toEqual([2_000, 3_000]);
  });

  it.each([
    { policy: "warmupDurationSecs: 60s", warmup: { durationMs: 60_000, minimum: 0.1, aggression: 1 } },
    { policy: "simple: RANDOM, warmup: { duration: 1s }", warmup: undefined },
    { policy: "consistentHash: { useSourceIp: true }, warmup: { duration: 1s }", warmup: undefined },
    { policy: "simple: LEAST_REQUEST", warmup: undefined },
  ])("of $policy", ({ policy, warmup }) => {
    const made = compiled(rule(`loadBalancer: { ${policy} }`)).cluster();
    expect(made?.warmup).toEqual(warmup);
    if (warmup === undefined) expect(made?.endpoints[0]).not.toHaveProperty("since");
  });
});

describe("a DestinationRule that goes by where callers are", () => {
  const told = (setting: string, ...more: readonly string[]) => {
    const made = new TestWorld();
    made.apply([SERVICE, EU, US, ...more].join(""));
    return made.apply(
      rule(`outlierDetection: { maxEjectionPercent: 100 }, loadBalancer: { localityLbSetting: { ${setting} } }`),
    );
  };
  const WARNING =
    "DestinationRule/r spec.trafficPolicy.loadBalancer.localityLbSetting: no caller has a locality: name places in `localities` of the MeshConfig";

  it.each([
    "failover: [{ from: eu, to: us }]",
    "distribute: [{ from: eu, to: { eu: 100 } }]",
    "failoverPriority: [topology.kubernetes.io/region]",
  ])("by %s is told where the mesh knows no places", (setting) => {
    expect(told(setting)).toEqual([WARNING]);
    expect(told(setting, CALLERS)).toEqual([]);
  });

  it.each([
    "",
    "enabled: false, failover: [{ from: eu, to: us }]",
    'distribute: [{ from: "*", to: { eu: 100 } }]',
    "failoverPriority: [rack, topology.kubernetes.io/region=eu]",
  ])("and not by { %s }", (setting) => {
    expect(told(setting)).toEqual([]);
  });

  it("hears of it in a subset's policy and in a port's", () => {
    const setting = "loadBalancer: { localityLbSetting: { distribute: [{ from: eu, to: { eu: 100 } }] } }";
    const made = new TestWorld();
    made.apply([SERVICE, EU].join(""));
    const findings = made.apply(
      object(
        "DestinationRule",
        "r",
        `{ host: reviews, subsets: [{ name: v1, labels: { app: reviews }, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, ${setting} }] } }] }`,
      ),
    );
    expect(findings.map((finding) => finding.split(": ")[0])).toEqual([
      "DestinationRule/r spec.subsets[0].trafficPolicy.portLevelSettings[0].loadBalancer.localityLbSetting",
    ]);
  });
});
