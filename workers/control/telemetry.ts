import { DurableObject } from "cloudflare:workers";
import type { SeenCaller } from "../../src/compile/seen-callers.ts";
import type { TelemetryReport } from "../../src/snapshot/rpc.ts";
import { foldedKey, MetricSums, prometheusPieces } from "../../src/telemetry/metrics.ts";
import { SeenCallers } from "./seen-callers.ts";

/** Past this, further series are folded into `other`: labels are partly in the hands of clients. */
const MAX_SERIES = 20_000;
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
  readonly #sums = new MetricSums();
  readonly #dropped = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  readonly #unwritten = new Set<string>();
  readonly #seen: SeenCallers;
  #folded = 0;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.#seen = new SeenCallers(sql);
    sql.exec("CREATE TABLE IF NOT EXISTS series (labels TEXT PRIMARY KEY, delta TEXT NOT NULL)");
    sql.exec("CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    sql.exec("CREATE TABLE IF NOT EXISTS sources (source TEXT PRIMARY KEY, sequence INTEGER NOT NULL)");
    for (const { delta } of sql.exec<{ delta: string }>("SELECT delta FROM series")) {
      this.#sums.addDelta(JSON.parse(delta));
    }
    for (const { name, value } of sql.exec<{ name: string; value: number }>("SELECT name, value FROM totals")) {
      if (name === "folded") this.#folded = value;
      else if (name.startsWith(COUNT)) this.#counts.set(name.slice(COUNT.length), value);
      else this.#dropped.set(name.replace(/^dropped\//, ""), value);
    }
    for (const row of sql.exec<{ source: string; sequence: number }>("SELECT source, sequence FROM sources")) {
      this.#sequences.set(row.source, row.sequence);
    }
  }

  async report({ source, sequence, metrics, dropped, counts = {} }: TelemetryReport): Promise<void> {
    if (sequence <= (this.#sequences.get(source) ?? 0)) return;
    this.#remember(source, sequence);
    const now = Date.now();
    for (const delta of metrics) {
      this.#seen.add(delta.labels, delta.requests, now);
      const known = this.#sums.has(delta.labels) || this.#sums.size < MAX_SERIES;
      const labels = known ? delta.labels : foldedKey(delta.labels);
      if (!known) this.#folded += delta.requests;
      this.#sums.addDelta({ ...delta, labels });
      this.#unwritten.add(labels);
    }
    for (const [key, count] of Object.entries(counts)) {
      if (this.#counts.has(key) || this.#counts.size < MAX_COUNTERS)
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
      else this.#drop("counter_limit", count);
    }
    for (const [reason, count] of Object.entries(dropped)) this.#drop(reason, count);
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(now + WRITE_AFTER_MS);
  }

  /** Prometheus' text format. A stream: with some thousand series it is more than an answer may hold. */
  async text(generation: number): Promise<ReadableStream<Uint8Array>> {
    const pieces = prometheusPieces(this.#sums.all(), {
      dropped: Object.fromEntries(this.#dropped),
      folded: this.#folded,
      generation,
      counts: Object.fromEntries(this.#counts),
    });
    return new ReadableStream({
      type: "bytes",
      pull: (controller) => {
        const { value, done } = pieces.next();
        if (done === true) controller.close();
        else controller.enqueue(ENCODER.encode(value));
      },
    });
  }

  /** Who reached which workload within a day. */
  async seenCallers(): Promise<readonly SeenCaller[]> {
    this.ctx.storage.transactionSync(() => this.#seen.write(Date.now()));
    return this.#seen.all();
  }

  override async alarm(): Promise<void> {
    const { sql } = this.ctx.storage;
    this.ctx.storage.transactionSync(() => {
      this.#seen.write(Date.now());
      for (const delta of this.#sums.all()) {
        if (this.#unwritten.has(delta.labels))
          sql.exec("INSERT OR REPLACE INTO series (labels, delta) VALUES (?, ?)", delta.labels, JSON.stringify(delta));
      }
      for (const [name, value] of [["folded", this.#folded] as const, ...this.#totals()]) {
        sql.exec("INSERT OR REPLACE INTO totals (name, value) VALUES (?, ?)", name, value);
      }
      sql.exec("DELETE FROM sources");
      for (const [source, sequence] of this.#sequences) {
        sql.exec("INSERT INTO sources (source, sequence) VALUES (?, ?)", source, sequence);
      }
    });
    this.#unwritten.clear();
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
