import { ByEndpoint } from "../../src/resilience/by-endpoint.ts";
import {
  eject,
  type EndpointHealth,
  healthy,
  isCounting,
  mayEject,
  recordStreaks,
  sweep,
} from "../../src/resilience/outlier.ts";
import type { OutlierSettings } from "../../src/snapshot/model.ts";
import type { BreakerKey, Ejection, OutcomeReport } from "../../src/snapshot/rpc.ts";

/** What is known of one endpoint for one caller: enough for another cell, or another life of this one, to go on with. */
export interface Verdict extends BreakerKey {
  readonly settings: OutlierSettings;
  /** Endpoints of the cluster. */
  readonly hosts: number;
  /** What is ejected and none of them any more. Absent: nothing. */
  readonly gone?: readonly string[];
  readonly health: EndpointHealth;
}

/** Where ejections outlive the cell's memory. */
export interface Ejected {
  put(verdict: Verdict): void;
  delete(key: BreakerKey): void;
}

interface Judged extends Verdict {
  settings: OutlierSettings;
  hosts: number;
  gone?: readonly string[];
  health: EndpointHealth;
  isKept: boolean;
}

/** An isolate's clock may be off, or lie: what it says happened is taken as of this long ago at most. */
const MAX_REPORT_AGE_MS = 5_000;
const MAX_JUDGED = 50_000;
const NONE: readonly string[] = [];
/** What nobody asks for any more is swept so often. */
const SWEEP_EVERY_MS = 1_000;

/** What all isolates of the location saw of endpoints, for each caller apart, joined by the same algorithm. */
export class Judgement {
  readonly #judged = new ByEndpoint<Judged>();
  readonly #ejected: Ejected | null;
  #sweptAt = Number.NEGATIVE_INFINITY;

  /** @param ejected null: what is ejected is forgotten with this object */
  constructor(ejected: Ejected | null = null) {
    this.#ejected = ejected;
  }

  /** @returns the ejection that came of it, if one did */
  take(report: OutcomeReport, now: number): Ejection | null {
    const { caller, cluster, endpoint, settings, hosts, gone = NONE } = report;
    let judged = this.#judged.get(caller, cluster, endpoint);
    if (!judged) {
      if (this.#judged.size >= MAX_JUDGED) return null; // open where it protects capacity: the isolates still judge
      judged = { caller, cluster, endpoint, settings, hosts, gone, health: healthy(now), isKept: false };
      this.#judged.set(judged);
    }
    judged.settings = settings;
    judged.hosts = hosts;
    judged.gone = gone;
    const at = within(report.ejectedAt ?? report.lastErrorAt, now);
    const before = sweep(judged.health, settings, now);
    const allowed = mayEject(settings, hosts, this.#ejectedIn(caller, cluster, gone, now));
    const counted = recordStreaks(before, report, settings, at, allowed);
    // An isolate that ejected it saw the errors in a row; the cell may have had a success of another between.
    const isolateEjected = report.ejectedAt !== undefined && counted.ejection === null && before.ejection === null;
    judged.health =
      isolateEjected && allowed ? eject(counted, settings, at, report.ejectedFor ?? "consecutive_5xx") : counted;
    if (before.ejection !== null || judged.health.ejection === null) return null;
    this.#keep(judged);
    return ejectionOf(judged);
  }

  /**
   * Takes over what another cell of the location ejected, or this one in another life: where it is not out here already, still is
   * at `now`, and leaves enough of the others in.
   */
  adopt(verdict: Verdict, now: number): void {
    const { caller, cluster, endpoint, settings, hosts, gone = NONE } = verdict;
    const health = sweep(verdict.health, settings, now);
    const known = this.#judged.get(caller, cluster, endpoint);
    if (health.ejection === null || (known === undefined && this.#judged.size >= MAX_JUDGED)) return;
    if (known !== undefined && sweep(known.health, settings, now).ejection !== null) return;
    if (!mayEject(settings, hosts, this.#ejectedIn(caller, cluster, gone, now))) return;
    const judged = { caller, cluster, endpoint, settings, hosts, gone, health, isKept: known?.isKept ?? false };
    if (known !== undefined) this.#judged.delete(known);
    this.#judged.set(judged);
    this.#keep(judged);
  }

  /** What is out now: for the other cells of the location. */
  verdicts(now: number): readonly Verdict[] {
    return Array.from(this.#judged.values()).flatMap((judged) => {
      const health = sweep(judged.health, judged.settings, now);
      return health.ejection === null ? [] : [{ ...verdictOf(judged), health }];
    });
  }

  /** Of one endpoint; null: nothing is known. */
  verdict({ caller, cluster, endpoint }: BreakerKey): Verdict | null {
    const judged = this.#judged.get(caller, cluster, endpoint);
    return judged === undefined ? null : verdictOf(judged);
  }

  ejections(clusters: ReadonlySet<string>, now: number): readonly Ejection[] {
    return this.#swept(clusters, now).flatMap((judged) => ejectionOf(judged) ?? []);
  }

  suspects(clusters: ReadonlySet<string>, now: number): readonly BreakerKey[] {
    return this.#swept(clusters, now)
      .filter(({ health }) => health.ejection === null && isCounting(health))
      .map(({ caller, cluster, endpoint }) => ({ caller, cluster, endpoint }));
  }

  #swept(clusters: ReadonlySet<string>, now: number): readonly Judged[] {
    if (this.#judged.size === 0) return [];
    if (now - this.#sweptAt >= SWEEP_EVERY_MS || now < this.#sweptAt) {
      this.#sweptAt = now;
      for (const judged of this.#judged.values()) this.#sweep(judged, now);
    }
    const all = [];
    for (const cluster of clusters)
      for (const judged of this.#judged.inCluster(cluster)) if (this.#sweep(judged, now)) all.push(judged);
    return all;
  }

  /** @returns false where it is as if nothing had been seen of it: it is forgotten */
  #sweep(judged: Judged, now: number): boolean {
    const health = sweep(judged.health, judged.settings, now);
    judged.health = health;
    if (health.ejection !== null || isCounting(health) || health.multiplier > 0) return true;
    this.#judged.delete(judged);
    if (judged.isKept) this.#ejected?.delete(judged);
    return false;
  }

  #keep(judged: Judged): void {
    if (this.#ejected === null) return;
    judged.isKept = true;
    this.#ejected.put(verdictOf(judged));
  }

  #ejectedIn(caller: string, cluster: string, gone: readonly string[], now: number): number {
    let count = 0;
    for (const { endpoint, health, settings } of this.#judged.ofCluster(caller, cluster)) {
      if (!gone.includes(endpoint) && sweep(health, settings, now).ejection !== null) count += 1;
    }
    return count;
  }
}

function verdictOf({ caller, cluster, endpoint, settings, hosts, gone = NONE, health }: Judged): Verdict {
  return { caller, cluster, endpoint, settings, hosts, ...(gone.length > 0 && { gone }), health };
}

function ejectionOf({ caller, cluster, endpoint, health, settings }: Judged): Ejection | null {
  return health.ejection && { caller, cluster, endpoint, ...health.ejection, intervalMs: settings.intervalMs };
}

function within(at: number, now: number): number {
  return Math.min(now, Math.max(now - MAX_REPORT_AGE_MS, at));
}
