import { describe, expect, it } from "vitest";
import { controlKey, observed } from "../../src/telemetry/control-metrics.ts";
import { scrapeText } from "../support/shown.ts";

const sums = (...grown: readonly (readonly [string, number])[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const [key, by] of grown) counts[key] = (counts[key] ?? 0) + by;
  return counts;
};

describe("what control counts of itself", () => {
  it("shows as counters, those without labels from the start", () => {
    const key = controlKey("pilot_k8s_cfg_events", { type: "VirtualService", event: "add" });
    expect(scrapeText({ counts: { [key]: 3 } })).toContain(
      'pilot_k8s_cfg_events{type="VirtualService",event="add"} 3\n',
    );
    expect(scrapeText()).toContain("\npilot_total_xds_internal_errors 0\n");
  });

  it("keeps Istio's names in OpenMetrics, where a counter's would have to end in `_total`", () => {
    expect(scrapeText({}, "openmetrics")).toContain("# TYPE pilot_xds_pushes unknown\n");
    expect(scrapeText()).toContain("# TYPE pilot_xds_pushes counter\n");
  });

  it("shows as cumulative histograms", () => {
    const of = (seconds: number) => observed("pilot_xds_push_time", { type: "root" }, seconds);
    const lines = scrapeText({ counts: sums(...[0.005, 0.1, 2, 99].flatMap(of)) })
      .split("\n")
      .filter((line) => line.startsWith("pilot_xds_push_time_"));
    expect(lines).toEqual([
      ...[
        ["0.01", 1],
        ["0.1", 2],
        ["1", 2],
        ["3", 3],
        ["5", 3],
        ["10", 3],
        ["20", 3],
        ["30", 3],
        ["+Inf", 4],
      ].map(([le, count]) => `pilot_xds_push_time_bucket{type="root",le="${le}"} ${count}`),
      'pilot_xds_push_time_sum{type="root"} 101.105',
      'pilot_xds_push_time_count{type="root"} 4',
    ]);
  });
});
