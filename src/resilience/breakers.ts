import {
  appendStreaks,
  type EndpointHealth,
  healthy,
  isCounting,
  isOut,
  isSuccess,
  mayEject,
  NO_ERRORS,
  type Outcome,
  recordOutcome,
  streaksOf,
  sweep,
} from "./outlier.ts";
import { ByEndpoint } from "./by-endpoint.ts";
import type { OutlierSettings } from "../snapshot/model.ts";
import type { BreakerKey, Ejection, EjectionCause, OutcomeReport, Streaks } from "../snapshot/rpc.ts";

/** One endpoint as one caller's calls from this isolate saw it. */
interface Judged extends BreakerKey {
  settings: OutlierSettings | null;
  /** Endpoints of the cluster, as of the last call. */
  hosts: number;
  /** The same ones; null: nobody said which. */
  among: Endpoints | null;
  health: EndpointHealth;
  /** Since the last exchange; null: nothing. */
  seen: {
    streaks: Required<Streaks>;
    lastErrorAt: number;
    ejection: { readonly at: number; readonly cause: EjectionCause } | null;
  } | null;
}

type Endpoints = readonly { readonly id: string }[];

/** Entries of endpoints that went well since are dropped past this. */
const MAX_JUDGED = 10_000;

/**
 * The isolate's own outlier detection, as an Envoy proxy does it, and what the cell says of the other isolates. Both work
 * alone. An endpoint without errors has no entry, so the healthy path is one look into an empty map.
 */
export class Breakers {
  readonly #judged = new ByEndpoint<Judged>();
  #fromCell = new ByEndpoint<Ejection>();

  /** Endpoints that are judged now. */
  get size(): number {
    return this.#judged.size;
  }

