import type { BytesDelta, MetricDelta } from "../snapshot/rpc.ts";
import { controlKey, controlPart } from "./control-metrics.ts";
import { counterLabels } from "./counters.ts";
import type { IstioMetric } from "../snapshot/telemetry-model.ts";
import { BUCKETS, extraIn, METRIC_LABELS } from "./metrics.ts";
import type { Growth } from "./rollup-codec.ts";
import { ROUTE_LABELS } from "./route-labels.ts";

/** What is counted: calls by Istio's labels, answers by route, counters beside them, control's histograms, records that were dropped. */
export type RollupKind = "call" | "route" | "counter" | "histogram" | "dropped" | "folded";

const HISTOGRAM = BUCKETS.length + 2;
/**
 * Values of a call: how many, then three histograms, each its sum and its buckets. Places are stored: where one changes, rows that are
 * there mean something else, and need another table.
 */
const DURATION_AT = 1;
const REQUEST_AT = DURATION_AT + HISTOGRAM;
const RESPONSE_AT = REQUEST_AT + HISTOGRAM;

const LENGTHS: Readonly<Record<RollupKind, number>> = {
  call: RESPONSE_AT + HISTOGRAM,
  route: REQUEST_AT,
  counter: 1,
  // Control's have a sum and at most so many buckets.
  histogram: 16,
  dropped: 1,
  folded: 1,
};

export function noGrowth(kind: RollupKind): Growth {
  return new Float64Array(LENGTHS[kind]);
}

/** Adds what a report tells of one series. @returns `to` */
export function addDelta(to: Growth, delta: MetricDelta): Growth {
  to[0] = (to[0] ?? 0) + delta.requests;
  addHistogram(to, DURATION_AT, { sum: delta.durationMsSum, buckets: delta.durationBuckets });
  if (to.length <= REQUEST_AT) return to;
  if (delta.requestBytes !== undefined) addHistogram(to, REQUEST_AT, delta.requestBytes);
  if (delta.responseBytes !== undefined) addHistogram(to, RESPONSE_AT, delta.responseBytes);
  return to;
}

function addHistogram(to: Growth, at: number, { sum, buckets }: BytesDelta): void {
  to[at] = (to[at] ?? 0) + sum;
  for (const [bucket, count] of buckets.entries()) {
    const place = at + 1 + Math.min(bucket, BUCKETS.length);
    to[place] = (to[place] ?? 0) + count;
  }
}

/** Durations of a series' calls by bucket. */
export function durationsIn(values: Growth): readonly number[] {
  return [...values.subarray(DURATION_AT + 1, DURATION_AT + HISTOGRAM)];
}

/** One series as `/metrics` shows it, made of the values of one that is kept. */
export interface Exposed {
  readonly name: string;
  /** Of a bucket. */
  readonly le: string | null;
  /** The sum of the values in [from, to). */
  readonly from: number;
  readonly to: number;
  /** It is shown where the sum of those in [presentFrom, presentTo) is above 0. */
  readonly presentFrom: number;
  readonly presentTo: number;
  /** What one of it is of what is counted: a second is 1,000 of its milliseconds. */
  readonly unit: number;
}

/** @param present where it tells that there is something; null: in its buckets */
function histogram(
  name: string,
  at: number,
  present: readonly [from: number, to: number] | null,
  bounds: readonly number[] = BUCKETS,
  unit = 1,
): readonly Exposed[] {
  const end = at + bounds.length + 2;
  const [presentFrom, presentTo] = present ?? [at + 1, end];
  const one = (suffix: string, le: string | null, from: number, to: number, of = 1): Exposed => ({
    unit: of,
    name: `${name}_${suffix}`,
    le,
    from,
    to,
    presentFrom,
    presentTo,
  });
  const buckets = [...bounds.map((bound) => String(bound / unit)), "+Inf"].map((le, bucket) =>
    one("bucket", le, at + 1, at + 2 + bucket),
  );
  return [...buckets, one("sum", null, at, at + 1, unit), one("count", null, at + 1, end)];
}

function counter(name: string): Exposed {
  return { name, le: null, from: 0, to: 1, presentFrom: 0, presentTo: 1, unit: 1 };
}

