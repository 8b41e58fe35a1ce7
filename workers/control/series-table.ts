import type { Exemplar, MetricDelta } from "../../src/snapshot/rpc.ts";
import { bucketOf, MetricSums } from "../../src/telemetry/metrics.ts";

/** What a table of series is. */
interface Settings {
  /** Of the table. */
  readonly name: "series" | "route_series";
  /** Further series are folded: labels are partly in the hands of clients. */
  readonly most: number;
  /** The series that one is folded into. */
  readonly folded: (key: string) => string;
}

/** The series of the whole mesh of one kind, in memory, and what of them is not written yet. */
export class SeriesTable {
  readonly #sql: SqlStorage;
  readonly #settings: Settings;
  readonly #sums = new MetricSums();
  readonly #unwritten = new Set<string>();
  /** By series and by bucket of the duration: the last one that came. They are not written: soon there are others. */
  readonly #exemplars = new Map<string, Map<number, Exemplar>>();

  constructor(sql: SqlStorage, settings: Settings) {
    this.#sql = sql;
    this.#settings = settings;
    sql.exec(`CREATE TABLE IF NOT EXISTS ${settings.name} (labels TEXT PRIMARY KEY, delta TEXT NOT NULL)`);
    for (const { delta } of sql.exec<{ delta: string }>(`SELECT delta FROM ${settings.name}`))
      this.#sums.addDelta(JSON.parse(delta));
  }

  /** @returns the labels under which it counts: its own, or those that it was folded into */
  add(delta: MetricDelta): string {
    const { most, folded } = this.#settings;
    const { exemplar, ...sums } = delta;
    const known = this.#sums.has(delta.labels) || this.#sums.size < most;
    const labels = known ? delta.labels : folded(delta.labels);
    this.#sums.addDelta({ ...sums, labels });
    this.#unwritten.add(labels);
    if (exemplar !== undefined) this.#show(labels, exemplar);
    return labels;
  }

  all(): readonly MetricDelta[] {
    return this.#sums.all();
  }

  exemplars(labels: string): readonly Exemplar[] {
    return [...(this.#exemplars.get(labels)?.values() ?? [])];
  }

  /** To be called in a transaction, and `written` after it. */
  write(): void {
    for (const labels of this.#unwritten) {
      const delta = JSON.stringify(this.#sums.series(labels).delta());
      this.#sql.exec(`INSERT OR REPLACE INTO ${this.#settings.name} (labels, delta) VALUES (?, ?)`, labels, delta);
    }
  }

  written(): void {
    this.#unwritten.clear();
  }

  #show(labels: string, exemplar: Exemplar): void {
    let shown = this.#exemplars.get(labels);
    if (shown === undefined) {
      shown = new Map();
      this.#exemplars.set(labels, shown);
    }
    shown.set(bucketOf(exemplar.durationMs), exemplar);
  }
}
