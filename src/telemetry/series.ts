import type { Journal } from "./journal.ts";
import { callerOf, labelsOf } from "./labels.ts";
import { type MetricSums, type Series, seriesKey } from "./metrics.ts";

/** A call counts under both of Istio's reporters. */
interface Pair {
  readonly source: Series;
  readonly destination: Series;
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

/**
 * Finds a call's series by numbers: a series' labels are a long text, and the same few come again and again. An endpoint belongs to
 * one cluster, so it alone tells the destination.
 */
export class SeriesIndex {
  readonly #sums: MetricSums;
  #pairs = new WeakMap<object, Map<number, Pair>>();
  #pairCount = 0;
  /** Callers that are one object each: a Gateway's workload, a peer from outside. */
  #callers = new WeakMap<object, number>();
  /** Callers that came over a binding: the platform makes their props anew for each call. */
  readonly #named = new Map<string, number>();
  #callerCount = 0;
  readonly #flags = new Map<string, number>();

  constructor(sums: MetricSums) {
    this.#sums = sums;
  }

  /** @param durationMs of the whole call */
  add(journal: Journal, durationMs: number): void {
    const { source, destination } = this.#pair(journal);
    source.add(durationMs);
    destination.add(durationMs);
  }

  #pair(journal: Journal): Pair {
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
      pair = { source: this.#series(journal, "source"), destination: this.#series(journal, "destination") };
      pairs.set(number, pair);
    }
    return pair;
  }

  #series(journal: Journal, reporter: "source" | "destination"): Series {
    return this.#sums.series(seriesKey(labelsOf(journal, reporter)));
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
