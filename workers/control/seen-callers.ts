import type { SeenCaller } from "../../src/compile/seen-callers.ts";
import { reachedIn } from "../../src/telemetry/seen-callers.ts";

const HOUR_MS = 3_600_000;
/** A caller that did not call for so long is forgotten. */
const KEPT_HOURS = 24;
/** Callers are partly in the hands of clients: of more, those that were not seen for longest are forgotten. */
const MAX_ROWS = 5_000;

/** Who reached which workload, by the hour. What it is for only warns, so an hour's end may be lost with the object. */
export class SeenCallers {
  readonly #sql: SqlStorage;
  readonly #unwritten = new Map<string, number>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS seen_callers (hour INTEGER, caller TEXT, service TEXT, namespace TEXT, workload TEXT, requests INTEGER NOT NULL, PRIMARY KEY (hour, caller, service, namespace, workload)) WITHOUT ROWID",
    );
  }

  /** @param series its label values as JSON @param now epoch ms */
  add(series: string, requests: number, now: number): void {
    const reached = reachedIn(series);
    if (reached === null || requests === 0) return;
    const { caller, service, namespace, workload } = reached;
    const row = JSON.stringify([Math.floor(now / HOUR_MS), caller ?? "", service, namespace, workload]);
    this.#unwritten.set(row, (this.#unwritten.get(row) ?? 0) + requests);
  }

  /** To be called in a transaction. @param now epoch ms */
  write(now: number): void {
    for (const [row, requests] of this.#unwritten) {
      const [hour, ...names] = JSON.parse(row) as [number, string, string, string, string];
      this.#sql.exec(
        "INSERT INTO seen_callers (hour, caller, service, namespace, workload, requests) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests",
        hour,
        ...names,
        requests,
      );
    }
    this.#unwritten.clear();
    this.#sql.exec("DELETE FROM seen_callers WHERE hour <= ?", Math.floor(now / HOUR_MS) - KEPT_HOURS);
    this.#sql.exec(
      "DELETE FROM seen_callers WHERE (hour, caller, service, namespace, workload) IN (SELECT hour, caller, service, namespace, workload FROM seen_callers ORDER BY hour DESC LIMIT -1 OFFSET ?)",
      MAX_ROWS,
    );
  }

  /** Each caller of each workload once, with all its calls. */
  all(): readonly SeenCaller[] {
    const rows = this.#sql.exec<{
      caller: string;
      service: string;
      namespace: string;
      workload: string;
      requests: number;
    }>(
      "SELECT caller, service, namespace, workload, SUM(requests) AS requests FROM seen_callers GROUP BY caller, service, namespace, workload ORDER BY service, namespace, workload, caller",
    );
    return Array.from(rows, ({ caller, ...row }) => ({ ...row, caller: caller === "" ? null : caller }));
  }
}
