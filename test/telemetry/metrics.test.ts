import { describe, expect, it } from "vitest";
import { foldedKey, type MetricLabels, MetricSums, prometheusText, seriesKey } from "../../src/telemetry/metrics.ts";

const LABELS = { reporter: "source", response_code: "200", source_app: 'a"b\\c\nd' } as MetricLabels;

describe("MetricSums", () => {
  it("sums what is added, hands it over once, and adds up what others hand over", () => {
    const sums = new MetricSums();
    sums.series(seriesKey(LABELS)).add(3);
    sums.series(seriesKey(LABELS)).add(40);
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
    held.add(3);
    const first = sums.take();
    expect(sums.size).toBe(0);
    held.add(40);
    expect(sums.has(seriesKey(LABELS))).toBe(true);
    expect(sums.take()).toMatchObject([{ labels: seriesKey(LABELS), requests: 1, durationMsSum: 40 }]);
    expect(first).toMatchObject([{ requests: 1, durationMsSum: 3 }]);
  });

  it("joins what two holders of the same labels count, whoever begins", () => {
    const sums = new MetricSums();
    const [one, other] = [sums.series(seriesKey(LABELS)), sums.series(seriesKey(LABELS))];
    other.add(1);
    one.add(2);
    one.add(3);
    expect(sums.take()).toMatchObject([{ requests: 3, durationMsSum: 6 }]);
    one.add(4);
    other.add(5);
    expect(sums.take()).toMatchObject([{ requests: 2, durationMsSum: 9 }]);
  });

  it("has nothing to hand over of a series that nobody counted in", () => {
    const sums = new MetricSums();
    sums.series(seriesKey(LABELS));
    expect([sums.size, sums.has(seriesKey(LABELS)), sums.all()]).toEqual([0, false, []]);
  });

  it("counts a duration in the first bucket that holds it", () => {
    const sums = new MetricSums();
    for (const ms of [0, 0.5, 1, 3_600_000, 3_600_001]) sums.series(seriesKey(LABELS)).add(ms);
    expect(sums.all()[0]?.durationBuckets).toEqual([2, 1, ...Array.from({ length: 16 }, () => 0), 1, 1]);
  });

  it("folds labels into `other` and keeps the reporter", () => {
    expect(foldedKey(seriesKey(LABELS))).toBe(foldedKey(seriesKey({ ...LABELS, response_code: "500" })));
    expect(foldedKey(seriesKey(LABELS))).not.toBe(foldedKey(seriesKey({ ...LABELS, reporter: "destination" })));
  });
});

it("prometheusText escapes label values and gives a cumulative histogram that ends in +Inf", () => {
  const sums = new MetricSums();
  sums.series(seriesKey(LABELS)).add(3);
  sums.series(seriesKey(LABELS)).add(1e9);
  const text = prometheusText(sums.all(), { dropped: { series_limit: 2 }, folded: 1, generation: 9, counts: {} });
  expect(text).toContain('source_app="a\\"b\\\\c\\nd"');
  expect(text).toMatch(/^istio_requests_total\{.*\} 2$/m);
  expect(text).toMatch(/^istio_request_duration_milliseconds_bucket\{.*le="\+Inf"\} 2$/m);
  const counts = [...text.matchAll(/^istio_request_duration_milliseconds_bucket\{.*\} (\d+)$/gm)].map(([, count]) =>
    Number(count),
  );
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
});
