import { counterKey } from "./counters.ts";
import type { Journal } from "./journal.ts";
import { callerOf, labelsOf, UNKNOWN } from "./labels.ts";
import { bucketOf, type Measured, type MetricSums, type Series, seriesKey } from "./metrics.ts";
import { routeKey } from "./route-labels.ts";
import type { Route, Slice } from "../snapshot/model.ts";
import type { TelemetryIndex } from "./told.ts";
import { SeriesBudget, type ToldMetrics, ToldSeries } from "./told-metrics.ts";

/** A call counts under both of Istio's reporters, and by its route: that one is looked up anew where it is not the last call's. */
interface Pair {
  /** Null: a Telemetry makes others of it. */
  readonly source: Series | null;
  readonly destination: Series | null;
  /** Those that a Telemetry makes. */
  readonly told: readonly ToldSeries[];
  route: Route | null;
  details: string;
  ofRoute: Series;
  /** Keys of the counters of bodies whose length is not known; null: there was none yet. */
  unknownRequest: string | null;
  unknownResponse: string | null;
}

// Caller, status, flag and protocol make one small integer (12 + 10 + 5 + 1 bits), which the runtime keeps without an object.
const CALLERS = 2 ** 12;
const STATUSES = 2 ** 10;
const FLAGS = 2 ** 5;
const PROTOCOLS = 2;

/** Pairs that are remembered; with more, as with more callers or flags, all are forgotten and found anew. */
const MAX_PAIRS = 5_000;

/** Where a call goes that has no destination. */
const NOWHERE = {};

const NONE: readonly ToldSeries[] = [];

/** Of a call that has no route. */
const NO_ROUTE = {};

/**
 * Finds a call's series by numbers: a series' labels are a long text, and the same few come again and again. An endpoint belongs to
 * one cluster, so it alone tells the destination.
 */
