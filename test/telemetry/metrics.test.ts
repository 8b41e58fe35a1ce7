import { describe, expect, it } from "vitest";
import type { Exemplar } from "../../src/snapshot/rpc.ts";
import { formatFor } from "../../src/telemetry/exposition.ts";
import {
  BUCKETS,
  bucketOf,
  foldedKey,
  type MetricLabels,
  MetricSums,
  type SeriesExtra,
  seriesKey,
  toldIn,
} from "../../src/telemetry/metrics.ts";
import { SeriesRoom } from "../../src/telemetry/series-room.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { measured } from "../support/measured.ts";
import { scrapeText } from "../support/shown.ts";

const LABELS = { reporter: "source", response_code: "200", source_app: 'a"b\\c\nd' } as MetricLabels;

describe("MetricSums", () => {
  it("sums what is added, hands it over once, and adds up what others hand over", () => {
    const sums = new MetricSums();
    sums.series(seriesKey(LABELS)).add(measured(3));
    sums.series(seriesKey(LABELS)).add(measured(40));
    const taken = sums.take();
    expect(taken).toMatchObject([{ requests: 2, durationMsSum: 43 }]);
    expect(sums.take()).toEqual([]);
    const all = new MetricSums();
    for (const delta of [...taken, ...taken]) all.addDelta(delta);
    expect(all.all()).toMatchObject([{ requests: 4, durationMsSum: 86 }]);
    expect(all.all()[0]?.durationBuckets.reduce((sum, count) => sum + count, 0)).toBe(4);
  });

  it("goes on counting, after a hand-over, in a series that somebody holds", () => {
    const sums = new MetricSums();
    const held = sums.series(seriesKey(LABELS));
    held.add(measured(3));
    const first = sums.take();
    expect(sums.size).toBe(0);
    held.add(measured(40));
    expect(sums.has(seriesKey(LABELS))).toBe(true);
    expect(sums.take()).toMatchObject([{ labels: seriesKey(LABELS), requests: 1, durationMsSum: 40 }]);
    expect(first).toMatchObject([{ requests: 1, durationMsSum: 3 }]);
  });

  it("joins what two holders of the same labels count, whoever begins", () => {
    const sums = new MetricSums();
    const [one, other] = [sums.series(seriesKey(LABELS)), sums.series(seriesKey(LABELS))];
    other.add(measured(1));
    one.add(measured(2));
    one.add(measured(3));
    expect(sums.take()).toMatchObject([{ requests: 3, durationMsSum: 6 }]);
    one.add(measured(4));
    other.add(measured(5));
    expect(sums.take()).toMatchObject([{ requests: 2, durationMsSum: 9 }]);
  });

  it("has nothing to hand over of a series that nobody counted in", () => {
    const sums = new MetricSums();
    sums.series(seriesKey(LABELS));
    expect([sums.size, sums.has(seriesKey(LABELS)), sums.all()]).toEqual([0, false, []]);
  });

  it("counts a duration in the first bucket that holds it", () => {
    const sums = new MetricSums();
    for (const ms of [0, 0.5, 1, 3_600_000, 3_600_001]) sums.series(seriesKey(LABELS)).add(measured(ms));
    expect(sums.all()[0]?.durationBuckets).toEqual([2, 1, ...Array.from({ length: 16 }, () => 0), 1, 1]);
  });

  it("folds labels into `other` and keeps the reporter", () => {
    expect(foldedKey(seriesKey(LABELS))).toBe(foldedKey(seriesKey({ ...LABELS, response_code: "500" })));
    expect(foldedKey(seriesKey(LABELS))).not.toBe(foldedKey(seriesKey({ ...LABELS, reporter: "destination" })));
  });
});

it("finds for each value the first bucket that holds it", () => {
  const values = [-1, 0, ...BUCKETS.flatMap((bound) => [bound - 0.25, bound, bound + 0.25]), 1e12];
  const naive = (value: number) => [...BUCKETS, Infinity].findIndex((bound) => value <= bound);
  expect(values.map(bucketOf)).toEqual(values.map(naive));
});

