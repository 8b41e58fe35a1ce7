import { describe, expect, it } from "vitest";
import { type GraphFrame, graphOf, inNamespace } from "../../src/telemetry/graph.ts";
import { type MetricLabels, seriesKey } from "../../src/telemetry/metrics.ts";
import type { Growth } from "../../src/telemetry/rollup-codec.ts";
import { noGrowth } from "../../src/telemetry/rollup-kinds.ts";

const NOW = Date.UTC(2026, 0, 1);
const FRAME: GraphFrame = {
  seconds: 60,
  from: NOW - 60_000,
  now: NOW,
  since: 0,
  viewer: { namespace: null, trustDomains: [] },
};

function principal(namespace: string, account: string): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${account}`;
}

const WEB: Partial<MetricLabels> = {
  source_workload: "page-v1",
  source_workload_namespace: "web",
  source_principal: principal("web", "page"),
  source_app: "page",
  source_version: "v1",
};
const SHOP: Partial<MetricLabels> = {
  destination_workload: "orders-v1",
  destination_workload_namespace: "shop",
  destination_principal: principal("shop", "orders"),
  destination_app: "orders",
  destination_version: "v1",
  destination_service: "orders.shop.svc.cluster.local",
  destination_service_name: "orders",
  destination_service_namespace: "shop",
};
const NOBODY: Partial<MetricLabels> = {
  source_workload: "unknown",
  source_workload_namespace: "unknown",
  source_principal: "unknown",
};
const NOWHERE: Partial<MetricLabels> = {
  destination_workload: "unknown",
  destination_workload_namespace: "unknown",
  destination_principal: "unknown",
};

function calls(labels: Partial<MetricLabels>, requests: number, bucket = 4): readonly [string, Growth] {
  const growth = noGrowth("call");
  growth[0] = requests;
  growth[2 + bucket] = requests;
  const all = {
    reporter: "destination",
    request_protocol: "http",
    response_code: "200",
    response_flags: "-",
    connection_security_policy: "mutual_tls",
    ...labels,
  } as MetricLabels;
  return [seriesKey(all), growth];
}

describe("the graph", () => {
  it("adds up calls of one workload to another, once", () => {
    const graph = graphOf(
      new Map([
        calls({ ...WEB, ...SHOP }, 90),
        calls({ ...WEB, ...SHOP, reporter: "source" }, 90),
        calls({ ...WEB, ...SHOP, response_code: "503", response_flags: "DI,UO" }, 6, 9),
        calls({ ...WEB, ...SHOP, response_code: "403", connection_security_policy: "none" }, 24),
      ]),
      FRAME,
    );
    expect(graph).toMatchObject({ window: 60, covered: 60 });
    expect(graph.nodes.map(({ id, kind }) => [id, kind])).toEqual([
      ["workload/shop/orders-v1", "workload"],
      ["workload/web/page-v1", "workload"],
    ]);
    expect(graph.nodes.map(({ inbound }) => inbound?.requests ?? null)).toEqual([120, null]);
    expect(graph.edges).toHaveLength(1);
    expect(graph.edges[0]).toMatchObject({
      from: "workload/web/page-v1",
      to: "workload/shop/orders-v1",
      requests: 120,
      rps: 2,
      errorRate: 0.05,
      refusedRate: 0.2,
      mtls: 0.8,
      flags: { DI: 6, UO: 6 },
    });
    expect(graph.edges[0]?.p50).toBeGreaterThan(10);
    expect(graph.edges[0]?.p50).toBeLessThan(25);
    expect(graph.edges[0]?.p99).toBeGreaterThan(500);
  });

  it("has nodes for a Gateway, for callers without identity and for a service that no workload answered for", () => {
    const gateway = { ...WEB, source_workload: "istio-ingressgateway", source_workload_namespace: "istio-system" };
    const graph = graphOf(
      new Map([
        calls({ ...gateway, ...SHOP, ...NOWHERE }, 1),
        calls({ ...NOBODY, ...SHOP }, 1),
        calls(
          { ...NOBODY, ...NOWHERE, destination_service_name: "unknown", destination_service_namespace: "unknown" },
          1,
        ),
      ]),
      FRAME,
    );
    expect(graph.nodes.map(({ id }) => id)).toEqual([
      "gateway/istio-system/istio-ingressgateway",
      "service/shop/orders",
      "unknown/unknown/unknown",
      "workload/shop/orders-v1",
    ]);
  });

  it("takes a caller that is known by its certificate for the one workload that has this identity", () => {
    const unnamed = {
      ...WEB,
      source_workload: "unknown",
      source_principal: principal("shop", "orders"),
      source_workload_namespace: "shop",
    };
    const graph = graphOf(
      new Map([
        calls({ ...WEB, ...SHOP }, 1),
        calls(
          { ...unnamed, ...SHOP, destination_workload: "stock", destination_principal: principal("shop", "stock") },
          1,
        ),
      ]),
      FRAME,
    );
    expect(graph.edges.map(({ from }) => from).toSorted()).toEqual(["workload/shop/orders-v1", "workload/web/page-v1"]);
  });

  it("keeps a caller of another mesh apart from a workload of that name", () => {
    const foreign = { ...WEB, source_principal: "spiffe://other.example/ns/web/sa/page", source_workload: "unknown" };
    const graph = graphOf(new Map([calls({ ...foreign, ...SHOP }, 1)]), FRAME);
    expect(graph.edges[0]?.from).toBe("workload/web/page%40other.example");
  });

  it("covers no more than there is history, and tells a namespace of its own side", () => {
    expect(graphOf(new Map(), { ...FRAME, since: null })).toMatchObject({ covered: 0, edges: [] });
    expect(graphOf(new Map(), { ...FRAME, since: NOW - 10_000 })).toMatchObject({ covered: 25 });
    const all = new Map([
      calls({ ...WEB, ...SHOP }, 1),
      calls(
        {
          ...WEB,
          ...SHOP,
          destination_workload: "else",
          destination_workload_namespace: "else",
          destination_service_namespace: "else",
        },
        1,
      ),
    ]);
    const of = (namespace: string) =>
      graphOf(all, { ...FRAME, viewer: { namespace, trustDomains: ["cluster.local"] } });
    expect([of("shop"), of("web"), of("other")].map(({ edges }) => edges.length)).toEqual([1, 2, 0]);
    expect(inNamespace(graphOf(all, FRAME), "shop").nodes.map(({ namespace }) => namespace)).toEqual(["shop", "web"]);
  });
});