export class SeriesIndex {
  readonly #sums: MetricSums;
  readonly #routeSums: MetricSums;
  readonly #count: (key: string) => void;
  /** Filled anew for each call. */
  readonly #measured: Measured = {
    durationMs: 0,
    durationBucket: 0,
    requestBytes: -1,
    requestBucket: 0,
    responseBytes: -1,
    responseBucket: 0,
    traceId: "",
    at: 0,
  };
  #pairs = new WeakMap<object, Map<number, Pair>>();
  #pairCount = 0;
  /** Callers that are one object each: a Gateway's workload, a peer from outside. */
  #callers = new WeakMap<object, number>();
  /** Callers that came over a binding: the platform makes their props anew for each call. */
  readonly #named = new Map<string, number>();
  #callerCount = 0;
  readonly #flags = new Map<string, number>();
  /** By route, and by the text of what else its labels show. */
  #routes = new WeakMap<object, Map<string, Series>>();
  #routeCount = 0;
  /** Whose settings the pairs are made by; null: nobody's. */
  #telemetry: TelemetryIndex | null = null;
  #budget = new SeriesBudget();

  /**
   * @param routes sums by route
   * @param count called with the key of a counter, which grows by one
   */
  constructor(sums: MetricSums, routes: MetricSums, count: (key: string) => void) {
    this.#sums = sums;
    this.#routeSums = routes;
    this.#count = count;
  }

  /**
   * @param now epoch ms: the call's end
   * @param telemetry settings of the root in use; null: there are none
   * @param slice of the call's host; undefined: it was not found
   */
  add(journal: Journal, now: number, telemetry: TelemetryIndex | null = null, slice?: Slice): void {
    if (telemetry !== this.#telemetry) {
      this.#telemetry = telemetry;
      this.#budget = new SeriesBudget();
      this.#forget();
    }
    const pair = this.#pair(journal, slice);
    const call = this.#measure(journal, pair, now);
    pair.source?.add(call);
    pair.destination?.add(call);
    for (const one of pair.told) one.of(journal, now).add(call);
    if (pair.route !== journal.route || pair.details !== journal.details) this.#turn(pair, journal);
    pair.ofRoute.addTime(call);
  }

  #measure(journal: Journal, pair: Pair, now: number): Measured {
    const call = this.#measured;
    const durationMs = now - journal.startedAt;
    call.durationMs = durationMs;
    call.durationBucket = bucketOf(durationMs);
    // A call of Workers RPC has no bodies.
    const isHttp = journal.protocol === "http";
    call.requestBytes = isHttp ? (journal.requestBytes ?? -1) : -1;
    call.requestBucket = bucketOf(call.requestBytes);
    call.responseBytes = isHttp ? (journal.bytes ?? -1) : -1;
    call.responseBucket = bucketOf(call.responseBytes);
    call.traceId = journal.sampled ? journal.traceId : "";
    call.at = now;
    if (isHttp && call.requestBytes < 0) this.#count((pair.unknownRequest ??= unknownBody(journal, "request")));
    if (isHttp && call.responseBytes < 0) this.#count((pair.unknownResponse ??= unknownBody(journal, "response")));
    return call;
  }

  #pair(journal: Journal, slice: Slice | undefined): Pair {
    if (this.#pairCount >= MAX_PAIRS || this.#callerCount >= CALLERS || this.#flags.size >= FLAGS) this.#forget();
    const to = journal.endpoint ?? journal.cluster ?? NOWHERE;
    let pairs = this.#pairs.get(to);
    if (pairs === undefined) {
      pairs = new Map();
      this.#pairs.set(to, pairs);
    }
    const ofHttp = (this.#caller(journal) * STATUSES + journal.status) * FLAGS + this.#flag(journal.flag);
    const number = ofHttp * PROTOCOLS + (journal.protocol === "http" ? 0 : 1);
    let pair = pairs.get(number);
    if (pair === undefined) {
      this.#pairCount += 1;
      const told = this.#telemetry?.of(journal, slice);
      const client = told?.client.metrics ?? null;
      const server = told?.server?.metrics ?? null;
      pair = {
        source: client === null ? this.#series(journal, "source") : null,
        destination: server === null ? this.#series(journal, "destination") : null,
        told: [...this.#told(journal, "source", client), ...this.#told(journal, "destination", server)],
        route: journal.route,
        details: journal.details,
        ofRoute: this.#ofRoute(journal),
        unknownRequest: null,
        unknownResponse: null,
      };
      pairs.set(number, pair);
    }
    return pair;
  }

  #series(journal: Journal, reporter: "source" | "destination"): Series {
    return this.#sums.series(seriesKey(labelsOf(journal, reporter)));
  }

  #told(journal: Journal, reporter: "source" | "destination", metrics: ToldMetrics | null): readonly ToldSeries[] {
    const labels = metrics && labelsOf(journal, reporter);
    return labels === null
      ? NONE
      : (metrics ?? []).map((group) => new ToldSeries(labels, group, this.#sums, this.#budget));
  }

  #turn(pair: Pair, journal: Journal): void {
    pair.route = journal.route;
    pair.details = journal.details;
    pair.ofRoute = this.#ofRoute(journal);
  }

  #ofRoute(journal: Journal): Series {
    if (this.#routeCount >= MAX_PAIRS) {
      this.#routes = new WeakMap();
      this.#routeCount = 0;
    }
    const { cluster, status, flag, details, protocol } = journal;
    const of = journal.route ?? NO_ROUTE;
    let series = this.#routes.get(of);
    if (series === undefined) {
      series = new Map();
      this.#routes.set(of, series);
    }
    const text = `${status} ${flag} ${details} ${protocol} ${cluster?.id}`;
    let one = series.get(text);
    if (one === undefined) {
      this.#routeCount += 1;
      one = this.#routeSums.series(routeKey(journal));
      series.set(text, one);
    }
    return one;
  }

  #caller(journal: Journal): number {
    const { gateway, peer, props } = journal;
    if (gateway === null && props !== null) return this.#namedCaller(journal);
    const who = gateway ?? peer;
    let number = this.#callers.get(who);
    if (number === undefined) {
      number = this.#callerCount++;
      this.#callers.set(who, number);
    }
    return number;
  }

  #namedCaller(journal: Journal): number {
    const { name, namespace, principal, app, version } = callerOf(journal);
    const text = `${journal.peer.by}\0${name}\0${namespace}\0${principal}\0${app}\0${version}`;
    let number = this.#named.get(text);
    if (number === undefined) {
      number = this.#callerCount++;
      this.#named.set(text, number);
    }
    return number;
  }

  #flag(flag: string): number {
    let number = this.#flags.get(flag);
    if (number === undefined) {
      number = this.#flags.size;
      this.#flags.set(flag, number);
    }
    return number;
  }

  #forget(): void {
    this.#pairs = new WeakMap();
    this.#pairCount = 0;
    this.#callers = new WeakMap();
    this.#named.clear();
    this.#callerCount = 0;
    this.#flags.clear();
  }
}

function unknownBody({ cluster }: Journal, body: "request" | "response"): string {
  return counterKey("tulle_body_length_unknown_total", { body, destination_service: cluster?.service.host ?? UNKNOWN });
}
