import type { Exemplar, MetricDelta } from "../../src/snapshot/rpc.ts";
import { bucketOf, sumOf, type ToldKey } from "../../src/telemetry/metrics.ts";
import { SeriesRoom } from "../../src/telemetry/series-room.ts";

/** What a table of series is. */
interface Settings {
  /** Of the table. */
  readonly name: "series" | "route_series";
  /** Further series are folded: labels are partly in the hands of clients. */
  readonly most: number;
  /** The series that one is folded into. */
  readonly folded: (key: string) => string;
  /** Null: no Telemetry made it. */
  readonly told: (key: string) => ToldKey | null;
}

/** The series of the whole mesh of one kind, in memory, and what of them is not written yet. */
export class SeriesTable {
  readonly #sql: SqlStorage;
  readonly #settings: Settings;
  /** None is changed: whoever holds those of a moment, as a scrape does while it is read, needs no copies. */
  readonly #sums = new Map<string, MetricDelta>();
  readonly #room: SeriesRoom;
  readonly #unwritten = new Set<string>();
  /** By series and by bucket of the duration: the last one that came. They are not written: soon there are others. */
  readonly #exemplars = new Map<string, Map<number, Exemplar>>();

  constructor(sql: SqlStorage, settings: Settings) {
    this.#sql = sql;
    this.#settings = settings;
    this.#room = new SeriesRoom(settings);
    sql.exec(`CREATE TABLE IF NOT EXISTS ${settings.name} (labels TEXT PRIMARY KEY, delta TEXT NOT NULL)`);
    for (const { delta } of sql.exec<{ delta: string }>(`SELECT delta FROM ${settings.name}`)) {
      const stored = JSON.parse(delta) as MetricDelta;
      this.#room.enter(stored.labels);
      this.#sums.set(stored.labels, stored);
    }
  }

  /** @returns the labels under which it counts: its own, or those that it was folded into */
  add(delta: MetricDelta): string {
    const { exemplar, ...sums } = delta;
    const labels = this.#room.place(delta.labels);
    const before = this.#sums.get(labels);
    this.#sums.set(labels, before === undefined ? { ...sums, labels } : sumOf(before, sums));
    this.#unwritten.add(labels);
    if (exemplar !== undefined) this.#show(labels, exemplar);
    return labels;
  }

  all(): readonly MetricDelta[] {
    return [...this.#sums.values()];
  }

  exemplars(labels: string): readonly Exemplar[] {
    return [...(this.#exemplars.get(labels)?.values() ?? [])];
  }

  /** To be called in a transaction, and `written` after it. */
  write(): void {
    for (const labels of this.#unwritten) {
      const delta = JSON.stringify(this.#sums.get(labels));
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