  /**
   * @param hosts endpoints of the cluster
   * @param among which they are: those that it has no more leave room for others; null: all that were judged
   */
  record(
    key: BreakerKey,
    settings: OutlierSettings,
    hosts: number,
    outcome: Outcome,
    now: number,
    among: Endpoints | null = null,
  ): void {
    const success = isSuccess(outcome, settings);
    if (success && this.#judged.size === 0) return;
    // A straggler, sent before the cell told of the ejection.
    if (this.#isOutByCell(key.caller, key.cluster, key.endpoint, now)) return;
    let judged = this.#judged.get(key.caller, key.cluster, key.endpoint);
    if (!judged) {
      if (success) return;
      judged = { ...keyOf(key), settings, hosts, among, health: healthy(now), seen: null };
      if (this.#judged.size >= MAX_JUDGED) this.#judged.deleteOldest();
      this.#judged.set(judged);
    }
    judged.settings = settings;
    judged.hosts = hosts;
    judged.among = among;
    const before = sweep(judged.health, settings, now);
    if (before.ejection !== null) {
      judged.health = before; // a straggler, sent before it was ejected
      return;
    }
    const allowed = mayEject(settings, hosts, this.#ejectedIn(key, among, now));
    judged.health = recordOutcome(before, outcome, settings, now, allowed);
    this.#see(judged, outcome, settings, now);
  }

  isEjected(caller: string, cluster: string, endpoint: string, now: number): boolean {
    if (this.#judged.size === 0 && this.#fromCell.size === 0) return false;
    if (this.#isOutByCell(caller, cluster, endpoint, now)) return true;
    const judged = this.#judged.get(caller, cluster, endpoint);
    if (!judged?.settings) return false;
    judged.health = sweep(judged.health, judged.settings, now);
    return judged.health.ejection !== null;
  }

  /**
   * What the next exchange tells; it is then forgotten here. Ejections come first, in their order: else the cell could choose
   * another endpoint with as many errors, for which there was no room any more here.
   */
  take(now: number): readonly OutcomeReport[] {
    const reports: OutcomeReport[] = [];
    for (const judged of this.#judged.values()) {
      const { seen, settings } = judged;
      // Also where nobody calls it any more: an entry that nobody sweeps would stay.
      const health = settings === null ? judged.health : sweep(judged.health, settings, now);
      judged.health = health;
      if (seen && settings) {
        const { streaks, lastErrorAt, ejection } = seen;
        const ejected = ejection && { ejectedAt: ejection.at, ejectedFor: ejection.cause };
        const gone = this.#goneFrom(judged, now);
        const report = { ...keyOf(judged), settings, ...streaks, hosts: judged.hosts, lastErrorAt, ...ejected };
        reports.push(gone.length === 0 ? report : { ...report, gone });
      }
      judged.seen = null;
      if (!isCounting(health) && health.ejection === null && health.multiplier === 0) this.#judged.delete(judged);
    }
    return reports.toSorted((one, other) => (one.ejectedAt ?? now + 1) - (other.ejectedAt ?? now + 1));
  }

  /** What the cell knows: everything that is out now, and what must be watched for a success. */
  learn(ejections: readonly Ejection[], suspects: readonly BreakerKey[], now: number): void {
    this.#fromCell = new ByEndpoint();
    for (const ejection of ejections) {
      this.#fromCell.set(ejection);
      // An ejection begins every count anew, whoever ejected.
      const judged = this.#judged.get(ejection.caller, ejection.cluster, ejection.endpoint);
      if (judged) judged.health = { ...judged.health, ...NO_ERRORS };
    }
    this.#yieldToCell(now);
    for (const key of suspects) {
      if (this.#judged.size >= MAX_JUDGED) return;
      if (this.#judged.get(key.caller, key.cluster, key.endpoint)) continue;
      this.#judged.set({ ...keyOf(key), settings: null, hosts: 0, among: null, health: healthy(now), seen: null });
    }
  }

  #see(judged: Judged, outcome: Outcome, settings: OutlierSettings, now: number): void {
    const streaks = streaksOf(outcome, settings);
    const { seen, health } = judged;
    judged.seen = {
      streaks: seen ? appendStreaks(seen.streaks, streaks) : streaks,
      lastErrorAt: isSuccess(outcome, settings) ? (seen?.lastErrorAt ?? now) : now,
      ejection: health.ejection,
    };
  }

  /** Isolates that each ejected another endpoint would leave too few between them: where the cell chose, theirs come back. */
  #yieldToCell(now: number): void {
    if (this.#fromCell.size === 0) return;
    for (const judged of this.#judged.values()) {
      const { caller, cluster, endpoint, settings, hosts, among, health } = judged;
      if (settings === null || health.ejection === null || this.#isOutByCell(caller, cluster, endpoint, now)) continue;
      const others = this.#ejectedIn(judged, among, now) - 1;
      if (others > 0 && !mayEject(settings, hosts, others))
        judged.health = { ...health, ejection: null, multiplier: health.multiplier - 1 };
    }
  }

  #isOutByCell(caller: string, cluster: string, endpoint: string, now: number): boolean {
    const ejection = this.#fromCell.get(caller, cluster, endpoint);
    return ejection !== undefined && isOut(ejection, ejection.intervalMs, now);
  }

  /** How many of these either layer has ejected. */
  #ejectedIn(key: BreakerKey, among: Endpoints | null, now: number): number {
    let count = 0;
    for (const endpoint of this.#ejected(key, now)) if (has(among, endpoint)) count += 1;
    return count;
  }

  /** What is ejected, and none of the cluster's endpoints any more. */
  #goneFrom(judged: Judged, now: number): readonly string[] {
    return [...this.#ejected(judged, now)].filter((endpoint) => !has(judged.among, endpoint));
  }

  /** What either layer has ejected. */
  *#ejected({ caller, cluster }: BreakerKey, now: number): Iterable<string> {
    for (const ejection of this.#fromCell.ofCluster(caller, cluster))
      if (isOut(ejection, ejection.intervalMs, now)) yield ejection.endpoint;
    for (const { health, settings, endpoint } of this.#judged.ofCluster(caller, cluster)) {
      if (settings === null || sweep(health, settings, now).ejection === null) continue;
      if (!this.#isOutByCell(caller, cluster, endpoint, now)) yield endpoint;
    }
  }
}

function has(among: Endpoints | null, endpoint: string): boolean {
  return among === null || among.some(({ id }) => id === endpoint);
}

function keyOf({ caller, cluster, endpoint }: BreakerKey): BreakerKey {
  return { caller, cluster, endpoint };
}
