import { Breakers } from "../resilience/breakers.ts";
import type { ExchangeUp, MetricDelta, SentRecord } from "../snapshot/rpc.ts";
import { ProbeDuty } from "./probe-duty.ts";
import { MetricSums } from "../telemetry/metrics.ts";
import { TailBook, type TailBookDeps } from "./tail-book.ts";

/** Series that wait for a cell that is away; further ones are dropped and counted. */
const MAX_PENDING_SERIES = 5_000;

type Recorded = Pick<ExchangeUp, "records">;

/** Decision records that wait for a cell that is away; further ones are dropped and counted. */
const MAX_PENDING_RECORDS = 100;

/** What goes up again with the same sequence until the cell has answered, so that nothing counts twice. */
export type Unsent = Pick<
  ExchangeUp,
  "sequence" | "outcomes" | "metrics" | "routes" | "dropped" | "counts" | "probed" | "tailed"
>;

/** What this isolate has to tell its cell. */
export class Uplink {
  readonly outcomes = new Breakers();
  readonly metrics = new MetricSums();
  readonly routes = new MetricSums();
  readonly probes = new ProbeDuty();
  readonly tails: TailBook;
  #dropped: Record<string, number> = {};
  #counts = new Map<string, number>();
  #records: SentRecord[] = [];
  #sequence = 0;
  #unsent: (Unsent & Recorded) | null = null;

  constructor(deps: TailBookDeps) {
    this.tails = new TailBook(deps);
  }

  /** Counts a record that was lost. */
  drop(reason: string, count = 1): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count;
  }

  /** @param key of a counter, which grows by one */
  count(key: string): void {
    const before = this.#counts.get(key);
    if (before === undefined && this.#counts.size >= MAX_PENDING_SERIES) this.drop("counter_limit");
    else this.#counts.set(key, (before ?? 0) + 1);
  }

  /** Decision records, for the next exchange. */
  record(records: readonly SentRecord[]): void {
    const room = MAX_PENDING_RECORDS - this.#records.length;
    this.#records.push(...records.slice(0, room));
    if (records.length > room) this.drop("records_limit", records.length - room);
  }

  #takeRecords(): Recorded {
    const records = this.#records;
    if (records.length === 0) return {};
    this.#records = [];
    return { records };
  }

  /** The same until it was `delivered`. */
  next(now: number): Unsent & Recorded {
    this.#unsent ??= { ...this.#takeRecords(), ...this.#gather(now) };
    return this.#unsent;
  }

  delivered(): void {
    this.#unsent = null;
  }

  #gather(now: number): Unsent {
    const metrics = this.#take(this.metrics);
    const routes = this.#take(this.routes);
    const dropped = this.#dropped;
    this.#dropped = {};
    const counts = this.#counts;
    if (counts.size > 0) this.#counts = new Map();
    this.#sequence += 1;
    const probed = this.probes.takeResults();
    const tailed = this.tails.next();
    return {
      ...(probed.length > 0 && { probed }),
      ...(tailed !== null && { tailed }),
      sequence: this.#sequence,
      outcomes: this.outcomes.take(now),
      metrics,
      ...(routes.length > 0 && { routes }),
      dropped,
      ...(counts.size > 0 && { counts: Object.fromEntries(counts) }),
    };
  }

  #take(sums: MetricSums): readonly MetricDelta[] {
    const deltas = sums.take();
    const lost = deltas.slice(MAX_PENDING_SERIES).reduce((sum, { requests }) => sum + requests, 0);
    if (lost > 0) this.drop("series_limit", lost);
    return lost > 0 ? deltas.slice(0, MAX_PENDING_SERIES) : deltas;
  }
}
