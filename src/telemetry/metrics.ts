import type { MetricDelta } from "../snapshot/rpc.ts";
import { counterLines } from "./counters.ts";

/** Labels of Istio's standard metrics, in the order in which a series is keyed. */
const METRIC_LABELS = [
  "reporter",
  "source_workload",
  "source_workload_namespace",
  "source_principal",
  "source_app",
  "source_version",
  "source_canonical_service",
  "source_canonical_revision",
  "source_cluster",
  "destination_workload",
  "destination_workload_namespace",
  "destination_principal",
  "destination_app",
  "destination_version",
  "destination_service",
  "destination_service_name",
  "destination_service_namespace",
  "destination_canonical_service",
  "destination_canonical_revision",
  "destination_cluster",
  "request_protocol",
  "response_code",
  "response_flags",
  "connection_security_policy",
  "grpc_response_status",
] as const;

export type MetricLabels = Readonly<Record<(typeof METRIC_LABELS)[number], string>>;

/** Upper bounds of Istio's (Envoy's) duration buckets, milliseconds; one more counts what is longer. */
const DURATION_BUCKETS_MS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
] as const;

/** The key of a series: its label values as JSON. */
export function seriesKey(labels: MetricLabels): string {
  return JSON.stringify(METRIC_LABELS.map((name) => labels[name]));
}

/** @param key of a series */
export function labelsIn(key: string): MetricLabels {
  const values = JSON.parse(key) as readonly string[];
  return Object.fromEntries(METRIC_LABELS.map((name, at) => [name, values[at] ?? ""])) as MetricLabels;
}

/** The sums of one series since they were last handed over. Whoever counts holds on to it and adds. */
export class Series {
  readonly #key: string;
  readonly #filled: Map<string, Series>;
  #requests = 0;
  #durationMsSum = 0;
  #durationBuckets: number[] = NO_BUCKETS.slice();

  /** @param filled where it enters itself with the first request after a hand-over */
  constructor(key: string, filled: Map<string, Series>) {
    this.#key = key;
    this.#filled = filled;
  }

  add(durationMs: number): void {
    const sums = this.#requests > 0 ? this : this.#enter();
    sums.#requests += 1;
    sums.#durationMsSum += durationMs;
    const bucket = bucketOf(durationMs);
    sums.#durationBuckets[bucket] = (sums.#durationBuckets[bucket] ?? 0) + 1;
  }

  addDelta({ requests, durationMsSum, durationBuckets }: MetricDelta): void {
    const sums = this.#enter();
    sums.#requests += requests;
    sums.#durationMsSum += durationMsSum;
    for (const [at, count] of durationBuckets.entries())
      sums.#durationBuckets[at] = (sums.#durationBuckets[at] ?? 0) + count;
  }

  delta(): MetricDelta {
    return {
      labels: this.#key,
      requests: this.#requests,
      durationMsSum: this.#durationMsSum,
      durationBuckets: this.#durationBuckets.slice(),
    };
  }

  clear(): void {
    this.#requests = 0;
    this.#durationMsSum = 0;
    this.#durationBuckets = NO_BUCKETS.slice();
  }

  /** Two may hold a series of the same labels: the first to have something counts for both. */
  #enter(): Series {
    const first = this.#filled.get(this.#key);
    if (first !== undefined) return first;
    this.#filled.set(this.#key, this);
    return this;
  }
}

const NO_BUCKETS: readonly number[] = Array.from({ length: DURATION_BUCKETS_MS.length + 1 }, () => 0);

/** Sums by series, added on the request path and taken away by the exchange. */
export class MetricSums {
  /** Those with something to hand over. */
  readonly #filled = new Map<string, Series>();

  get size(): number {
    return this.#filled.size;
  }

  /** To add to without looking for it again; it stays good after a hand-over, and costs nothing here while it is empty. */
  series(key: string): Series {
    return this.#filled.get(key) ?? new Series(key, this.#filled);
  }

  addDelta(delta: MetricDelta): void {
    this.series(delta.labels).addDelta(delta);
  }

  has(key: string): boolean {
    return this.#filled.has(key);
  }

  /** Everything since the last time. */
  take(): readonly MetricDelta[] {
    const deltas = this.all();
    for (const series of this.#filled.values()) series.clear();
    this.#filled.clear();
    return deltas;
  }

  all(): readonly MetricDelta[] {
    return Array.from(this.#filled.values(), (series) => series.delta());
  }
}

function bucketOf(durationMs: number): number {
  let at = 0;
  for (const bound of DURATION_BUCKETS_MS) {
    if (durationMs <= bound) return at;
    at += 1;
  }
  return at;
}

/** What the mesh says of its own telemetry. */
export interface MetaMetrics {
  /** Records that were dropped on the way, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Requests whose series was folded into `other`. */
  readonly folded: number;
  readonly generation: number;
  /** Counters beside Istio's, by `counterKey`. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Prometheus' text format, version 0.0.4. */
export function prometheusText(series: readonly MetricDelta[], meta: MetaMetrics): string {
  return [...prometheusPieces(series, meta)].join("");
}

/** The same in pieces of one series each: the whole is too large to be handed from an object to its caller. */
export function* prometheusPieces(series: readonly MetricDelta[], meta: MetaMetrics): Generator<string> {
  yield head("istio_requests_total", "counter", "Requests handled, by caller, destination and answer.");
  for (const { labels, requests } of series) yield `istio_requests_total{${labelText(labels)}} ${requests}\n`;

  yield head(DURATION, "histogram", "Time from a request's arrival to the end of its answer, in milliseconds.");
  for (const one of series) yield histogram(one);

  const counts = counterLines(meta.counts, (name, value) => `${name}="${escaped(value)}"`);
  if (counts.length > 0) yield `${counts.join("\n")}\n`;

  yield head("tulle_telemetry_dropped_total", "counter", "Records of telemetry that were dropped on the way.");
  for (const [reason, count] of Object.entries(meta.dropped))
    yield `tulle_telemetry_dropped_total{reason="${escaped(reason)}"} ${count}\n`;
  yield head(
    "tulle_telemetry_folded_total",
    "counter",
    "Requests counted under `other`, since there were too many series.",
  );
  yield `tulle_telemetry_folded_total ${meta.folded}\n`;
  yield head("tulle_configuration_generation", "gauge", "Generation of the newest configuration.");
  yield `tulle_configuration_generation ${meta.generation}\n`;
}

const DURATION = "istio_request_duration_milliseconds";

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function histogram({ labels, requests, durationMsSum, durationBuckets }: MetricDelta): string {
  const text = labelText(labels);
  let lines = "";
  let reached = 0;
  for (const [at, bound] of DURATION_BUCKETS_MS.entries()) {
    reached += durationBuckets[at] ?? 0;
    lines += `${DURATION}_bucket{${text},le="${bound}"} ${reached}\n`;
  }
  lines += `${DURATION}_bucket{${text},le="+Inf"} ${requests}\n`;
  return `${lines}${DURATION}_sum{${text}} ${durationMsSum}\n${DURATION}_count{${text}} ${requests}\n`;
}

/** The series that further ones are folded into, for one reporter: every other label is `other`. */
export function foldedKey(key: string): string {
  const [reporter] = JSON.parse(key) as string[];
  return JSON.stringify(METRIC_LABELS.map((_, at) => (at === 0 ? reporter : "other")));
}

function labelText(key: string): string {
  const values = JSON.parse(key) as string[];
  return METRIC_LABELS.map((name, at) => `${name}="${escaped(values[at] ?? "")}"`).join(",");
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
