import { describe, expect, it } from "vitest";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { Cluster, Endpoint, Route, Workload } from "../../src/snapshot/model.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { labelsOf } from "../../src/telemetry/labels.ts";
import { MetricSums, seriesKey } from "../../src/telemetry/metrics.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { routeKey } from "../../src/telemetry/route-labels.ts";
import { SeriesIndex } from "../../src/telemetry/series.ts";

const workload = (name: string): Workload => ({
  name,
  namespace: "default",
  principal: `cluster.local/ns/default/sa/${name}`,
  app: name,
  version: "v1",
});

const peer = (name: string): Peer => ({
  principal: `cluster.local/ns/default/sa/${name}`,
  namespace: "default",
  trustDomain: "cluster.local",
  by: "certificate",
});

const endpoint = (name: string): Endpoint => ({
  id: `10.0.0.1:80/${name}`,
  address: { kind: "private", authority: "10.0.0.1:80" },
  weight: 1,
  workload: workload(name),
  policySet: 0,
});

const cluster = (name: string): Cluster => ({
  id: `outbound|80||${name}`,
  service: { host: name, name, namespace: "default" },
  port: 80,
  loadBalancer: "RANDOM",
  pool: {},
  endpoints: [],
});

const journalOf = (changes: Partial<Journal>): Journal => Object.assign(new Journal(0, "id", "GET"), changes);

/** Every call differs from every other in what a label shows; those of one line differ in one thing. */
const CALLS: readonly Partial<Journal>[] = [
  {},
  ...[200, 404, 503].map((status) => ({ status })),
  ...["NR", "UAEX", "DC"].map((flag) => ({ flag })),
  ...["a", "b"].map((name) => ({ peer: peer(name) })),
  ...["a", "b"].map((name) => ({
    peer: { ...peer(name), by: "binding" as const },
    props: { workload: name, app: name },
  })),
  { props: {} },
  { props: { workload: "a" } },
  { props: { app: "a" } },
  { props: { version: "a" } },
  { peer: peer("a"), gateway: workload("gateway") },
  { gateway: workload("other-gateway") },
  ...["a", "b"].map((name) => ({ cluster: cluster(name) })),
  ...["a", "b"].map((name) => ({ cluster: cluster(name), endpoint: endpoint(name) })),
];

describe("SeriesIndex", () => {
  it("counts each call under both reporters, in the series of its labels", () => {
    const sums = new MetricSums();
    const index = new SeriesIndex(sums, new MetricSums(), () => {});
    const expected = new Map<string, number>();
    for (let round = 0; round < 3; round += 1) {
      for (const changes of CALLS) {
        const journal = journalOf(changes);
        index.add(journal, 5);
        for (const reporter of ["source", "destination"] as const) {
          const key = seriesKey(labelsOf(journal, reporter));
          expected.set(key, (expected.get(key) ?? 0) + 1);
        }
      }
      if (round === 0) expect(expected.size).toBeGreaterThan(CALLS.length);
    }
    expect(new Map(sums.take().map(({ labels, requests }) => [labels, requests]))).toEqual(expected);
  });

  it("goes on after a hand-over", () => {
    const sums = new MetricSums();
    const index = new SeriesIndex(sums, new MetricSums(), () => {});
    const journal = journalOf({ status: 200, peer: NO_PEER });
    index.add(journal, 1);
    sums.take();
    index.add(journal, 2);
    expect(sums.take()).toMatchObject([
      { requests: 1, durationMsSum: 2 },
      { requests: 1, durationMsSum: 2 },
    ]);
  });

  it.each([
    { of: "callers from outside", call: (at: number) => ({ peer: peer(`p${at}`) }), count: 4_200 },
    { of: "callers over bindings", call: (at: number) => ({ props: { workload: `w${at}` } }), count: 4_200 },
    { of: "destinations", call: (at: number) => ({ cluster: cluster(`c${at}`) }), count: 5_200 },
    { of: "flags", call: (at: number) => ({ flag: `F${at}` }), count: 100 },
  ])("counts right past what it remembers of $of", ({ call, count }) => {
    const sums = new MetricSums();
    const index = new SeriesIndex(sums, new MetricSums(), () => {});
    for (let at = 0; at < count; at += 1) index.add(journalOf(call(at)), 1);
    for (let at = 0; at < count; at += 1) index.add(journalOf(call(at)), 1);
    const taken = sums.take();
    expect(taken).toHaveLength(2 * count);
    expect(taken.every(({ requests }) => requests === 2)).toBe(true);
  });
});

