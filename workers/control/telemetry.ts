import { DurableObject } from "cloudflare:workers";
import type { SeenCaller } from "../../src/compile/seen-callers.ts";
import { runQuery, type QueryTimes } from "../../src/query/run.ts";
import type { QueryError } from "../../src/query/syntax.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { MetricDelta, TelemetryReport } from "../../src/snapshot/rpc.ts";
import type { Format } from "../../src/telemetry/exposition.ts";
import type { Gauges } from "../../src/telemetry/gauges.ts";
import { foldedKey, toldIn, underLabels } from "../../src/telemetry/metrics.ts";
import { graphOf, type ServiceGraph, tooLarge } from "../../src/telemetry/graph.ts";
import type { Growth } from "../../src/telemetry/rollup-codec.ts";
import { type Gauge, type History, sourceOf, type StoredSeries } from "../../src/telemetry/rollup-history.ts";
import { addDelta, FROM_THE_START, noGrowth, placeOf, type RollupKind } from "../../src/telemetry/rollup-kinds.ts";
import { sampleTimeAt } from "../../src/telemetry/rollup-times.ts";
import type { SeriesViewer } from "../../src/telemetry/series-visibility.ts";
import { chunksOf, type Piece } from "../../src/telemetry/pieces.ts";
import { prometheusPieces } from "../../src/telemetry/prometheus-text.ts";
import { FOLDED_ROUTE } from "../../src/telemetry/route-labels.ts";
import { Rollups } from "./rollups.ts";
import { Scrapes } from "./scrapes.ts";
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
const OWN = "own/";

