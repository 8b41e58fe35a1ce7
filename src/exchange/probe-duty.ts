import type { Probed, ProbeResult } from "../resilience/probes.ts";
import type { LinkedCluster } from "../snapshot/link.ts";
import type { Probe } from "../snapshot/model.ts";

/** A cluster that no request used for so long is not in use: where nothing is asked for nothing is probed. */
const IN_USE_MS = 10_000;

const SLACK_MS = 500;

/** What this isolate knows of probes: what it uses, what the cell told, and what it has to tell. */
export class ProbeDuty {
  readonly #used = new Map<LinkedCluster, number>();
  #results: ProbeResult[] = [];
  #out = 0;
  /** Epoch ms at which those that are out have ended or are lost, as with a request that the platform ended. */
  #outUntil = 0;
  #unhealthy: ReadonlySet<string> = new Set();

  /** @param cluster one with probes; @param now epoch ms */
  use(cluster: LinkedCluster, now: number): void {
    this.#used.set(cluster, now);
  }

  /** Whether an endpoint is out by its probes, by its id. */
  isUnhealthy(endpoint: string): boolean {
    return this.#unhealthy.has(endpoint);
  }

  /** Probes of the endpoints in use, by the endpoint's id. */
  inUse(now: number): ReadonlyMap<string, Probe> {
    const probes = new Map<string, Probe>();
    for (const [cluster, at] of this.#used) {
      if (now - at > IN_USE_MS) this.#used.delete(cluster);
      else for (const { id, probe } of cluster.probed ?? []) if (probe !== undefined) probes.set(id, probe);
    }
    return probes;
  }

  /** What goes up: nothing where nothing with probes is used. */
  next(now: number): readonly Probed[] {
    return Array.from(this.inUse(now), ([endpoint, { settings }]) => ({ endpoint, settings }));
  }

  /** Results that wait for the cell; they are handed over once. */
  takeResults(): readonly ProbeResult[] {
    const results = this.#results;
    this.#results = [];
    return results;
  }

  /** Whether a probe is out, or its result was not told yet. */
  isBusy(now: number): boolean {
    return this.#results.length > 0 || (this.#out > 0 && now < this.#outUntil);
  }

  /** What came down. @param perform makes a probe; never rejects */
  learn(
    told: { readonly due: readonly string[]; readonly unhealthy: readonly string[] } | undefined,
    perform: (probe: Probe) => Promise<boolean>,
    now: number,
  ): void {
    this.#unhealthy = new Set(told?.unhealthy);
    const probes = told === undefined || told.due.length === 0 ? null : this.inUse(now);
    for (const endpoint of told?.due ?? []) {
      const probe = probes?.get(endpoint);
      if (probe === undefined) continue;
      this.#out += 1;
      this.#outUntil = Math.max(this.#outUntil, now + probe.settings.timeoutMs + SLACK_MS);
      void perform(probe).then((ok) => {
        this.#out -= 1;
        this.#results.push({ endpoint, ok });
      });
    }
  }
}
