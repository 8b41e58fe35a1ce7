import { DurableObject } from "cloudflare:workers";
import type { SeenCaller } from "../../src/compile/seen-callers.ts";
import type { TelemetryReport } from "../../src/snapshot/rpc.ts";
import type { Format } from "../../src/telemetry/exposition.ts";
import { foldedKey } from "../../src/telemetry/metrics.ts";
import { prometheusPieces } from "../../src/telemetry/prometheus-text.ts";
import { FOLDED_ROUTE } from "../../src/telemetry/route-labels.ts";
import { SeenCallers } from "./seen-callers.ts";
import { SeriesTable } from "./series-table.ts";

/** With its 67 lines of text a series of Istio's is some 60 KB: at the cap a scrape is about as much as Prometheus takes. */
const MAX_SERIES = 4_000;
const MAX_ROUTE_SERIES = 4_000;
/** Series of counters beside Istio's; past this they are dropped, and counted as that. */
const MAX_COUNTERS = 5_000;
/** Sums are written at most this often; a crash loses no more. */
const WRITE_AFTER_MS = 1_000;
/** Senders that are remembered, so that a repeated report counts once. */
const MAX_SOURCES = 1_000;

/** Before a counter's key, among the totals. */
const COUNT = "count/";

const ENCODER = new TextEncoder();

/** Sums the metrics of the whole mesh. What observes never delays: reports are taken in memory and written a moment later. */
export class Telemetry extends DurableObject<object> {
  readonly #series: SeriesTable;
  readonly #routes: SeriesTable;
  readonly #dropped = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  readonly #seen: SeenCallers;
  #folded = 0;
  #isWritten = true;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.#seen = new SeenCallers(sql);
    this.#series = new SeriesTable(sql, { name: "series", most: MAX_SERIES, folded: foldedKey });
    this.#routes = new SeriesTable(sql, { name: "route_series", most: MAX_ROUTE_SERIES, folded: () => FOLDED_ROUTE });
    sql.exec("CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    sql.exec("CREATE TABLE IF NOT EXISTS sources (source TEXT PRIMARY KEY, sequence INTEGER NOT NULL)");
    for (const { name, value } of sql.exec<{ name: string; value: number }>("SELECT name, value FROM totals")) {
      if (name === "folded") this.#folded = value;
      else if (name.startsWith(COUNT)) this.#counts.set(name.slice(COUNT.length), value);
      else this.#dropped.set(name.replace(/^dropped\//, ""), value);
    }
    for (const row of sql.exec<{ source: string; sequence: number }>("SELECT source, sequence FROM sources")) {
      this.#sequences.set(row.source, row.sequence);
    }
  }

  async report({ source, sequence, metrics, routes = [], dropped, counts = {} }: TelemetryReport): Promise<void> {
    if (sequence <= (this.#sequences.get(source) ?? 0)) return;
    this.#remember(source, sequence);
    this.#isWritten = false;
    const now = Date.now();
    for (const delta of metrics) {
      this.#seen.add(delta.labels, delta.requests, now);
      this.#folded += this.#series.add(delta);
    }
    for (const delta of routes) this.#folded += this.#routes.add(delta);
    for (const [key, count] of Object.entries(counts)) {
      if (this.#counts.has(key) || this.#counts.size < MAX_COUNTERS)
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
      else this.#drop("counter_limit", count);
    }
    for (const [reason, count] of Object.entries(dropped)) this.#drop(reason, count);
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(now + WRITE_AFTER_MS);
  }

  /**
   * Prometheus' text format. A stream: with some thousand series it is more than an answer may hold. Nothing is shown that is not
   * written: what a crash takes back would look to Prometheus like a counter that began anew.
   */
  async text(generation: number, format: Format): Promise<ReadableStream<Uint8Array>> {
    this.#write();
    const pieces = prometheusPieces(
      {
        series: this.#series.all(),
        routes: this.#routes.all(),
        exemplars: (labels) => [...this.#series.exemplars(labels), ...this.#routes.exemplars(labels)],
        dropped: Object.fromEntries(this.#dropped),
        folded: this.#folded,
        generation,
        counts: Object.fromEntries(this.#counts),
      },
      format,
    );
    return new ReadableStream({
      type: "bytes",
      pull: (controller) => {
        const { value, done } = pieces.next();
        if (done === true) controller.close();
        else controller.enqueue(ENCODER.encode(value));
      },
      cancel: () => void pieces.return(undefined),
    });
  }

  /** Who reached which workload within a day. */
  async seenCallers(): Promise<readonly SeenCaller[]> {
    this.ctx.storage.transactionSync(() => this.#seen.write(Date.now()));
    return this.#seen.all();
  }

  override async alarm(): Promise<void> {
    this.#write();
  }

  #write(): void {
    if (this.#isWritten) return;
    const { sql } = this.ctx.storage;
    this.ctx.storage.transactionSync(() => {
      this.#seen.write(Date.now());
      this.#series.write();
      this.#routes.write();
      for (const [name, value] of [["folded", this.#folded] as const, ...this.#totals()]) {
        sql.exec("INSERT OR REPLACE INTO totals (name, value) VALUES (?, ?)", name, value);
      }
      sql.exec("DELETE FROM sources");
      for (const [source, sequence] of this.#sequences) {
        sql.exec("INSERT INTO sources (source, sequence) VALUES (?, ?)", source, sequence);
      }
    });
    this.#series.written();
    this.#routes.written();
    this.#isWritten = true;
  }

  #totals(): readonly (readonly [string, number])[] {
    return [
      ...Array.from(this.#dropped, ([reason, count]) => [`dropped/${reason}`, count] as const),
      ...Array.from(this.#counts, ([key, count]) => [`${COUNT}${key}`, count] as const),
    ];
  }

  #drop(reason: string, count: number): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
  }

  #remember(source: string, sequence: number): void {
    this.#sequences.delete(source);
    this.#sequences.set(source, sequence);
    const [oldest] = this.#sequences.keys();
    if (this.#sequences.size > MAX_SOURCES && oldest !== undefined) this.#sequences.delete(oldest);
  }
}