/** Sums the metrics of the whole mesh. What observes never delays: reports are taken in memory and written a moment later. */
export class Telemetry extends DurableObject<object> {
  readonly #series: SeriesTable;
  readonly #routes: SeriesTable;
  readonly #dropped = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  /** Of control's own work. */
  readonly #own = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  readonly #seen: SeenCallers;
  readonly #rollups: Rollups;
  readonly #scrapes = new Scrapes(
    () => new IdentityTransformStream(),
    () => Date.now(),
  );
  #folded = 0;
  #isWritten = true;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.#seen = new SeenCallers(sql);
    this.#rollups = new Rollups(sql);
    this.#series = new SeriesTable(sql, { name: "series", most: MAX_SERIES, folded: foldedKey, told: toldIn });
    const ofRoutes = { most: MAX_ROUTE_SERIES, folded: () => FOLDED_ROUTE, told: () => null };
    this.#routes = new SeriesTable(sql, { name: "route_series", ...ofRoutes });
    sql.exec("CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    sql.exec("CREATE TABLE IF NOT EXISTS sources (source TEXT PRIMARY KEY, sequence INTEGER NOT NULL)");
    for (const { name, value } of sql.exec<{ name: string; value: number }>("SELECT name, value FROM totals")) {
      if (name === "folded") this.#folded = value;
      else if (name.startsWith(COUNT)) this.#counts.set(name.slice(COUNT.length), value);
      else if (name.startsWith(OWN)) this.#own.set(name.slice(OWN.length), value);
      else this.#dropped.set(name.replace(/^dropped\//, ""), value);
    }
    for (const row of sql.exec<{ source: string; sequence: number }>("SELECT source, sequence FROM sources")) {
      this.#sequences.set(row.source, row.sequence);
    }
  }

  /** @param own of control: there is no bound to what clients have no part in */
  async report(
    { source, sequence, metrics, routes = [], dropped, counts = {} }: TelemetryReport,
    own = false,
  ): Promise<void> {
    if (sequence <= (this.#sequences.get(source) ?? 0)) return;
    this.#remember(source, sequence);
    this.#isWritten = false;
    const now = Date.now();
    for (const counted of metrics) {
      this.#seen.add(counted.labels, counted.requests, now);
      const delta = underLabels(counted);
      this.#count("call", delta, this.#series.add(delta), now);
    }
    for (const delta of routes) this.#count("route", delta, this.#routes.add(delta), now);
    for (const [key, count] of Object.entries(counts)) {
      if (own) this.#countOwn(key, count, now);
      else if (this.#counts.has(key) || this.#counts.size < MAX_COUNTERS) {
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
        this.#rollups.grow("counter", key, count, now);
      } else this.#drop("counter_limit", count, now);
    }
    for (const [reason, count] of Object.entries(dropped)) this.#drop(reason, count, now);
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(now + WRITE_AFTER_MS);
  }

  /**
   * Prometheus' text format. A stream: with some thousand series it is more than an answer may hold. Nothing is shown that is not
   * written: what a crash takes back would look to Prometheus like a counter that began anew.
   *
   * @returns null: as many are read already as there may be
   */
  async text(gauges: Gauges, format: Format): Promise<ReadableStream<Uint8Array> | null> {
    this.#write();
    const scrape = this.#scrapes.start(() => chunksOf(this.#pieces(gauges, format)));
    if (scrape === null) return null;
    this.ctx.waitUntil(scrape.done);
    return scrape.readable;
  }

  #pieces(gauges: Gauges, format: Format): Iterable<Piece> {
    return prometheusPieces(
      {
        series: this.#series.all(),
        routes: this.#routes.all(),
        exemplars: (labels) => [...this.#series.exemplars(labels), ...this.#routes.exemplars(labels)],
        dropped: Object.fromEntries(this.#dropped),
        folded: this.#folded,
        gauges,
        counts: Object.fromEntries([...this.#counts, ...this.#own]),
      },
      format,
    );
  }

  /** A query's answer as text, or why there is none. @param gauges what is known of now alone */
  async query(
    text: string,
    times: QueryTimes,
    viewer: SeriesViewer,
    gauges: readonly Gauge[],
  ): Promise<Result<string, QueryError>> {
    const data = runQuery(text, times, sourceOf(this.#history(gauges, Date.now()), viewer));
    return data.ok ? ok(JSON.stringify(data.value)) : data;
  }

  /** Who called whom within some seconds. @returns in the error's place why that is too much, and what to do */
  async graph(seconds: number, viewer: SeriesViewer): Promise<Result<ServiceGraph, string>> {
    const now = Date.now();
    const from = sampleTimeAt(now - seconds * 1_000, now);
    const refused = tooLarge(this.#rollups.size(from), seconds, viewer.namespace === null);
    if (refused !== null) return err(refused);
    const { since } = this.#rollups;
    return ok(graphOf(this.#rollups.grown("call", from, now), { seconds, from, now, since, viewer }));
  }

  #history(gauges: readonly Gauge[], now: number): History {
    const stored = (kind: RollupKind, key: string, total: () => Growth): StoredSeries => {
      return { kind, key, id: this.#rollups.idOf(kind, key), total };
    };
    const one = (kind: RollupKind, key: string, value: number) => stored(kind, key, () => Float64Array.of(value));
    const calls = (kind: "call" | "route", deltas: readonly MetricDelta[]) =>
      deltas.map((delta) => stored(kind, delta.labels, () => addDelta(noGrowth(kind), delta)));
    return {
      series: [
        ...calls("call", this.#series.all()),
        ...calls("route", this.#routes.all()),
        ...Array.from(this.#counts, ([key, count]) => one("counter", key, count)),
        ...this.#ownSeries().map(({ kind, key, values }) => stored(kind, key, () => values.slice())),
        ...Array.from(this.#dropped, ([reason, count]) => one("dropped", reason, count)),
        one("folded", "", this.#folded),
      ],
      rows: (after) => this.#rollups.rows(after, now),
      gauges,
      since: this.#rollups.since ?? now,
      now,
    };
  }

  #ownSeries(): readonly { readonly kind: RollupKind; readonly key: string; readonly values: Growth }[] {
    const all = new Map<string, { readonly kind: RollupKind; readonly key: string; readonly values: Growth }>();
    const started = FROM_THE_START.filter((key) => !this.#own.has(key)).map((key) => [key, 0] as const);
    for (const [key, count] of [...this.#own, ...started]) {
      const { kind, key: of, place } = placeOf(key);
      const series = all.get(of) ?? { kind, key: of, values: noGrowth(kind) };
      all.set(of, series);
      series.values[place] = count;
    }
    return [...all.values()];
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
    const now = Date.now();
    this.ctx.storage.transactionSync(() => {
      this.#seen.write(now);
      this.#series.write();
      this.#routes.write();
      this.#rollups.write(now);
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
    this.#rollups.written();
    this.#isWritten = true;
  }

  #totals(): readonly (readonly [string, number])[] {
    return [
      ...Array.from(this.#dropped, ([reason, count]) => [`dropped/${reason}`, count] as const),
      ...Array.from(this.#counts, ([key, count]) => [`${COUNT}${key}`, count] as const),
      ...Array.from(this.#own, ([key, count]) => [`${OWN}${key}`, count] as const),
    ];
  }

  /** @param labels under which it counts */
  #count(kind: "call" | "route", delta: MetricDelta, labels: string, now: number): void {
    addDelta(this.#rollups.growth(kind, labels, now), delta);
    if (labels === delta.labels) return;
    this.#folded += delta.requests;
    this.#rollups.grow("folded", "", delta.requests, now);
  }

  #countOwn(key: string, count: number, now: number): void {
    this.#own.set(key, (this.#own.get(key) ?? 0) + count);
    const { kind, key: of, place } = placeOf(key);
    const growth = this.#rollups.growth(kind, of, now);
    growth[place] = (growth[place] ?? 0) + count;
  }

  #drop(reason: string, count: number, now: number): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
    this.#rollups.grow("dropped", reason, count, now);
  }

  #remember(source: string, sequence: number): void {
    this.#sequences.delete(source);
    this.#sequences.set(source, sequence);
    const [oldest] = this.#sequences.keys();
    if (this.#sequences.size > MAX_SOURCES && oldest !== undefined) this.#sequences.delete(oldest);
  }
}
