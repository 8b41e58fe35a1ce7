import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wantedOf } from "../../ui/explain/wanted.ts";
import { goldenQueries, linesOf, rangePath, selectorText } from "../../ui/golden.ts";
import { found, hidden, readWish, type Wish } from "../../ui/graph/find.ts";
import { MAX_EDGES, shownGraph } from "../../ui/graph/grouping.ts";
import { healthOf, worse } from "../../ui/graph/health.ts";
import { layoutInput } from "../../ui/graph/labels.ts";
import type { GraphEdge, GraphNode, ServiceGraph } from "../../ui/graph/model.ts";
import { together } from "../../ui/graph/traffic.ts";
import { sseReader } from "../../ui/sse.ts";

function node(namespace: string, name: string, more: Partial<GraphNode> = {}): GraphNode {
  const id = `workload/${namespace}/${name}`;
  return { id, kind: "workload", namespace, name, version: "v1", principal: null, ...more };
}

function edge(from: GraphNode, to: GraphNode, more: Partial<GraphEdge> = {}): GraphEdge {
  const usual = { requests: 100, rps: 1, errorRate: 0, refusedRate: 0, p50: 1, p95: 5, p99: 9, mtls: 1 };
  return { from: from.id, to: to.id, protocol: "http", ...usual, ...more };
}

/** Every service of each namespace calls some of the next one's. */
function large(namespaces: number, services: number, edges: number): ServiceGraph {
  const nodes = Array.from({ length: namespaces }, (_, ns) =>
    Array.from({ length: services }, (_, at) => node(`ns-${ns}`, `service-${at}`)),
  ).flat();
  const all = Array.from({ length: edges }, (_, at) => {
    const from = nodes[at % nodes.length] ?? node("", "");
    const to = nodes[(at * 7 + Math.floor(at / nodes.length) + 1) % nodes.length] ?? from;
    return edge(from, to);
  });
  return { window: 300, covered: 300, nodes, edges: all };
}

describe("health, by Kiali's thresholds", () => {
  it.each([
    { errorRate: 0, refusedRate: 0, want: "healthy" },
    { errorRate: 0.001, refusedRate: 0, want: "degraded" },
    { errorRate: 0.0999, refusedRate: 0, want: "degraded" },
    { errorRate: 0.1, refusedRate: 0, want: "failure" },
    { errorRate: 0, refusedRate: 0.0999, want: "healthy" },
    { errorRate: 0, refusedRate: 0.1, want: "degraded" },
    { errorRate: 0, refusedRate: 0.2, want: "failure" },
    { errorRate: 0.001, refusedRate: 0.5, want: "failure" },
  ])("is $want at $errorRate of 5xx and $refusedRate of 4xx", ({ errorRate, refusedRate, want }) => {
    expect(healthOf({ requests: 1, errorRate, refusedRate })).toBe(want);
  });

  it("is nothing where there was no request", () => {
    expect(healthOf({ requests: 0, errorRate: 0, refusedRate: 0 })).toBe("idle");
    expect(worse("idle", "healthy")).toBe("healthy");
    expect(worse("failure", "degraded")).toBe("failure");
  });
});

describe("edges together", () => {
  it("weigh each by its requests, and tell the slowest", () => {
    const [a, b] = [node("x", "a"), node("x", "b")];
    const both = [
      edge(a, b, { requests: 300, rps: 3, errorRate: 0.1, p95: 10, mtls: 1 }),
      edge(a, b, { requests: 100, rps: 1, errorRate: 0.5, p95: null, mtls: 0 }),
    ];
    expect(together(both)).toMatchObject({ requests: 400, rps: 4, errorRate: 0.2, p95: 10, mtls: 0.75 });
    expect(together([])).toMatchObject({ requests: 0, rps: 0, errorRate: 0, p95: null });
  });
});

