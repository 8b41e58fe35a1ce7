import {
  append,
  type EndpointHealth,
  healthy,
  isOut,
  mayEject,
  type Outcome,
  recordOutcome,
  streaksOf,
  sweep,
} from "../../src/resilience/outlier.ts";
import type { OutlierSettings } from "../../src/snapshot/model.ts";
import type { BreakerKey, Ejection, OutcomeReport, Streak } from "../../src/snapshot/rpc.ts";

/** One endpoint as one caller's calls from this isolate saw it. */
interface Judged {
  readonly key: BreakerKey;
  settings: OutlierSettings | null;
  health: EndpointHealth;
  /** Since the last exchange; null: nothing. */
  seen: {
    errors5xx: Streak;
    gatewayErrors: Streak;
    hosts: number;
    lastErrorAt: number;
    ejectedAt: number | null;
  } | null;
}

/** Entries of endpoints that went well since are dropped past this. */
const MAX_JUDGED = 10_000;

/**
 * The isolate's own outlier detection, as an Envoy proxy does it, and what the cell says of the other isolates. Both work
 * alone. An endpoint without errors has no entry, so the healthy path is one look into an empty map.
 */
export class Breakers {
  readonly #judged = new Map<string, Judged>();
  #fromCell: ReadonlyMap<string, Ejection> = new Map();

  /** @param hosts endpoints of the cluster */
  record(key: BreakerKey, settings: OutlierSettings, hosts: number, outcome: Outcome, now: number): void {
    if (outcome === "success" && this.#judged.size === 0) return;
    const name = nameOf(key);
    let judged = this.#judged.get(name);
    if (!judged) {
      if (outcome === "success") return;
      judged = { key, settings, health: healthy(now), seen: null };
      this.#makeRoom();
      this.#judged.set(name, judged);
    }
    judged.settings = settings;
    const before = sweep(judged.health, settings, now);
    if (before.ejection !== null) {
      judged.health = before; // a straggler, sent before it was ejected
      return;
    }
    const allowed = mayEject(settings, hosts, this.#ejectedIn(key, now));
    judged.health = recordOutcome(before, outcome, settings, now, allowed);
    this.#see(judged, outcome, hosts, now);
  }

  isEjected(caller: string, cluster: string, endpoint: string, now: number): boolean {
    if (this.#judged.size === 0 && this.#fromCell.size === 0) return false;
    const name = nameOf({ caller, cluster, endpoint });
    const cell = this.#fromCell.get(name);
    if (cell && isOut(cell, cell.intervalMs, now)) return true;
    const judged = this.#judged.get(name);
    if (!judged?.settings) return false;
    judged.health = sweep(judged.health, judged.settings, now);
    return judged.health.ejection !== null;
  }

  /** What the next exchange tells; it is then forgotten here. */
  take(): readonly OutcomeReport[] {
    const reports: OutcomeReport[] = [];
    for (const [name, judged] of this.#judged) {
      const { seen, settings, key, health } = judged;
      if (seen && settings) {
        const { ejectedAt, ...rest } = seen;
        reports.push({ ...key, settings, ...rest, ...(ejectedAt !== null && { ejectedAt }) });
      }
      judged.seen = null;
      if (health.errors5xx === 0 && health.gatewayErrors === 0 && health.ejection === null && health.multiplier === 0)
        this.#judged.delete(name);
    }
    return reports;
  }

  /** What the cell knows: everything that is out now, and what must be watched for a success. */
  learn(ejections: readonly Ejection[], suspects: readonly BreakerKey[], now: number): void {
    this.#fromCell = new Map(ejections.map((ejection) => [nameOf(ejection), ejection]));
    for (const key of suspects) {
      const name = nameOf(key);
      if (this.#judged.has(name) || this.#judged.size >= MAX_JUDGED) continue;
      const { caller, cluster, endpoint } = key;
      this.#judged.set(name, { key: { caller, cluster, endpoint }, settings: null, health: healthy(now), seen: null });
    }
  }

  #see(judged: Judged, outcome: Outcome, hosts: number, now: number): void {
    const streaks = streaksOf(outcome);
    const { seen } = judged;
    judged.seen = {
      errors5xx: seen ? append(seen.errors5xx, streaks.errors5xx) : streaks.errors5xx,
      gatewayErrors: seen ? append(seen.gatewayErrors, streaks.gatewayErrors) : streaks.gatewayErrors,
      hosts,
      lastErrorAt: outcome === "success" ? (seen?.lastErrorAt ?? now) : now,
      ejectedAt: judged.health.ejection?.at ?? null,
    };
  }

  #ejectedIn({ caller, cluster }: BreakerKey, now: number): number {
    let count = 0;
    for (const { key, health, settings } of this.#judged.values()) {
      if (key.caller !== caller || key.cluster !== cluster || !settings) continue;
      if (sweep(health, settings, now).ejection !== null) count += 1;
    }
    return count;
  }

  #makeRoom(): void {
    const [oldest] = this.#judged.keys();
    if (this.#judged.size >= MAX_JUDGED && oldest !== undefined) this.#judged.delete(oldest);
  }
}

function nameOf({ caller, cluster, endpoint }: BreakerKey): string {
  return `${caller}\n${cluster}\n${endpoint}`;
}
