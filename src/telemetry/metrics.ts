import type { BytesDelta, Exemplar, MetricDelta } from "../snapshot/rpc.ts";
import type { IstioMetric } from "../snapshot/telemetry-model.ts";

/** Labels of Istio's standard metrics, in the order in which a series is keyed. */
export const METRIC_LABELS = [
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

/**
 * Upper bounds of the buckets of all histograms; one more counts what is above. Istio's (Envoy's) own, for milliseconds and for bytes
 * alike: a quantile over series of both meshes comes out right.
 */
export const BUCKETS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
] as const;

/** Where `bucketOf` may begin: what is longer than 100 ms or bytes is in none of the first seven. */
const LONG = 100;
const FIRST_LONG = 7;

/** Index of the first bucket that holds it. */
export function bucketOf(value: number): number {
  let at = value > LONG ? FIRST_LONG : 0;
  while (at < BUCKETS.length && value > (BUCKETS[at] ?? 0)) at += 1;
  return at;
}

/** What a Telemetry makes of a series beside the values of its labels. */
export interface SeriesExtra {
  /** Of which metrics it is, by Istio's names; absent: of all. */
  readonly only?: readonly IstioMetric[] | undefined;
  /** Further labels with their values; absent: none. */
  readonly more?: Readonly<Record<string, string>>;
}

/** The key of a series: its label values as JSON, and what is extra behind them. An empty value is a label that is not there. */
export function seriesKey(labels: MetricLabels, extra: SeriesExtra = {}): string {
  const { only, more = {} } = extra;
  const values: unknown[] = METRIC_LABELS.map((name) => labels[name]);
  const names = Object.keys(more);
  if (only !== undefined || names.length > 0) values.push({ only, ...(names.length > 0 && { more }) });
  return JSON.stringify(values);
}

/** @param key of a series */
export function extraIn(key: string): SeriesExtra {
  return (JSON.parse(key) as readonly SeriesExtra[])[METRIC_LABELS.length] ?? {};
}

const ALL_METRICS: readonly IstioMetric[] = ["REQUEST_COUNT", "REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE"];

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : 1);

/**
 * What a series counts, under its labels alone. Telemetries come and go: the metrics of one set of labels may come in one series, and
 * later in several; to Prometheus they are one.
 *
 * @param delta as an isolate counted: all metrics, whichever the series is of
 */
export function underLabels(delta: MetricDelta): MetricDelta {
  // Few have something behind their values.
  if (!delta.labels.endsWith("}]")) return delta;
  const { only = ALL_METRICS, more = {} } = extraIn(delta.labels);
  const { requestBytes, responseBytes, exemplar } = delta;
  const isTimed = only.includes("REQUEST_DURATION");
  return {
    labels: seriesKey(labelsIn(delta.labels), { more: Object.fromEntries(Object.entries(more).toSorted(byName)) }),
    requests: only.includes("REQUEST_COUNT") ? delta.requests : 0,
    durationMsSum: isTimed ? delta.durationMsSum : 0,
    durationBuckets: isTimed ? delta.durationBuckets : [],
    ...(requestBytes && only.includes("REQUEST_SIZE") && { requestBytes }),
    ...(responseBytes && only.includes("RESPONSE_SIZE") && { responseBytes }),
    ...(exemplar && isTimed && { exemplar }),
  };
}

/** @param key of a series */
export function labelsIn(key: string): MetricLabels {
  const values = JSON.parse(key) as readonly string[];
  return Object.fromEntries(METRIC_LABELS.map((name, at) => [name, values[at] ?? ""])) as MetricLabels;
}

/** A series that a Telemetry made. */
export interface ToldKey {
  /** The namespace whose calls they are, and so whose authors may have made it; empty: they took that away. */
  readonly owner: string;
  /** The same series without the labels that it got. */
  readonly plain: string;
  /** As `plain`, but of all metrics: beside that one the other would be shown twice. */
  readonly whole: string;
}

/** The namespace by whose settings a side's calls are counted: that of the side. */
export function ownerOf(reporter: string, source: string, destination: string): string {
  return reporter === "source" ? source : destination;
}

/** @param key of a series @returns null where it has no labels beside the standard ones */
export function toldIn(key: string): ToldKey | null {
  const values = JSON.parse(key) as unknown[];
  const { only, more } = (values[METRIC_LABELS.length] ?? {}) as SeriesExtra;
  if (more === undefined) return null;
  const { reporter, source_workload_namespace: source, destination_workload_namespace: destination } = labelsIn(key);
  const own = values.slice(0, METRIC_LABELS.length);
  const whole = JSON.stringify(own);
  const plain = only === undefined ? whole : JSON.stringify([...own, { only }]);
  return { owner: ownerOf(reporter, source, destination), plain, whole };
}

/** The series that further ones are folded into, for one reporter: every other label is `other`. */
export function foldedKey(key: string): string {
  const [reporter] = JSON.parse(key) as string[];
  const { only } = extraIn(key);
  const values: unknown[] = METRIC_LABELS.map((_, at) => (at === 0 ? reporter : "other"));
  return JSON.stringify(only === undefined ? values : [...values, { only }]);
}

/** One call in numbers. Whoever counts has one such object and fills it anew for each call. */
export interface Measured {
  durationMs: number;
  /** `bucketOf` of each: a call counts in several series. */
  durationBucket: number;
  /** -1: not known. */
  requestBytes: number;
  requestBucket: number;
  responseBytes: number;
  responseBucket: number;
  /** Where its trace is recorded; empty: it is not. */
  traceId: string;
  /** Epoch ms of its end. */
  at: number;
}

