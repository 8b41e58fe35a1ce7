import { eject, type EndpointHealth, healthy, mayEject, recordStreaks, sweep } from "../../src/resilience/outlier.ts";
import type { OutlierSettings } from "../../src/snapshot/model.ts";
import type { BreakerKey, Ejection, OutcomeReport } from "../../src/snapshot/rpc.ts";

interface Judged {
  readonly key: BreakerKey;
  settings: OutlierSettings;
  health: EndpointHealth;
}

/** An isolate's clock may be off, or lie: what it says happened is taken as of this long ago at most. */
const MAX_REPORT_AGE_MS = 5_000;
const MAX_JUDGED = 50_000;

/** What all isolates of the location saw of endpoints, for each caller apart, joined by the same algorithm. */
export class Judgement {
  readonly #judged = new Map<string, Judged>();

  take(report: OutcomeReport, now: number): void {
    const { caller, cluster, endpoint, settings, hosts } = report;
    const name = `${caller}\n${cluster}\n${endpoint}`;
    let judged = this.#judged.get(name);
    if (!judged) {
      if (this.#judged.size >= MAX_JUDGED) return; // open where it protects capacity: the isolates still judge
      judged = { key: { caller, cluster, endpoint }, settings, health: healthy(now) };
      this.#judged.set(name, judged);
    }
    judged.settings = settings;
    const at = within(report.ejectedAt ?? report.lastErrorAt, now);
    const before = sweep(judged.health, settings, now);
    const allowed = mayEject(settings, hosts, this.#ejectedIn(caller, cluster, now));
    const counted = recordStreaks(before, report, settings, at, allowed);
    // An isolate that ejected it saw the errors in a row; the cell may have had a success of another between.
    const isolateEjected = report.ejectedAt !== undefined && counted.ejection === null && before.ejection === null;
    judged.health = isolateEjected && allowed ? eject(counted, settings, at) : counted;
  }

  ejections(clusters: ReadonlySet<string>, now: number): readonly Ejection[] {
    const out: Ejection[] = [];
    for (const { key, ejection, intervalMs } of this.#swept(clusters, now)) {
      if (ejection !== null) out.push({ ...key, ...ejection, intervalMs });
    }
    return out;
  }

  suspects(clusters: ReadonlySet<string>, now: number): readonly BreakerKey[] {
    return this.#swept(clusters, now)
      .filter(({ ejection, counting }) => ejection === null && counting)
      .map(({ key }) => key);
  }

  #swept(clusters: ReadonlySet<string>, now: number) {
    const all = [];
    for (const [name, judged] of this.#judged) {
      judged.health = sweep(judged.health, judged.settings, now);
      const { ejection, errors5xx, gatewayErrors, multiplier } = judged.health;
      const counting = errors5xx > 0 || gatewayErrors > 0;
      if (ejection === null && !counting && multiplier === 0) this.#judged.delete(name);
      else if (clusters.has(judged.key.cluster))
        all.push({ key: judged.key, ejection, counting, intervalMs: judged.settings.intervalMs });
    }
    return all;
  }

  #ejectedIn(caller: string, cluster: string, now: number): number {
    let count = 0;
    for (const { key, health, settings } of this.#judged.values()) {
      if (key.caller === caller && key.cluster === cluster && sweep(health, settings, now).ejection !== null)
        count += 1;
    }
    return count;
  }
}

function within(at: number, now: number): number {
  return Math.min(now, Math.max(now - MAX_REPORT_AGE_MS, at));
}