describe("bodies", () => {
  const key = seriesKey(LABELS);

  it("are summed where their length is known, of requests and of answers each by themselves", () => {
    const sums = new MetricSums();
    sums.series(key).add(measured(1, { requestBytes: 0, responseBytes: 700 }));
    sums.series(key).add(measured(1, { requestBytes: 30 }));
    sums.series(key).add(measured(1));
    const taken = sums.take();
    expect(taken).toMatchObject([
      {
        requests: 3,
        requestBytes: { sum: 30, buckets: [1, 0, 0, 0, 0, 1] },
        responseBytes: { sum: 700, buckets: [0, 0, 0, 0, 0, 0, 0, 0, 0, 1] },
      },
    ]);
    const all = new MetricSums();
    for (const delta of [...taken, ...taken]) all.addDelta(delta);
    expect(all.all()).toMatchObject([{ requests: 6, requestBytes: { sum: 60 }, responseBytes: { sum: 1_400 } }]);
  });

  it("are not told where none has a known length", () => {
    const sums = new MetricSums();
    sums.series(key).add(measured(1));
    expect(Object.keys(sums.take()[0] ?? {})).toEqual(["labels", "requests", "durationMsSum", "durationBuckets"]);
  });

  it("begin anew after a hand-over", () => {
    const sums = new MetricSums();
    const held = sums.series(key);
    held.add(measured(1, { requestBytes: 30 }));
    sums.take();
    held.add(measured(1, { responseBytes: 1 }));
    expect(sums.take()).toEqual([
      {
        labels: key,
        requests: 1,
        durationMsSum: 1,
        durationBuckets: [0, 1],
        responseBytes: { sum: 1, buckets: [0, 1] },
      },
    ]);
  });
});

describe("an exemplar", () => {
  const key = seriesKey(LABELS);
  const traced = (ms: number, traceId: string) => measured(ms, { traceId, at: 1_700_000_000_500 });

  it("is the slowest call since the last hand-over whose trace is recorded, also over several isolates", () => {
    const sums = new MetricSums();
    for (const call of [measured(900), traced(5, "a"), traced(40, "b"), traced(7, "c")]) sums.series(key).add(call);
    const [delta] = sums.take();
    expect(delta?.exemplar).toEqual({ traceId: "b", durationMs: 40, at: 1_700_000_000_500 });
    const cell = new MetricSums();
    if (delta !== undefined) cell.addDelta(delta);
    cell.addDelta({ labels: key, requests: 1, durationMsSum: 9, durationBuckets: [], exemplar: exemplar(9, "d") });
    expect(cell.take()[0]?.exemplar?.traceId).toBe("b");
    sums.series(key).add(measured(1));
    expect(sums.take()[0]?.exemplar).toBeUndefined();
  });

  it("stands on the line of its bucket in OpenMetrics, and nowhere in plain text", () => {
    const sums = new MetricSums();
    sums.series(key).add(measured(40));
    const shown = { series: sums.all(), exemplars: () => [exemplar(40, "0af7651916cd43dd8448eb211c80319c")] };
    expect(
      scrapeText(shown, "openmetrics")
        .split("\n")
        .filter((line) => line.includes(" # {")),
    ).toEqual([
      expect.stringMatching(
        /_milliseconds_bucket\{.*le="50"\} 1 # \{trace_id="0af7651916cd43dd8448eb211c80319c"\} 40 1700000000.5$/,
      ),
    ]);
    expect(scrapeText(shown)).not.toContain(" # {");
  });
});

function exemplar(durationMs: number, traceId: string): Exemplar {
  return { traceId, durationMs, at: 1_700_000_000_500 };
}