describe("series by route", () => {
  const route = (name: string): Route => ({ name, matches: [], destinations: [] });
  const ROUTES = [null, route("default/a/0"), route("default/a/1")];
  const ANSWERS: readonly Partial<Journal>[] = [
    {},
    { status: 200, details: "via_upstream" },
    { status: 403, details: "rbac_denied", flag: "UAEX" },
    { status: 403, details: "rbac_denied_no_allow", flag: "UAEX" },
    { status: 200, details: "via_upstream", cluster: cluster("a") },
    { status: 200, details: "via_upstream", cluster: cluster("b") },
    { status: 200, details: "via_upstream", protocol: "workers-rpc" },
  ];

  it("count each answer once, also those of the gateway itself, by route and code, in whatever order they come", () => {
    const routes = new MetricSums();
    const index = new SeriesIndex(new MetricSums(), routes, () => {});
    const expected = new Map<string, number>();
    for (const order of [ANSWERS, ANSWERS.toReversed(), ANSWERS]) {
      for (const changes of order) {
        for (const of of ROUTES) {
          const journal = journalOf({ ...changes, route: of });
          index.add(journal, 5);
          const key = routeKey(journal);
          expected.set(key, (expected.get(key) ?? 0) + 1);
        }
      }
    }
    expect(expected.size).toBe(ROUTES.length * ANSWERS.length);
    expect(new Map(routes.take().map(({ labels, requests }) => [labels, requests]))).toEqual(expected);
  });

  it("have durations and no bodies", () => {
    const routes = new MetricSums();
    new SeriesIndex(new MetricSums(), routes, () => {}).add(journalOf({ bytes: 7 }), 30);
    const [delta] = routes.take();
    expect([delta?.durationMsSum, delta?.responseBytes]).toEqual([30, undefined]);
  });

  it("come out right past what is remembered of routes", () => {
    const routes = new MetricSums();
    const index = new SeriesIndex(new MetricSums(), routes, () => {});
    for (let round = 0; round < 2; round += 1)
      for (let at = 0; at < 5_200; at += 1) index.add(journalOf({ details: String(at) }), 1);
    const taken = routes.take();
    expect(taken).toHaveLength(5_200);
    expect(taken.every(({ requests }) => requests === 2)).toBe(true);
  });
});

describe("a body of unknown length", () => {
  const counted = (changes: Partial<Journal>): readonly string[] => {
    const keys: string[] = [];
    const index = new SeriesIndex(new MetricSums(), new MetricSums(), (key) => keys.push(key));
    index.add(journalOf(changes), 1);
    return keys;
  };
  const to = cluster("shop");

  it.each([
    { of: "a request", changes: { requestBytes: null, bytes: 0 }, body: "request" },
    { of: "an answer", changes: { requestBytes: 0, bytes: null }, body: "response" },
  ] as const)("of $of is counted, by its service, and in no histogram", ({ changes, body }) => {
    const labels = { body, destination_service: "shop" };
    expect(counted({ ...changes, cluster: to })).toEqual([counterKey("tulle_body_length_unknown_total", labels)]);
    const sums = new MetricSums();
    new SeriesIndex(sums, new MetricSums(), () => {}).add(journalOf({ ...changes, cluster: to }), 1);
    for (const delta of sums.take()) {
      expect(delta[`${body}Bytes`]).toBeUndefined();
      expect(delta[body === "request" ? "responseBytes" : "requestBytes"]).toEqual({ sum: 0, buckets: [1] });
    }
  });

  it("is none where both are known, and none of a call of Workers RPC", () => {
    expect(counted({ requestBytes: 0, bytes: 12 })).toEqual([]);
    expect(counted({ protocol: "workers-rpc", requestBytes: null, bytes: null })).toEqual([]);
  });
});

it("an exemplar is of a call whose trace is recorded", () => {
  const sums = new MetricSums();
  const index = new SeriesIndex(sums, new MetricSums(), () => {});
  index.add(journalOf({ traceId: "a".repeat(32) }), 5);
  expect(sums.take().map(({ exemplar }) => exemplar)).toEqual([undefined, undefined]);
  index.add(journalOf({ traceId: "b".repeat(32), sampled: true }), 5);
  const exemplar = { traceId: "b".repeat(32), durationMs: 5, at: 5 };
  expect(sums.take().map((delta) => delta.exemplar)).toEqual([exemplar, exemplar]);
});
