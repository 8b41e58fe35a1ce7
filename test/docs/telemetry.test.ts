import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AccessLog } from "../../src/telemetry/access-log.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { labelsOf } from "../../src/telemetry/labels.ts";
import { MetricSums, seriesKey } from "../../src/telemetry/metrics.ts";
import { ROUTE_LABELS } from "../../src/telemetry/route-labels.ts";
import { measured } from "../support/measured.ts";
import { scrapeText } from "../support/shown.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/telemetry.md"), "utf8");

/** The names in the first column of the table with this head. */
function namesUnder(head: string): readonly string[] {
  const [, table = ""] = PAGE.split(`| ${head} |`);
  const rows = table.split("\n\n")[0]?.split("\n").slice(2) ?? [];
  return rows.flatMap((row) => [...(row.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}

const journal = new Journal(0, "id", "GET");

describe("docs/telemetry.md", () => {
  it("lists the fields of the access log in their order", () => {
    // Whose match block has a prefix, with policies that only tell: else those fields are left out.
    const note = { stage: "gateway", action: "AUDIT", dryRun: false, result: "matched", policy: "a/b" } as const;
    const whole = Object.assign(new Journal(0, "id", "GET"), {
      route: { name: "default", statPrefix: "a", matches: [], destinations: [] },
      loop: 1,
      notes: [note, { ...note, dryRun: true }, { ...note, action: "OBSERVE", code: "mtls_required" }],
    });
    const line = new AccessLog("gateway").line(whole, "LOC", 1);
    expect(namesUnder("Field")).toEqual(Object.keys(JSON.parse(line) as object));
  });

  it("lists the labels of the metrics in their order", () => {
    const sums = new MetricSums();
    sums.series(seriesKey(labelsOf(journal, "source"))).add(measured(1));
    const [, labels = ""] = /^istio_requests_total\{(.*)\} 1$/m.exec(scrapeText({ series: sums.all() })) ?? [""];
    expect(namesUnder("Label")).toEqual([...labels.matchAll(/(\w+)="/g)].map(([, name]) => name));
  });

  it("lists the labels of the series by route in their order", () => {
    expect(namesUnder("Label of routes")).toEqual(ROUTE_LABELS);
  });

  it("lists the labels of ejections in their order", () => {
    const labels = { source_principal: "-", cluster: "c", endpoint: "e", cause: "consecutive_5xx" };
    const counts = { [counterKey("tulle_ejections_total", labels)]: 1 };
    const [, text = ""] = /^tulle_ejections_total\{(.*)\} 1$/m.exec(scrapeText({ counts })) ?? [""];
    expect(namesUnder("Label of ejections")).toEqual([...text.matchAll(/(\w+)="/g)].map(([, name]) => name));
  });

  it("lists the labels of mirrors in their order", () => {
    const labels = { source_principal: "-", cluster: "c", result: "2xx" };
    const counts = { [counterKey("tulle_mirror_requests_total", labels)]: 1 };
    const [, text = ""] = /^tulle_mirror_requests_total\{(.*)\} 1$/m.exec(scrapeText({ counts })) ?? [""];
    expect(namesUnder("Label of mirrors")).toEqual([...text.matchAll(/(\w+)="/g)].map(([, name]) => name));
  });

  it("lists the labels of policies that enforce nothing in their order", () => {
    const audit = counterKey("tulle_authz_audit_total", { policy: "a/b", cluster: "c" });
    const labels = { action: "DENY", result: "denied", policy: "a/b", cluster: "c" };
    const asked = counterKey("tulle_ext_authz_requests_total", { provider: "a", result: "denied" });
    const counts = { [asked]: 1, [audit]: 1, [counterKey("tulle_authz_dry_run_total", labels)]: 1 };
    const text = scrapeText({ counts });
    for (const [metric, head] of [
      ["tulle_ext_authz_requests_total", "Label of external authorizers"],
      ["tulle_authz_audit_total", "Label of AUDIT"],
      ["tulle_authz_dry_run_total", "Label of dry runs"],
    ] as const) {
      const [, found = ""] = new RegExp(`^${metric}\\{(.*)\\} 1$`, "m").exec(text) ?? [""];
      expect(namesUnder(head)).toEqual([...found.matchAll(/(\w+)="/g)].map(([, name]) => name));
    }
  });

  it("names every metric", () => {
    const text = scrapeText();
    for (const [, name = ""] of text.matchAll(/^# TYPE (\w+)/gm)) expect(PAGE).toContain(`\`${name}\``);
  });
});
