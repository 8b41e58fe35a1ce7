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

interface Judged extends BreakerKey {
  settings: OutlierSettings;
  health: EndpointHealth;
}

/** An isolate's clock may be off, or lie: what it says happened is taken as of this long ago at most. */
const MAX_REPORT_AGE_MS = 5_000;
const MAX_JUDGED = 50_000;

/** What all isolates of the location saw of endpoints, for each caller apart, joined by the same algorithm. */
export class Judgement {
  readonly #judged = new ByEndpoint<Judged>();

  /** @returns the ejection that came of it, if one did */
  take(report: OutcomeReport, now: number): Ejection | null {
    const { caller, cluster, endpoint, settings, hosts } = report;
    let judged = this.#judged.get(caller, cluster, endpoint);
    if (!judged) {
      if (this.#judged.size >= MAX_JUDGED) return null; // open where it protects capacity: the isolates still judge
      judged = { caller, cluster, endpoint, settings, health: healthy(now) };
      this.#judged.set(judged);
    }
    judged.settings = settings;
    const at = within(report.ejectedAt ?? report.lastErrorAt, now);
    const before = sweep(judged.health, settings, now);
    const allowed = mayEject(settings, hosts, this.#ejectedIn(caller, cluster, now));
    const counted = recordStreaks(before, report, settings, at, allowed);
    // An isolate that ejected it saw the errors in a row; the cell may have had a success of another between.
    const isolateEjected = report.ejectedAt !== undefined && counted.ejection === null && before.ejection === null;
    judged.health =
      isolateEjected && allowed ? eject(counted, settings, at, report.ejectedFor ?? "consecutive_5xx") : counted;
    return before.ejection === null ? ejectionOf(judged) : null;
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
    const all = [];
    for (const judged of this.#judged.values()) {
      const health = sweep(judged.health, judged.settings, now);
      judged.health = health;
      if (health.ejection === null && !isCounting(health) && health.multiplier === 0) this.#judged.delete(judged);
      else if (clusters.has(judged.cluster)) all.push(judged);
    }
    return all;
  }

  #ejectedIn(caller: string, cluster: string, now: number): number {
    let count = 0;
    for (const { health, settings } of this.#judged.ofCluster(caller, cluster)) {
      if (sweep(health, settings, now).ejection !== null) count += 1;
    }
    return count;
  }
}

function ejectionOf({ caller, cluster, endpoint, health, settings }: Judged): Ejection | null {
  return health.ejection && { caller, cluster, endpoint, ...health.ejection, intervalMs: settings.intervalMs };
}

function within(at: number, now: number): number {
  return Math.min(now, Math.max(now - MAX_REPORT_AGE_MS, at));
}