describe("what is drawn", () => {
  it("is every node where there are few edges, with one arrow for all protocols", () => {
    const [a, b] = [node("x", "a"), node("x", "b")];
    const shown = shownGraph({ nodes: [a, b], edges: [edge(a, b), edge(a, b, { protocol: "grpc" })] }, new Set());
    expect(shown).toMatchObject({ isGrouped: false, edges: [{ from: a.id, to: b.id, requests: 200 }] });
    expect(shown.nodes).toHaveLength(2);
  });

  it("is namespaces above 150 edges, but those that were opened", () => {
    const graph = large(10, 30, 2_000);
    const shown = shownGraph(graph, new Set());
    expect(shown.isGrouped).toBe(true);
    expect(shown.nodes.map(({ count }) => count)).toEqual(Array.from({ length: 10 }, () => 30));
    expect(shown.edges.length).toBeLessThanOrEqual(100);
    const open = shownGraph(graph, new Set(["ns-3"]));
    expect(open.nodes.filter(({ node: each }) => each?.namespace === "ns-3")).toHaveLength(30);
    expect(open.nodes).toHaveLength(9 + 30);
  });

  it("loses no call between namespaces, and draws arrows between what is drawn alone", () => {
    const graph = fc.record({
      namespaces: fc.integer({ min: 1, max: 6 }),
      edges: fc.integer({ min: MAX_EDGES, max: 400 }),
    });
    fc.assert(
      fc.property(graph, fc.array(fc.constantFrom("ns-0", "ns-1", "ns-9")), ({ namespaces, edges }, open) => {
        const whole = large(namespaces, 20, edges);
        const shown = shownGraph(whole, new Set(open));
        const ids = new Set(shown.nodes.map(({ id }) => id));
        expect(shown.edges.every(({ from, to }) => ids.has(from) && ids.has(to))).toBe(true);
        const of = new Map(whole.nodes.map(({ id, namespace }) => [id, namespace]));
        const between = whole.edges.filter(({ from, to }) => of.get(from) !== of.get(to));
        const drawn = new Map(shown.nodes.map(({ id, namespace }) => [id, namespace]));
        const left = shown.edges.filter(({ from, to }) => drawn.get(from) !== drawn.get(to));
        const sum = (list: readonly { readonly requests: number }[]) =>
          list.reduce((total, { requests }) => total + requests, 0);
        expect(sum(left)).toBe(sum(between));
      }),
      { numRuns: 40 },
    );
  });

  it("goes to the layout with the size of what is written", () => {
    const [a, b] = [node("x", "a"), node("a-namespace-with-a-long-name", "b")];
    const { nodes, edges } = shownGraph({ nodes: [a, b], edges: [edge(a, b)] }, new Set());
    const input = layoutInput(nodes, edges, 7);
    expect(input).toMatchObject({ turn: 7, edges: [[a.id, b.id]] });
    expect(input.nodes[1]?.width).toBeGreaterThan(input.nodes[0]?.width ?? 0);
  });
});

describe("find and hide", () => {
  const [reviews, ratings, stranger] = [
    node("shop", "reviews"),
    node("shop", "ratings", { version: "v2" }),
    node("", "unknown", { kind: "unknown" }),
  ];
  const graph: ServiceGraph = {
    window: 60,
    covered: 60,
    nodes: [reviews, ratings, stranger],
    edges: [edge(reviews, ratings, { errorRate: 0.06, p95: 80 }), edge(stranger, reviews, { rps: 0.05, mtls: 0 })],
  };
  const wish = (text: string): Wish => {
    const read = readWish(text);
    if (read === null || "unknown" in read) throw new Error(`${text} is not understood`);
    return read;
  };

  it.each([
    { text: "rat", ids: [ratings.id, `${reviews.id} ${ratings.id}`] },
    { text: "ns:shop version:v2", ids: [ratings.id, `${reviews.id} ${ratings.id}`] },
    { text: "errors>5", ids: [ratings.id, `${reviews.id} ${ratings.id}`] },
    { text: "p95>=80 errors<=6", ids: [ratings.id, `${reviews.id} ${ratings.id}`] },
    { text: "mtls<100", ids: [reviews.id, `${stranger.id} ${reviews.id}`] },
    { text: "kind:unknown", ids: [stranger.id, `${stranger.id} ${reviews.id}`] },
    { text: "health:degraded", ids: [ratings.id, `${reviews.id} ${ratings.id}`] },
    { text: "nothing-like-it", ids: [] },
  ])("finds $text", ({ text, ids }) => {
    expect([...found(graph, wish(text))].toSorted()).toEqual(ids.toSorted());
  });

  it("hides nodes with their calls, and calls with whoever makes no other", () => {
    const left = hidden(graph, wish("kind:unknown"));
    expect([left.nodes, left.edges.length]).toEqual([[reviews, ratings], 1]);
    const busy = hidden(graph, wish("rps<0.1"));
    expect([busy.nodes, busy.edges.length]).toEqual([[reviews, ratings], 1]);
  });

  it("says what it does not understand", () => {
    for (const text of ["speed>1", "rps>fast", "rps>", "ns>shop", "constructor:x"])
      expect(readWish(`reviews ${text}`)).toEqual({ unknown: text });
    expect(readWish("  ")).toBeNull();
  });
});

