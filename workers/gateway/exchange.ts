import { Configuration, type Found as FoundIn, type Place } from "../../src/exchange/configuration.ts";
import type { ProbeDuty } from "../../src/exchange/probe-duty.ts";
import type { TailBook, TailBookDeps } from "../../src/exchange/tail-book.ts";
import { Uplink } from "../../src/exchange/uplink.ts";
import type { Breakers } from "../../src/resilience/breakers.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import type { Trust } from "../../src/snapshot/model.ts";
import type { RefusedSnapshots } from "../../src/snapshot/rpc.ts";
import { importVerifyKeys, type VerifyKey } from "../../src/snapshot/signature.ts";
import type { MetricSums } from "../../src/telemetry/metrics.ts";
import type { TelemetryIndex } from "../../src/telemetry/told.ts";
import { CellLink, type CellLinkDeps } from "./cell-link.ts";

export type Found = FoundIn<LinkedSlice>;

type Context = Pick<ExecutionContext, "waitUntil">;

export interface ExchangeDeps extends CellLinkDeps, Pick<TailBookDeps, "line"> {
  /** JSON list of raw Ed25519 public keys, base64url. */
  readonly keys: string;
}

/** A request waits at most this for news where what it needs is here, */
const STALE_WAIT_MS = 250;
/** and where it is not, this: its answer comes within a second. */
const MISSING_WAIT_MS = 900;
/** It looks again this soon where an exchange failed, or brought nothing. */
const AGAIN_MS = 50;

/** What requests ask of the configuration, and what they leave for the cell. */
export class Exchange {
  readonly #now: () => number;
  readonly #configuration: Configuration<LinkedSlice>;
  readonly #uplink: Uplink;
  readonly #link: CellLink;

  constructor(deps: ExchangeDeps) {
    this.#now = () => deps.now();
    let keys: Promise<readonly VerifyKey[]> | null = null;
    this.#configuration = new Configuration(deps.gateway, () => (keys ??= importVerifyKeys(deps.keys)), link);
    this.#uplink = new Uplink({ line: (journal) => deps.line(journal), trustDomains: () => this.#trustDomains() });
    this.#link = new CellLink(deps, this.#configuration, this.#uplink);
  }

  get outcomes(): Breakers {
    return this.#uplink.outcomes;
  }

  get metrics(): MetricSums {
    return this.#uplink.metrics;
  }

  /** Of the same calls, by route. */
  get routes(): MetricSums {
    return this.#uplink.routes;
  }

  /** @param key of a counter (src/telemetry/counters.ts), which grows by one */
  count(key: string): void {
    this.#uplink.count(key);
  }

  get tails(): TailBook {
    return this.#uplink.tails;
  }

  #trustDomains(): readonly string[] {
    return this.trust === null ? [] : [this.trust.domain, ...this.trust.aliases];
  }

  get probes(): ProbeDuty {
    return this.#uplink.probes;
  }

  /** Trust bundle of the root in use. */
  get trust(): Trust | null {
    return this.#configuration.trust;
  }

  /** What the root in use has told of calls; null: what is told without settings. */
  get telemetry(): TelemetryIndex | null {
    return this.#configuration.telemetry;
  }

  /** Of the root in use: scopes of single service accounts; null where it lists none. */
  get accounts(): ReadonlySet<string> | null {
    return this.#configuration.accounts;
  }

  /** What was refused since a root was last taken; the cell is told. */
  get refused(): RefusedSnapshots | null {
    return this.#configuration.refused;
  }

  /**
   * The usual way, without waiting.
   *
   * @returns null where the request must wait: what it needs is not here, or too old
   */
  lookup(scope: string, host: string): Found | null {
    const now = this.#now();
    return this.#configuration.isStale(now) ? null : this.#configuration.find(scope, host, now);
  }

  /** Waits a bounded time for what `lookup` could not give. */
  async resolve(scope: string, host: string, ctx: Context): Promise<Found | { readonly kind: "unavailable" }> {
    const find = (): Found | null => this.#configuration.find(scope, host, this.#now());
    const here = find();
    if (here !== null) {
      await this.#link.news(ctx, STALE_WAIT_MS);
      return find() ?? here;
    }
    this.#configuration.want(scope, host, this.#now());
    return (await this.#until(find, ctx)) ?? { kind: "unavailable" };
  }

  /**
   * Waits a bounded time for the first root: a cold isolate trusts nobody.
   *
   * @param likely hosts whose slices are probably needed next: they come with it
   */
  async awaitTrust(likely: readonly Place[], ctx: Context): Promise<Trust | null> {
    for (const { scope, host } of likely) this.#configuration.want(scope, host, this.#now());
    return this.#until(() => this.trust, ctx);
  }

  /**
   * Starts the timer of the next exchange if none runs. Call it with each request: it is cheap.
   *
   * @returns whether it is this request whose `waitUntil` holds the timer
   */
  arm(ctx: Context): boolean {
    return this.#link.arm(ctx);
  }

  isEjected(caller: string, cluster: string, endpoint: string, now: number): boolean {
    return this.outcomes.isEjected(caller, cluster, endpoint, now);
  }

  /** Id of a slice that is here, or was. */
  idOf(slice: LinkedSlice): string | null {
    return this.#configuration.idOf(slice);
  }

  /** Counts records that were lost. */
  drop(reason: string, count = 1): void {
    this.#uplink.drop(reason, count);
  }

  /** Waits for exchanges until one brought it, or the time is over. */
  async #until<T>(here: () => T | null, ctx: Context): Promise<T | null> {
    const deadline = this.#now() + MISSING_WAIT_MS;
    let asked = 0;
    for (let left = MISSING_WAIT_MS; left > 0; left = deadline - this.#now()) {
      const before = this.#link.completed;
      await this.#link.news(ctx, left);
      const found = here();
      if (found !== null) return found;
      if (this.#link.completed > before) asked += 1;
      // An exchange that was under way before did not ask for it: the next one does. What that one did not bring, or one that
      // failed, is not asked for in a tight loop: each such question is one to control.
      if (asked !== 1) await scheduler.wait(Math.min(AGAIN_MS, Math.max(0, deadline - this.#now())));
    }
    return null;
  }
}
