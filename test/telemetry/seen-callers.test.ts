import { describe, expect, it } from "vitest";
import { METRIC_LABELS } from "../../src/telemetry/metrics.ts";
import { SeenCallers } from "../../workers/control/seen-callers.ts";
import { objectSql } from "../support/object-sql.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);

/** A series of requests of this caller to the workload `api`. */
function seriesOf(caller: string): string {
  const labels: Readonly<Record<string, string>> = {
    reporter: "destination",
    source_principal: `spiffe://cluster.local/ns/shop/sa/${caller}`,
    destination_service: "api.shop.svc.cluster.local",
    destination_workload: "api",
    destination_workload_namespace: "shop",
  };
  return JSON.stringify(METRIC_LABELS.map((name) => labels[name] ?? "unknown"));
}

const callersOf = (seen: SeenCallers): readonly string[] =>
  seen.all().map(({ caller }) => caller?.split("/").at(-1) ?? "nobody");

describe("callers that were seen", () => {
  it("are one for each workload, with the calls of all hours", () => {
    const seen = new SeenCallers(objectSql());
    for (const hour of [0, 0, 1, 5]) {
      seen.add(seriesOf("web"), 2, START + hour * HOUR);
      seen.write(START + hour * HOUR);
    }
    expect(seen.all()).toEqual([
      {
        caller: "cluster.local/ns/shop/sa/web",
        service: "api.shop.svc.cluster.local",
        namespace: "shop",
        workload: "api",
        requests: 8,
      },
    ]);
  });

  it("are forgotten after 24 hours without a call, and not before", () => {
    const seen = new SeenCallers(objectSql());
    seen.add(seriesOf("early"), 1, START);
    seen.add(seriesOf("late"), 1, START + 2 * HOUR);
    seen.write(START);
    seen.write(START + 24 * HOUR - 1);
    expect(callersOf(seen)).toEqual(["early", "late"]);
    seen.write(START + 24 * HOUR);
    expect(callersOf(seen)).toEqual(["late"]);
    seen.write(START + 26 * HOUR);
    expect(callersOf(seen)).toEqual([]);
  });

  it("are 5,000 at most: of more, those that were not seen for longest go", () => {
    const sql = objectSql();
    const seen = new SeenCallers(sql);
    const name = (at: number): string => `c${String(at).padStart(4, "0")}`;
    for (let at = 0; at < 5_000; at += 1) seen.add(seriesOf(name(at)), 1, START + (at < 10 ? 0 : HOUR));
    seen.write(START + HOUR);
    expect(seen.all()).toHaveLength(5_000);
    for (let at = 0; at < 10; at += 1) seen.add(seriesOf(`new${at}`), 1, START + 2 * HOUR);
    seen.write(START + 2 * HOUR);
    const kept = callersOf(seen);
    expect(kept).toHaveLength(5_000);
    expect(kept.filter((one) => one.startsWith("new"))).toHaveLength(10);
    expect(kept).not.toContain(name(9));
    expect(kept).toContain(name(10));
    // What a flood of clients brings within one hour is bounded as well.
    for (let at = 0; at < 6_000; at += 1) seen.add(seriesOf(`flood${at}`), 1, START + 2 * HOUR);
    seen.write(START + 2 * HOUR);
    expect(sql.exec("SELECT COUNT(*) AS rows FROM seen_callers").one()).toEqual({ rows: 5_000 });
  });
});
