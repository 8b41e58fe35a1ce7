import { Configuration, type Found as FoundIn, type Place } from "../../src/exchange/configuration.ts";
import { Uplink } from "../../src/exchange/uplink.ts";
import type { Breakers } from "../../src/resilience/breakers.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import type { Trust } from "../../src/snapshot/model.ts";
import type {
  ConfigApi,
  ExchangeDown,
  ExchangeUp,
  RefusedSnapshots,
  Registration,
  StateRpc,
} from "../../src/snapshot/rpc.ts";
import { importVerifyKeys, type VerifyKey } from "../../src/snapshot/signature.ts";
import type { MetricSums } from "../../src/telemetry/metrics.ts";

export type Found = FoundIn<LinkedSlice>;

export interface ExchangeDeps {
  readonly state: StateRpc;
  readonly control: ConfigApi;
  readonly gateway: string;
  /** JSON list of raw Ed25519 public keys, base64url. */
  readonly keys: string;
  readonly registration: Registration;
  location(): string | null;
  /** Epoch ms. */
  now(): number;
}

type Context = Pick<ExecutionContext, "waitUntil">;

/** A request waits at most this for news where what it needs is here, */
const STALE_WAIT_MS = 250;
/** and where it is not, this. */
const MISSING_WAIT_MS = 1_000;
/** A timer or exchange older than this is dead: its request may have been ended by the platform. */
const DEAD_AFTER_MS = 3_000;
const CALL_TIMEOUT_MS = 2_000;
const REGISTER_EVERY_MS = 600_000;
/** Exchanges by one request's timer, so that it ends where the cell does not come back. */
const MAX_ROUNDS = 5;

/** The isolate's talk with its cell: once a second at most, off the request path, and held open by no call. */
export class Exchange {
  readonly #deps: ExchangeDeps;
  readonly #configuration: Configuration<LinkedSlice>;
  readonly #uplink = new Uplink();
  readonly #isolate = crypto.randomUUID();
  #keys: Promise<readonly VerifyKey[]> | null = null;
  #armedAt = Number.NEGATIVE_INFINITY;
  #running: { readonly done: Promise<void>; readonly startedAt: number } | null = null;
  /** Exchanges that went well. */
  #completed = 0;
  #registeredAt = Number.NEGATIVE_INFINITY;
  #nextMs = 1_000;
  /** What the cell was last told of the configuration here. */
  #told = "";

  constructor(deps: ExchangeDeps) {
    this.#deps = deps;
    this.#configuration = new Configuration(deps.gateway, () => (this.#keys ??= importVerifyKeys(deps.keys)), link);
  }

  get outcomes(): Breakers {
    return this.#uplink.outcomes;
  }

  get metrics(): MetricSums {
    return this.#uplink.metrics;
  }

  /** Trust bundle of the root in use. */
  get trust(): Trust | null {
    return this.#configuration.trust;
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
    const now = this.#deps.now();
    return this.#configuration.isStale(now) ? null : this.#configuration.find(scope, host, now);
  }