describe("golden signals", () => {
  it("ask for calls by labels whose values are quoted", () => {
    expect(selectorText({ a: 'x"y\\z\n' })).toBe('a="x\\"y\\\\z\\n"');
    expect(goldenQueries({ destination_workload: "reviews" }, false).requests).toBe(
      'sum by (response_code) (rate(istio_requests_total{reporter="destination",destination_workload="reviews"}[1m]))',
    );
    expect(goldenQueries({ route: "a/b/0" }, true).p95).toContain(
      'tulle_route_request_duration_seconds_bucket{route="a/b/0"}',
    );
  });

  it("ask for whole steps, at most some hundred", () => {
    const parameters = new URLSearchParams(rangePath("up", 86_400, 1_000_123_456).split("?")[1]);
    const [start, end, step] = ["start", "end", "step"].map((name) => Number(parameters.get(name)));
    expect([(end ?? 0) % (step ?? 1), ((end ?? 0) - (start ?? 0)) / (step ?? 1) <= 121, (step ?? 0) % 15]).toEqual([
      0,
      true,
      0,
    ]);
  });

  it("are lines over the same moments, with holes where nothing is known", () => {
    const answer = (values: readonly (readonly [number, string])[], metric = {}) => ({
      status: "success",
      data: { result: [{ metric, values }] },
    });
    const lines = linesOf([
      {
        answer: answer([
          [10, "1"],
          [20, "NaN"],
        ]),
        name: "p50",
      },
      { answer: answer([[20, "3"]], { response_code: "200" }), name: "", by: "response_code" },
    ]);
    expect(lines).toEqual({
      times: [10, 20],
      series: [
        { label: "p50", values: [1, null] },
        { label: "200", values: [null, 3] },
      ],
    });
  });
});

describe("server-sent events", () => {
  it("are the same in whatever pieces they come", () => {
    const text = 'event: ready\ndata: {"all":true}\n\n: alive\n\nevent: line\r\ndata: a\r\ndata: b\r\n\r\ndata: c\n\n';
    const want = [
      { event: "ready", data: '{"all":true}' },
      { event: "line", data: "a\nb" },
      { event: "message", data: "c" },
    ];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 6 }), (cuts) => {
        const read = sseReader();
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const events = at.slice(1).flatMap((end, index) => read(text.slice(at[index], end)));
        expect(events).toEqual(want);
      }),
    );
  });
});

describe("a request that is invented", () => {
  it("is read as a URL, headers and who sends it", () => {
    const form = {
      method: "POST",
      url: "https://reviews:9080/a/b?x=1",
      as: "td/ns/a/sa/b",
      headers: "X-A: 1\nx-a:2\n\n",
      jwt: "a.b.c",
    };
    expect(wantedOf(form)).toEqual({
      ok: true,
      value: {
        facts: {
          method: "POST",
          scheme: "https",
          host: "reviews:9080",
          path: "/a/b",
          query: "x=1",
          headers: { "x-a": ["1", "2"] },
        },
        as: "td/ns/a/sa/b",
        jwt: ["a.b.c"],
      },
    });
    expect(wantedOf({ method: "GET", url: "reviews", as: "", headers: "", jwt: "" })).toEqual({
      ok: true,
      value: { facts: { method: "GET", host: "reviews", path: "/", headers: {} } },
    });
  });

  it("says what cannot be read", () => {
    const form = { method: "GET", url: "reviews", as: "", headers: "", jwt: "" };
    expect(wantedOf({ ...form, url: "/only/a/path" })).toMatchObject({ ok: false });
    expect(wantedOf({ ...form, headers: "no colon" })).toMatchObject({ ok: false });
  });
});
