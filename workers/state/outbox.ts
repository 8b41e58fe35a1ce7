import type { KeptRecord, MetricDelta, SentRecord, StateApi, TelemetryReport } from "../../src/snapshot/rpc.ts";
import { MetricSums } from "../../src/telemetry/metrics.ts";
import { inTime } from "./in-time.ts";

/** Series that wait for a control that is away; further ones are dropped and counted. */
const MAX_SERIES = 20_000;
/** Decision records that wait; further ones are dropped and counted. A report holds no more of them. */
const MAX_RECORDS = 500;
const SPACING_MS = 1_000;
const TIMEOUT_MS = 5_000;

/** Metric sums and decision records on their way to control: joined, sent at most once a second, each report once. */
export class Outbox {
  readonly #control: StateApi;
  readonly #source = crypto.randomUUID();
  readonly #sums = new MetricSums();
  readonly #routes = new MetricSums();
  #dropped: Record<string, number> = {};
  #counts: Record<string, number> = {};
  #location = "unknown";
  #records: KeptRecord[] = [];
  #unsent: TelemetryReport | null = null;
  #sequence = 0;
  #sending = false;

  constructor(control: StateApi) {
    this.#control = control;
  }

  add({ metrics, routes = [], dropped }: Pick<TelemetryReport, "metrics" | "routes" | "dropped">): void {
    this.#join(this.#sums, metrics);
    this.#join(this.#routes, routes);
    for (const [reason, count] of Object.entries(dropped)) this.#drop(reason, count);
    this.#sendNews();
  }

  #join(sums: MetricSums, deltas: readonly MetricDelta[]): void {
    for (const delta of deltas) {
      if (sums.has(delta.labels) || sums.size < MAX_SERIES) sums.addDelta(delta);
      else this.#drop("cell_series_limit", delta.requests);
    }
  }

  /** Decision records of one gateway's isolate. @param location of the cell @param gateway as its binding says */
  record(location: string, gateway: string, records: readonly SentRecord[]): void {
    this.#location = location;
    const room = Math.max(0, MAX_RECORDS - this.#records.length);
    for (const record of records.slice(0, room)) this.#records.push({ ...record, gateway });
    if (records.length > room) this.#drop("cell_records_limit", records.length - room);
    this.#sendNews();
  }

  /** @param key of a counter, which grows */
  count(key: string, by = 1): void {
    this.#counts[key] = (this.#counts[key] ?? 0) + by;
    this.#sendNews();
  }

  #sendNews(): void {
    if (!this.#sending && this.#hasNews()) void this.#send();
  }

  #hasNews(): boolean {
    if (this.#unsent !== null || this.#sums.size > 0 || this.#routes.size > 0 || this.#records.length > 0) return true;
    return hasAny(this.#dropped) || hasAny(this.#counts);
  }

  #drop(reason: string, count: number): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count;
  }

  /** Never rejects. After a failure it waits for the next exchange: what observes does not insist. */
  async #send(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#hasNews()) {
        this.#unsent ??= this.#next();
        await inTime(this.#control.report(this.#unsent), TIMEOUT_MS);
        this.#unsent = null;
        await scheduler.wait(SPACING_MS);
      }
    } catch {
      // The report is kept, and goes out again under the same sequence.
    } finally {
      this.#sending = false;
    }
  }

  #next(): TelemetryReport {
    this.#sequence += 1;
    const routes = this.#routes.take();
    const records = this.#records;
    const report = {
      source: this.#source,
      sequence: this.#sequence,
      metrics: this.#sums.take(),
      ...(routes.length > 0 && { routes }),
      dropped: this.#dropped,
      ...(hasAny(this.#counts) && { counts: this.#counts }),
      ...(records.length > 0 && { records: { location: this.#location, records } }),
    };
    this.#records = [];
    this.#dropped = {};
    this.#counts = {};
    return report;
  }
}

function hasAny(counts: Readonly<Record<string, number>>): boolean {
  return Object.keys(counts).length > 0;
}