  /** Waits a bounded time for what `lookup` could not give. */
  async resolve(scope: string, host: string, ctx: Context): Promise<Found | { readonly kind: "unavailable" }> {
    const find = (): Found | null => this.#configuration.find(scope, host, this.#deps.now());
    const here = find();
    if (here !== null) {
      await this.#news(ctx, STALE_WAIT_MS);
      return find() ?? here;
    }
    this.#configuration.want(scope, host, this.#deps.now());
    return (await this.#until(find, ctx)) ?? { kind: "unavailable" };
  }

  /**
   * Waits a bounded time for the first root: a cold isolate trusts nobody.
   *
   * @param likely hosts whose slices are probably needed next: they come with it
   */
  async awaitTrust(likely: readonly Place[], ctx: Context): Promise<Trust | null> {
    for (const { scope, host } of likely) this.#configuration.want(scope, host, this.#deps.now());
    return this.#until(() => this.trust, ctx);
  }

  /**
   * Starts the timer of the next exchange if none runs. Call it with each request: it is cheap.
   *
   * @returns whether it is this request whose `waitUntil` holds the timer
   */
  arm(ctx: Context): boolean {
    const now = this.#deps.now();
    if (now - this.#armedAt < Math.max(DEAD_AFTER_MS, this.#nextMs + CALL_TIMEOUT_MS)) return false;
    this.#armedAt = now;
    ctx.waitUntil(this.#timer());
    return true;
  }

  isEjected(caller: string, cluster: string, endpoint: string, now: number): boolean {
    return this.outcomes.isEjected(caller, cluster, endpoint, now);
  }

  /** Counts a record that was lost. */
  drop(reason: string): void {
    this.#uplink.drop(reason);
  }

  /** One exchange, and one more while the cell does not know what is here now, also if no request comes any more. */
  async #timer(): Promise<void> {
    let armedAt = this.#armedAt;
    for (let round = 0; round === 0 || (round < MAX_ROUNDS && this.#told !== this.#standing()); round += 1) {
      await scheduler.wait(this.#nextMs);
      if (this.#armedAt !== armedAt) return; // counted as dead meanwhile: another runs
      await this.#exchange();
      if (this.#armedAt !== armedAt) return;
      this.#armedAt = armedAt = this.#deps.now();
    }
    this.#armedAt = Number.NEGATIVE_INFINITY;
    await this.#registerAgain();
  }

  /** Waits for exchanges until one brought it, or the time is over. */
  async #until<T>(here: () => T | null, ctx: Context): Promise<T | null> {
    const deadline = this.#deps.now() + MISSING_WAIT_MS;
    for (let left = MISSING_WAIT_MS; left > 0; left = deadline - this.#deps.now()) {
      const before = this.#completed;
      await this.#news(ctx, left);
      const found = here();
      if (found !== null) return found;
      // An exchange that was under way before did not ask for it: the next one does. One that failed at once is not repeated in
      // a tight loop.
      if (this.#completed === before) await scheduler.wait(Math.min(50, Math.max(0, deadline - this.#deps.now())));
    }
    return null;
  }

  /** Starts an exchange, or shares the one that runs, and waits for it at most `ms` by the request's own timer. */
  async #news(ctx: Context, ms: number): Promise<void> {
    const now = this.#deps.now();
    if (this.#running === null || now - this.#running.startedAt > DEAD_AFTER_MS) {
      const done = this.#exchange();
      ctx.waitUntil(done);
    }
    await Promise.race([this.#running?.done, scheduler.wait(ms)]);
  }

  /** Never rejects. */
  async #exchange(): Promise<void> {
    const now = (): number => this.#deps.now();
    const startedAt = now();
    const done = this.#exchangeOnce().then(
      () => {
        this.#completed += 1;
        this.#configuration.heard(now());
      },
      () => this.#configuration.missed(now()),
    );
    const running = { done, startedAt };
    this.#running = running;
    await done;
    if (this.#running === running) this.#running = null;
  }

  async #exchangeOnce(): Promise<void> {
    const asked = this.#configuration.hosts(this.#deps.now());
    let down = await this.#talk(asked);
    if (down.unknown) {
      await this.#register();
      down = await this.#talk(asked);
    }
    const now = this.#deps.now();
    this.#nextMs = Math.min(Math.max(down.nextMs, 500), 60_000);
    this.outcomes.learn(down.ejections, down.suspects, now);
    for (const code of await this.#configuration.take(down, asked, now))
      console.warn({ event: "snapshot_rejected", gateway: this.#deps.gateway, code });
  }

  async #talk(hosts: readonly Place[]): Promise<ExchangeDown> {
    const standing = this.#standing();
    const down = await inTime(this.#deps.state.exchange(this.#up(hosts)), CALL_TIMEOUT_MS);
    this.#uplink.delivered();
    this.#told = standing;
    return down;
  }

  #up(hosts: readonly Place[]): ExchangeUp {
    const { have, refused, held } = this.#configuration;
    return {
      isolate: this.#isolate,
      location: this.#deps.location(),
      have,
      ...(refused && { refused }),
      slices: held,
      hosts,
      ...this.#uplink.next(this.#deps.now()),
    };
  }

  /** What the cell should know of the configuration here. */
  #standing(): string {
    const { have, refused } = this.#configuration;
    return `${have?.generation} ${have?.issuedAt} ${refused?.code}`;
  }

  async #register(): Promise<void> {
    this.#registeredAt = this.#deps.now();
    await inTime(this.#deps.control.register(this.#deps.registration), CALL_TIMEOUT_MS);
  }

  async #registerAgain(): Promise<void> {
    if (this.#deps.now() - this.#registeredAt < REGISTER_EVERY_MS) return;
    await this.#register().catch(() => undefined);
  }
}

/** Rejects when it takes longer: a frozen peer must not hold anybody. */
async function inTime<T>(promise: Promise<T>, ms: number): Promise<T> {
  return Promise.race([
    promise,
    scheduler.wait(ms).then(() => {
      throw new Error(`no answer within ${ms} ms`);
    }),
  ]);
}
