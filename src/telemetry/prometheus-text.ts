import type { BytesDelta, Exemplar, MetricDelta } from "../snapshot/rpc.ts";
import type { IstioMetric } from "../snapshot/telemetry-model.ts";
import { controlPieces } from "./control-metrics.ts";
import { counterPieces } from "./counter-pieces.ts";
import { escaped, type Format, head } from "./exposition.ts";
import { type Gauges, gaugePieces } from "./gauges.ts";
import { BUCKETS, bucketOf, extraIn, METRIC_LABELS } from "./metrics.ts";
import type { Piece } from "./pieces.ts";
import { ROUTE_LABELS } from "./route-labels.ts";

/** What a scrape shows. */
export interface Shown {
  readonly series: readonly MetricDelta[];
  readonly routes: readonly MetricDelta[];
  /** Of a series by route, or of Istio's: one call for each bucket of its durations at most. */
  readonly exemplars: (labels: string) => readonly Exemplar[];
  /** Records that were dropped on the way, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Requests whose series was folded into `other`. */
  readonly folded: number;
  readonly gauges: Gauges;
  /** Counters beside Istio's, by `counterKey` and `controlKey`. */
  readonly counts: Readonly<Record<string, number>>;
}

/** In pieces of one series each: the whole is too large to be held, or handed from an object to its caller. */
export function* prometheusPieces(shown: Shown, format: Format): Generator<Piece, undefined> {
  yield* istioPieces(shown, format);
  yield* routePieces(shown, format);
  yield* counterPieces(shown.counts, format);
  yield head("tulle_telemetry_dropped_total", "counter", "Records of telemetry that were dropped on the way.", format);
  for (const [reason, count] of Object.entries(shown.dropped))
    yield `tulle_telemetry_dropped_total{reason="${escaped(reason)}"} ${count}\n`;
  const folded = "Requests counted under `other`, since there were too many series.";
  yield head("tulle_telemetry_folded_total", "counter", folded, format);
  yield `tulle_telemetry_folded_total ${shown.folded}\n`;
  yield* controlPieces(shown.counts, format);
  yield* gaugePieces(shown.gauges, format);
  if (format === "openmetrics") yield "# EOF\n";
  return undefined;
}

function* istioPieces({ series, exemplars }: Shown, format: Format): Generator<Piece> {
  yield head("istio_requests_total", "counter", "Requests handled, by caller, destination and answer.", format);
  for (const { labels, requests } of series)
    if (requests > 0 && isOf("REQUEST_COUNT", labels))
      yield `istio_requests_total{${labelText(METRIC_LABELS, labels)}} ${requests}\n`;

  yield head(DURATION, "histogram", "Time from a request's arrival to the end of its answer, in milliseconds.", format);
  for (const one of series) {
    if (one.durationBuckets.length === 0 || !isOf("REQUEST_DURATION", one.labels)) continue;
    const shown = format === "openmetrics" ? exemplars(one.labels) : [];
    yield* histogram(DURATION, labelText(METRIC_LABELS, one.labels), durationsOf(one), shown);
  }
  yield* bodyPieces("istio_request_bytes", "Lengths of requests' bodies, where they are known.", series, format);
  yield* bodyPieces("istio_response_bytes", "Lengths of answers' bodies, where they are known.", series, format);
}

function* bodyPieces(
  name: "istio_request_bytes" | "istio_response_bytes",
  help: string,
  series: readonly MetricDelta[],
  format: Format,
): Generator<Piece> {
  yield head(name, "histogram", help, format);
  for (const one of series) {
    const [metric, bytes] =
      name === "istio_request_bytes"
        ? (["REQUEST_SIZE", one.requestBytes] as const)
        : (["RESPONSE_SIZE", one.responseBytes] as const);
    if (bytes !== undefined && isOf(metric, one.labels))
      yield* histogram(name, labelText(METRIC_LABELS, one.labels), bytes, []);
  }
}

function* routePieces({ routes, exemplars }: Shown, format: Format): Generator<Piece> {
  yield head("tulle_route_requests_total", "counter", "Answers by route, the gateway's own too.", format);
  for (const { labels, requests } of routes)
    yield `tulle_route_requests_total{${labelText(ROUTE_LABELS, labels)}} ${requests}\n`;
  yield head(ROUTE_DURATION, "histogram", "The same time by route, in seconds.", format);
  for (const one of routes) {
    const shown = format === "openmetrics" ? exemplars(one.labels) : [];
    yield* histogram(ROUTE_DURATION, labelText(ROUTE_LABELS, one.labels), durationsOf(one), shown, SECONDS);
  }
}

/** How a histogram's numbers are shown. */
interface Unit {
  /** What is counted in one. */
  readonly of: number;
  readonly bounds: readonly string[];
}

const unit = (of: number): Unit => ({ of, bounds: [...BUCKETS.map((bound) => String(bound / of)), "+Inf"] });
/** As they are counted: milliseconds, as Istio names them, and bytes. */
const PLAIN = unit(1);
/** Of names that are our own: Prometheus' base unit. */
const SECONDS = unit(1_000);

const DURATION = "istio_request_duration_milliseconds";
const ROUTE_DURATION = "tulle_route_request_duration_seconds";

function durationsOf({ durationMsSum, durationBuckets }: MetricDelta): BytesDelta {
  return { sum: durationMsSum, buckets: durationBuckets };
}

/** @param text its labels, as they stand between the braces */
function* histogram(
  name: string,
  text: string,
  { sum, buckets }: BytesDelta,
  exemplars: readonly Exemplar[],
  { of, bounds }: Unit = PLAIN,
): Generator<Piece> {
  let reached = 0;
  const tails = bounds.map((bound, at) => {
    reached += buckets[at] ?? 0;
    const shown = exemplars.length === 0 ? undefined : exemplars.find(({ durationMs }) => bucketOf(durationMs) === at);
    return shown === undefined ? `${bound}"} ${reached}\n` : `${bound}"} ${reached}${exemplarText(shown, of)}\n`;
  });
  yield { head: `${name}_bucket{${text},le="`, tails };
  yield `${name}_sum{${text}} ${sum / of}\n${name}_count{${text}} ${reached}\n`;
}

function exemplarText({ traceId, durationMs, at }: Exemplar, of: number): string {
  return ` # {trace_id="${escaped(traceId)}"} ${durationMs / of} ${at / 1_000}`;
}

/** A Telemetry may have made other series of some metrics. */
function isOf(metric: IstioMetric, key: string): boolean {
  return !hasExtra(key) || (extraIn(key).only?.includes(metric) ?? true);
}

/** Few have something behind their values: the others need no look inside. */
function hasExtra(key: string): boolean {
  return key.endsWith("}]");
}

function labelText(names: readonly string[], key: string): string {
  const values = JSON.parse(key) as readonly string[];
  const own = names.map((name, at) => `${name}="${escaped(values[at] ?? "")}"`);
  const more = names === METRIC_LABELS && hasExtra(key) ? Object.entries(extraIn(key).more ?? {}) : [];
  return [...own, ...more.map(([name, value]) => `${name}="${escaped(value)}"`)].join(",");
}