describe("the text of a scrape", () => {
  it("escapes label values and gives cumulative histograms that end in +Inf", () => {
    const sums = new MetricSums();
    sums.series(seriesKey(LABELS)).add(measured(3, { requestBytes: 0, responseBytes: 2_000 }));
    sums.series(seriesKey(LABELS)).add(measured(1e9, { requestBytes: 0, responseBytes: 1 }));
    const text = scrapeText({ series: sums.all(), dropped: { series_limit: 2 } });
    expect(text).toContain('source_app="a\\"b\\\\c\\nd"');
    expect(text).toMatch(/^istio_requests_total\{.*\} 2$/m);
    for (const [name, sum] of [
      ["istio_request_duration_milliseconds", "1000000003"],
      ["istio_request_bytes", "0"],
      ["istio_response_bytes", "2001"],
    ] as const) {
      expect(text).toMatch(new RegExp(`^${name}_bucket\\{.*le="\\+Inf"\\} 2$`, "m"));
      expect(text).toMatch(new RegExp(`^${name}_sum\\{.*\\} ${sum}$`, "m"));
      expect(text).toMatch(new RegExp(`^${name}_count\\{.*\\} 2$`, "m"));
      const counts = [...text.matchAll(new RegExp(`^${name}_bucket\\{.*\\} (\\d+)$`, "gm"))].map(([, n]) => Number(n));
      expect(counts).toHaveLength(BUCKETS.length + 1);
      expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    }
  });

  it("is OpenMetrics for who asks for it: counters are named without their end, and the last line says so", () => {
    const counts = { [counterKey("tulle_authz_audit_total", { policy: "a/b", cluster: "c" })]: 1 };
    const text = scrapeText({ counts }, "openmetrics");
    expect(text).toContain("# TYPE tulle_authz_audit counter\n");
    expect(text).toContain('\ntulle_authz_audit_total{policy="a/b",cluster="c"} 1\n');
    expect(text.endsWith("\n# EOF\n")).toBe(true);
    expect(scrapeText()).not.toContain("# EOF");
  });

  it.each([
    [undefined, "prometheus"],
    ["*/*", "prometheus"],
    ["text/plain;version=0.0.4", "prometheus"],
    ["application/openmetrics-text", "openmetrics"],
    [
      "Application/OpenMetrics-Text; version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      "openmetrics",
    ],
    ["application/openmetrics-text;q=0, text/plain", "prometheus"],
    ["application/openmetrics-text;q=0.2, text/plain;q=0.9", "prometheus"],
    ["application/openmetrics-text;q=x", "prometheus"],
    ["application/openmetrics-textual", "prometheus"],
  ])("is for `Accept: %s` in the format %s", (accept, format) => {
    expect(formatFor(accept)).toBe(format);
  });
});

describe("SeriesRoom", () => {
  const of = (namespace: string, version: string, extra: SeriesExtra = {}) =>
    seriesKey(
      { reporter: "destination", destination_workload_namespace: namespace, source_version: version } as MetricLabels,
      extra,
    );
  const room = () => new SeriesRoom({ most: 64, folded: foldedKey, told: toldIn });
  const more = (at: number) => ({ more: { id: String(at) } });

  it("gives one namespace's Telemetries a part, and folds what has no room into the series without their labels", () => {
    const rooms = room();
    const places = Array.from({ length: 100 }, (_, at) => rooms.place(of("greedy", "v1", more(at))));
    expect(new Set(places)).toEqual(
      new Set([of("greedy", "v1"), ...[0, 1, 2, 3].map((at) => of("greedy", "v1", more(at)))]),
    );
    expect(rooms.place(of("shop", "v1", more(0)))).toBe(of("shop", "v1", more(0)));
  });

  it("keeps three quarters for the mesh's own series, however many namespaces have their own, also after a restart", () => {
    const [before, after] = [room(), room()];
    const told = Array.from({ length: 100 }, (_, at) => of(`n${at}`, "v1", more(at))).map((key) => before.place(key));
    expect(told.filter((key) => toldIn(key) !== null)).toHaveLength(16);
    for (const key of told.slice(0, 16)) after.enter(key);
    const own = Array.from({ length: 48 }, (_, at) => of("shop", `v${at}`));
    expect(own.map((key) => after.place(key))).toEqual(own);
    expect(after.place(of("shop", "late"))).toBe(foldedKey(of("shop", "late")));
  });

  it("folds what is of one metric so that nothing is shown twice", () => {
    const only = { only: ["REQUEST_COUNT"] } as const;
    const full = (first: readonly string[]) => {
      const rooms = room();
      for (const key of first) rooms.place(key);
      for (let at = 0; at < 4; at += 1) rooms.place(of("shop", "v1", { ...only, ...more(at) }));
      return rooms.place(of("shop", "v1", { ...only, ...more(9) }));
    };
    expect(full([])).toBe(of("shop", "v1", only));
    expect(full([of("shop", "v1")])).toBe(foldedKey(of("shop", "v1", only)));
  });
});
