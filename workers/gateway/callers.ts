import type { Whereabouts } from "../../src/request/entrance.ts";
import { Turns } from "../../src/balancing/turns.ts";
import type { Health } from "../../src/decide/attempts.ts";
import type { Outcome } from "../../src/resilience/outlier.ts";
import { Pool } from "../../src/resilience/pool.ts";
import { RetryBudget } from "../../src/resilience/retry-budget.ts";
import type { LinkedCluster } from "../../src/snapshot/link.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import type { Exchange } from "./exchange.ts";
import { randomHex } from "./random.ts";

const TURN_DIGITS = 5;

/** Pools of callers and clusters that nobody uses are forgotten past this many. */
const MAX_POOLS = 10_000;

/**
 * One caller's view of one cluster from this isolate: whose turn it is, who is ejected, what runs. As in Istio each caller's
 * proxy judges and counts for itself.
 */
export class CallerCluster implements Health {
  readonly caller: string;
  readonly cluster: LinkedCluster;
  readonly pool: Pool;
  readonly budget: RetryBudget;
  readonly active: ReadonlyMap<string, number>;
  readonly turns = new Turns(Number.parseInt(randomHex(TURN_DIGITS), 16));
  readonly #configuration: Exchange;
  /** Of the look that is under way. */
  #turn = 0;
  /** Epoch ms. */
  #now = 0;
  #whereabouts: Whereabouts | null = null;

  constructor(
    caller: string,
    cluster: LinkedCluster,
    { pool, budget }: Held,
    active: ReadonlyMap<string, number>,
    configuration: Exchange,
  ) {
    this.caller = caller;
    this.cluster = cluster;
    this.pool = pool;
    this.budget = budget;
    this.active = active;
    this.#configuration = configuration;
  }

  get turn(): number {
    return this.#turn;
  }

  isEjected(endpoint: Endpoint): boolean {
    return this.#configuration.isEjected(this.caller, this.cluster.model.id, endpoint.id, this.#now);
  }

  isUnhealthy(endpoint: Endpoint): boolean {
    return this.#configuration.probes.isUnhealthy(endpoint.id);
  }

  /** @param now epoch ms */
  judge({ id }: Endpoint, outcome: Outcome, now: number): void {
    const { outlier, endpoints, id: cluster } = this.cluster.model;
    if (outlier === undefined) return;
    const key = { caller: this.caller, cluster, endpoint: id };
    this.#configuration.outcomes.record(key, outlier, endpoints.length, outcome, now, endpoints);
  }

  get now(): number {
    return this.#now;
  }

  get whereabouts(): Whereabouts | null {
    return this.#whereabouts;
  }

  /**
   * Ejections as they are now.
   *
   * @param whereabouts where the caller is
   * @param turn of `turns`
   */
  at(now: number, whereabouts: Whereabouts | null, turn: number): this {
    this.#now = now;
    this.#whereabouts = whereabouts;
    this.#turn = turn;
    if (this.cluster.probed !== null) this.#configuration.probes.use(this.cluster, now);
    return this;
  }
}

/** What is counted of one caller's calls to one cluster, whatever the configuration. */
interface Held {
  readonly pool: Pool;
  readonly budget: RetryBudget;
}

/** What callers hold of clusters in this isolate. */
export class Callers {
  /** Requests under way, by endpoint id. */
  readonly active = new Map<string, number>();
  readonly #configuration: Exchange;
  /** A new configuration begins with new turns, */
  #views = new WeakMap<LinkedCluster, Map<string, CallerCluster>>();
  /** while slots and retries are counted on, by caller and cluster. */
  readonly #held = new Map<string, Held>();

  constructor(configuration: Exchange) {
    this.#configuration = configuration;
  }

  /** @param caller principal, or `-` */
  view(caller: string, cluster: LinkedCluster): CallerCluster {
    let byCaller = this.#views.get(cluster);
    if (byCaller === undefined) this.#views.set(cluster, (byCaller = new Map()));
    let view = byCaller.get(caller);
    if (view === undefined) {
      if (byCaller.size >= MAX_POOLS) byCaller.clear();
      const held = this.#heldBy(`${caller} ${cluster.model.id}`);
      view = new CallerCluster(caller, cluster, held, this.active, this.#configuration);
      byCaller.set(caller, view);
    }
    return view;
  }

  start({ id }: Endpoint): void {
    this.active.set(id, (this.active.get(id) ?? 0) + 1);
  }

  finish({ id }: Endpoint): void {
    const left = (this.active.get(id) ?? 0) - 1;
    if (left > 0) this.active.set(id, left);
    else this.active.delete(id);
  }

  #heldBy(key: string): Held {
    let held = this.#held.get(key);
    if (held === undefined) {
      if (this.#held.size >= MAX_POOLS) this.#forgetIdle();
      this.#held.set(key, (held = { pool: new Pool(), budget: new RetryBudget() }));
    }
    return held;
  }

  /** Views hold theirs, so they are made anew: of one caller and cluster there is one pool. */
  #forgetIdle(): void {
    this.#views = new WeakMap();
    for (const [key, { pool, budget }] of this.#held)
      if (pool.running + pool.waiting + budget.active === 0) this.#held.delete(key);
  }
}
