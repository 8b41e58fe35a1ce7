import { describe, expect, it } from "vitest";
import { foldedKey, type MetricLabels, MetricSums, prometheusText, seriesKey } from "../../src/telemetry/metrics.ts";

const LABELS = { reporter: "source", response_code: "200", source_app: 'a"b\\c\nd' } as MetricLabels;

describe("MetricSums", () => {
  it("sums what is added, hands it over once, and adds up what others hand over", () => {
    const sums = new MetricSums();
    sums.add(seriesKey(LABELS), 3);
    sums.add(seriesKey(LABELS), 40);
    const taken = sums.take();
    expect(taken).toMatchObject([{ requests: 2, durationMsSum: 43 }]);
    expect(sums.take()).toEqual([]);
    const all = new MetricSums();
    for (const delta of [...taken, ...taken]) all.addDelta(delta);
    expect(all.all()).toMatchObject([{ requests: 4, durationMsSum: 86 }]);
    expect(all.all()[0]?.durationBuckets.reduce((sum, count) => sum + count, 0)).toBe(4);
  });

  it("folds labels into `other` and keeps the reporter", () => {
    expect(foldedKey(seriesKey(LABELS))).toBe(foldedKey(seriesKey({ ...LABELS, response_code: "500" })));
    expect(foldedKey(seriesKey(LABELS))).not.toBe(foldedKey(seriesKey({ ...LABELS, reporter: "destination" })));
  });
});

it("prometheusText escapes label values and gives a cumulative histogram that ends in +Inf", () => {
  const sums = new MetricSums();
  sums.add(seriesKey(LABELS), 3);
  sums.add(seriesKey(LABELS), 1e9);
  const text = prometheusText(sums.all(), { dropped: { series_limit: 2 }, folded: 1, generation: 9 });
  expect(text).toContain('source_app="a\\"b\\\\c\\nd"');
  expect(text).toMatch(/^istio_requests_total\{.*\} 2$/m);
  expect(text).toMatch(/^istio_request_duration_milliseconds_bucket\{.*le="\+Inf"\} 2$/m);
  const counts = [...text.matchAll(/^istio_request_duration_milliseconds_bucket\{.*\} (\d+)$/gm)].map(([, count]) =>
    Number(count),
  );
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
});
