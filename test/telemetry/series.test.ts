import { describe, expect, it } from "vitest";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { Cluster, Endpoint, Workload } from "../../src/snapshot/model.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { labelsOf } from "../../src/telemetry/labels.ts";
import { MetricSums, seriesKey } from "../../src/telemetry/metrics.ts";
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
    const index = new SeriesIndex(sums);
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
    const index = new SeriesIndex(sums);
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
    const index = new SeriesIndex(sums);
    for (let at = 0; at < count; at += 1) index.add(journalOf(call(at)), 1);
    for (let at = 0; at < count; at += 1) index.add(journalOf(call(at)), 1);
    const taken = sums.take();
    expect(taken).toHaveLength(2 * count);
    expect(taken.every(({ requests }) => requests === 2)).toBe(true);
  });
});
