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
  health: EndpointHealth;
  /** Since the last exchange; null: nothing. */
  seen: {
    streaks: Required<Streaks>;
    lastErrorAt: number;
    ejection: { readonly at: number; readonly cause: EjectionCause } | null;
  } | null;
}

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

  /** @param hosts endpoints of the cluster */
  record(key: BreakerKey, settings: OutlierSettings, hosts: number, outcome: Outcome, now: number): void {
    const success = isSuccess(outcome, settings);
    if (success && this.#judged.size === 0) return;
    // A straggler, sent before the cell told of the ejection.
    if (this.#isOutByCell(key.caller, key.cluster, key.endpoint, now)) return;
    let judged = this.#judged.get(key.caller, key.cluster, key.endpoint);
    if (!judged) {
      if (success) return;
      judged = { ...keyOf(key), settings, hosts, health: healthy(now), seen: null };
      if (this.#judged.size >= MAX_JUDGED) this.#judged.deleteOldest();
      this.#judged.set(judged);
    }
    judged.settings = settings;
    judged.hosts = hosts;
    const before = sweep(judged.health, settings, now);
    if (before.ejection !== null) {
      judged.health = before; // a straggler, sent before it was ejected
      return;
    }
    const allowed = mayEject(settings, hosts, this.#ejectedIn(key, now));
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
        reports.push({ ...keyOf(judged), settings, ...streaks, hosts: judged.hosts, lastErrorAt, ...ejected });
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
      this.#judged.set({ ...keyOf(key), settings: null, hosts: 0, health: healthy(now), seen: null });
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
      const { caller, cluster, endpoint, settings, hosts, health } = judged;
      if (settings === null || health.ejection === null || this.#isOutByCell(caller, cluster, endpoint, now)) continue;
      const others = this.#ejectedIn(judged, now) - 1;
      if (others > 0 && !mayEject(settings, hosts, others))
        judged.health = { ...health, ejection: null, multiplier: health.multiplier - 1 };
    }
  }

  #isOutByCell(caller: string, cluster: string, endpoint: string, now: number): boolean {
    const ejection = this.#fromCell.get(caller, cluster, endpoint);
    return ejection !== undefined && isOut(ejection, ejection.intervalMs, now);
  }

  /** What either layer has ejected. */
  #ejectedIn({ caller, cluster }: BreakerKey, now: number): number {
    let count = 0;
    for (const ejection of this.#fromCell.ofCluster(caller, cluster))
      if (isOut(ejection, ejection.intervalMs, now)) count += 1;
    for (const { health, settings, endpoint } of this.#judged.ofCluster(caller, cluster)) {
      if (settings === null || sweep(health, settings, now).ejection === null) continue;
      if (!this.#isOutByCell(caller, cluster, endpoint, now)) count += 1;
    }
    return count;
  }
}

function keyOf({ caller, cluster, endpoint }: BreakerKey): BreakerKey {
  return { caller, cluster, endpoint };
}