/** Lengths of bodies since they were last handed over. */
class BytesSum {
  sum = 0;
  readonly buckets = NO_BUCKETS.slice();
}

/** The sums of one series since they were last handed over. Whoever counts holds on to it and adds. */
export class Series {
  readonly #key: string;
  readonly #filled: Map<string, Series>;
  #requests = 0;
  #durationMsSum = 0;
  readonly #durationBuckets: number[] = NO_BUCKETS.slice();
  #request: BytesSum | null = null;
  #response: BytesSum | null = null;
  #exemplarTrace = "";
  #exemplarMs = -1;
  #exemplarAt = 0;

  /** @param filled where it enters itself with the first request after a hand-over */
  constructor(key: string, filled: Map<string, Series>) {
    this.#key = key;
    this.#filled = filled;
  }

  add(call: Measured): void {
    const sums = this.#requests > 0 ? this : this.#enter();
    sums.#addTime(call);
    if (call.requestBytes >= 0) addBytes((sums.#request ??= new BytesSum()), call.requestBytes, call.requestBucket);
    if (call.responseBytes >= 0) addBytes((sums.#response ??= new BytesSum()), call.responseBytes, call.responseBucket);
  }

  /** Without its bodies. */
  addTime(call: Measured): void {
    const sums = this.#requests > 0 ? this : this.#enter();
    sums.#addTime(call);
  }

  #addTime({ durationMs, durationBucket, traceId, at }: Measured): void {
    this.#requests += 1;
    this.#durationMsSum += durationMs;
    this.#durationBuckets[durationBucket] = (this.#durationBuckets[durationBucket] ?? 0) + 1;
    if (traceId !== "" && durationMs > this.#exemplarMs) this.#show(traceId, durationMs, at);
  }

  #show(traceId: string, durationMs: number, at: number): void {
    this.#exemplarTrace = traceId;
    this.#exemplarMs = durationMs;
    this.#exemplarAt = at;
  }

  addDelta({ requests, durationMsSum, durationBuckets, requestBytes, responseBytes, exemplar }: MetricDelta): void {
    const sums = this.#enter();
    sums.#requests += requests;
    sums.#durationMsSum += durationMsSum;
    addBuckets(sums.#durationBuckets, durationBuckets);
    if (requestBytes !== undefined) addSum((sums.#request ??= new BytesSum()), requestBytes);
    if (responseBytes !== undefined) addSum((sums.#response ??= new BytesSum()), responseBytes);
    if (exemplar !== undefined && exemplar.durationMs > sums.#exemplarMs)
      sums.#show(exemplar.traceId, exemplar.durationMs, exemplar.at);
  }

  delta(): MetricDelta {
    const requestBytes = bytesDelta(this.#request);
    const responseBytes = bytesDelta(this.#response);
    const exemplar = this.#exemplar();
    return {
      labels: this.#key,
      requests: this.#requests,
      durationMsSum: this.#durationMsSum,
      durationBuckets: compact(this.#durationBuckets),
      ...(requestBytes && { requestBytes }),
      ...(responseBytes && { responseBytes }),
      ...(exemplar && { exemplar }),
    };
  }

  #exemplar(): Exemplar | null {
    if (this.#exemplarTrace === "") return null;
    return { traceId: this.#exemplarTrace, durationMs: this.#exemplarMs, at: this.#exemplarAt };
  }

  clear(): void {
    this.#requests = 0;
    this.#durationMsSum = 0;
    this.#durationBuckets.fill(0);
    this.#request = null;
    this.#response = null;
    this.#show("", -1, 0);
  }

  /** Two may hold a series of the same labels: the first to have something counts for both. */
  #enter(): Series {
    const first = this.#filled.get(this.#key);
    if (first !== undefined) return first;
    this.#filled.set(this.#key, this);
    return this;
  }
}

const NO_BUCKETS: readonly number[] = Array.from({ length: BUCKETS.length + 1 }, () => 0);

function addBytes(to: BytesSum, bytes: number, bucket: number): void {
  to.sum += bytes;
  to.buckets[bucket] = (to.buckets[bucket] ?? 0) + 1;
}

function addSum(to: BytesSum, { sum, buckets }: BytesDelta): void {
  to.sum += sum;
  addBuckets(to.buckets, buckets);
}

/** @param counts of another version may be more: what this one does not know counts as above its last bound */
function addBuckets(to: number[], counts: readonly number[]): void {
  for (const [at, count] of counts.entries()) {
    const own = Math.min(at, BUCKETS.length);
    to[own] = (to[own] ?? 0) + count;
  }
}

function bytesDelta(bytes: BytesSum | null): BytesDelta | null {
  return bytes && { sum: bytes.sum, buckets: compact(bytes.buckets) };
}

/** Without the zeros at the end: most buckets of most series are empty. */
function compact(buckets: readonly number[]): readonly number[] {
  return buckets.slice(0, buckets.findLastIndex((count) => count > 0) + 1);
}

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

/** One series' sums and more of them, under the labels of the first. */
export function sumOf(sums: MetricDelta, more: MetricDelta): MetricDelta {
  const both = new MetricSums();
  both.addDelta(sums);
  both.addDelta({ ...more, labels: sums.labels });
  return both.series(sums.labels).delta();
}