const EXPOSED: Readonly<Record<Exclude<RollupKind, "counter" | "histogram">, readonly Exposed[]>> = {
  call: [
    counter("istio_requests_total"),
    ...histogram("istio_request_duration_milliseconds", DURATION_AT, null),
    ...histogram("istio_request_bytes", REQUEST_AT, null),
    ...histogram("istio_response_bytes", RESPONSE_AT, null),
  ],
  route: [
    counter("tulle_route_requests_total"),
    ...histogram("tulle_route_request_duration_seconds", DURATION_AT, [0, 1], BUCKETS, 1_000),
  ],
  dropped: [counter("tulle_telemetry_dropped_total")],
  // It is shown from the start.
  folded: [{ ...counter("tulle_telemetry_folded_total"), presentTo: 0 }],
};

/** What `/metrics` shows of a series. @param key as reports and totals have it */
export function exposedOf(kind: RollupKind, key: string): readonly Exposed[] {
  switch (kind) {
    case "counter": {
      const [name = ""] = JSON.parse(key) as string[];
      const labels = labelsOfCounter(key);
      // One without labels is shown from the start.
      return labels === null ? [] : [{ ...counter(name), ...(labels.length === 0 && { presentTo: 0 }) }];
    }
    case "histogram": {
      const part = controlPart(key);
      return part?.histogram === undefined ? [] : histogram(part.name, 0, null, part.histogram.bounds);
    }
    case "call":
      return exposedOfCall(key);
    case "route":
    case "dropped":
    case "folded":
      return EXPOSED[kind];
  }
}

/** Names of a series' labels, and their values. */
export function labelsOfKey(
  kind: RollupKind,
  key: string,
): { readonly labels: readonly string[]; readonly values: readonly string[] } {
  switch (kind) {
    case "call":
      return labelsOfCall(key);
    case "route":
      return { labels: ROUTE_LABELS, values: JSON.parse(key) };
    case "counter": {
      const [, ...values] = JSON.parse(key) as string[];
      return { labels: labelsOfCounter(key) ?? [], values };
    }
    case "histogram":
      return controlPart(key) ?? { labels: [], values: [] };
    case "dropped":
      return { labels: ["reason"], values: [key] };
    case "folded":
      return { labels: [], values: [] };
  }
}

/** A Telemetry may have made a series of some metrics alone, with labels of its own. */
function exposedOfCall(key: string): readonly Exposed[] {
  const { only } = extraIn(key);
  if (only === undefined) return EXPOSED.call;
  return EXPOSED.call.filter(({ name }) => only.some((metric) => name.startsWith(NAMES[metric])));
}

function labelsOfCall(key: string): ReturnType<typeof labelsOfKey> {
  const values = (JSON.parse(key) as string[]).slice(0, METRIC_LABELS.length);
  const { more = {} } = extraIn(key);
  return { labels: [...METRIC_LABELS, ...Object.keys(more)], values: [...values, ...Object.values(more)] };
}

const NAMES: Readonly<Record<IstioMetric, string>> = {
  REQUEST_COUNT: "istio_requests_total",
  REQUEST_DURATION: "istio_request_duration_milliseconds",
  REQUEST_SIZE: "istio_request_bytes",
  RESPONSE_SIZE: "istio_response_bytes",
  GRPC_REQUEST_MESSAGES: "istio_request_messages_total",
  GRPC_RESPONSE_MESSAGES: "istio_response_messages_total",
};

/** @returns null: a counter that is not known here */
function labelsOfCounter(key: string): readonly string[] | null {
  const [name = ""] = JSON.parse(key) as string[];
  return counterLabels(name) ?? controlPart(key)?.labels ?? null;
}

/** Where a count of control's belongs: a counter, or one place of a histogram, whose parts it counts by keys of their own. */
export function placeOf(key: string): {
  readonly kind: "counter" | "histogram";
  readonly key: string;
  readonly place: number;
} {
  const part = controlPart(key);
  if (part?.histogram === undefined) return { kind: "counter", key, place: 0 };
  const { part: of } = part.histogram;
  return { kind: "histogram", key: JSON.stringify([part.name, ...part.values]), place: of === "sum" ? 0 : of + 1 };
}

/** Counters that are shown before they have counted anything. */
export const FROM_THE_START: readonly string[] = [controlKey("pilot_total_xds_internal_errors", {})];
