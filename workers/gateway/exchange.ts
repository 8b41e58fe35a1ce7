import type { LinkedSlice } from "../../src/snapshot/link.ts";
import { link } from "../../src/snapshot/link.ts";
import type { Root, Trust } from "../../src/snapshot/model.ts";
import type {
  ConfigApi,
  ExchangeDown,
  ExchangeUp,
  MetricDelta,
  OutcomeReport,
  Registration,
  StateRpc,
} from "../../src/snapshot/rpc.ts";
import { importVerifyKeys, readSlice, type VerifyKey, verifyRoot } from "../../src/snapshot/signature.ts";
import { HostIndex } from "../../src/routing/host.ts";
import { MetricSums } from "../../src/telemetry/metrics.ts";
import { Breakers } from "./breakers.ts";

/** The part of a root that requests look at. */
export interface ServingRoot {
  readonly generation: number;
  readonly issuedAt: number;
  readonly trust: Trust;
}

export type Found =
  | { readonly kind: "slice"; readonly slice: LinkedSlice; readonly root: ServingRoot }
  | { readonly kind: "no_host"; readonly root: ServingRoot };

export interface ConfigurationDeps {
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

/** A request waits for news only when the last are older than this, */
const MAX_STALENESS_MS = 2_000;
/** and then at most this; */
const STALE_WAIT_MS = 250;
/** where what it needs is not here at all, this. */
const MISSING_WAIT_MS = 1_000;
/** After a failure nobody waits for news. */
const PATIENCE_MS = 5_000;
/** A timer or exchange older than this is dead: its request may have been ended by the platform. */
const DEAD_AFTER_MS = 3_000;
const CALL_TIMEOUT_MS = 2_000;
const REGISTER_EVERY_MS = 600_000;
/** A host that nobody asked for in this time no longer gets its slice with a new root. */
const IN_USE_MS = 300_000;
const MAX_HOSTS = 10_000;
/** Series that wait for a cell that is away; further ones are dropped and counted. */
const MAX_PENDING_SERIES = 5_000;

interface Current {
  readonly root: Root;
  readonly serving: ServingRoot;
  readonly index: HostIndex;
  readonly slices: ReadonlyMap<string, LinkedSlice>;
  /** What was looked up under this root: scope, then host. */
  readonly known: Map<string, Map<string, Known>>;
}

interface Known {
  readonly found: Found;
  usedAt: number;
}

/** What goes up again with the same sequence until the cell has answered, so that nothing counts twice. */
interface Unsent {
  readonly sequence: number;
  readonly outcomes: readonly OutcomeReport[];
  readonly metrics: readonly MetricDelta[];
  readonly dropped: Readonly<Record<string, number>>;
}

/** The isolate's configuration and its talk with the cell: once a second at most, off the request path. */
export class Configuration {
  readonly outcomes = new Breakers();
  readonly metrics = new MetricSums();
  readonly #deps: ConfigurationDeps;
  readonly #isolate = crypto.randomUUID();
  #keys: Promise<readonly VerifyKey[]> | null = null;
  #current: Current | null = null;
  #armedAt = Number.NEGATIVE_INFINITY;
  #running: { readonly done: Promise<void>; readonly startedAt: number } | null = null;
  #succeededAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #registeredAt = Number.NEGATIVE_INFINITY;
  #nextMs = 1_000;
  #sequence = 0;
  #unsent: Unsent | null = null;
  /** Hosts that a request waits for and that no root was asked about yet. */
  #waitedFor = new Map<string, { scope: string; host: string; at: number }>();
  #dropped: Record<string, number> = {};
  #rejected = 0;

  constructor(deps: ConfigurationDeps) {
    this.#deps = deps;
  }

  /** Generation in use, its age since the signature, and how many snapshots were refused. */
  get status(): { readonly generation: number; readonly ageMs: number; readonly rejected: number } {
    const root = this.#current?.root;
    return {
      generation: root?.generation ?? 0,
      ageMs: root ? this.#deps.now() - root.issuedAt : 0,
      rejected: this.#rejected,
    };
  }

  /** Trust bundle of the root in use. */
  get trust(): Trust | null {
    return this.#current?.root.trust ?? null;
  }

  /**
   * The usual way, without waiting.
   *
   * @returns null where the request must wait: what it needs is not here, or too old
   */
  lookup(scope: string, host: string): Found | null {
    const now = this.#deps.now();
    if (now - this.#succeededAt > MAX_STALENESS_MS && now - this.#failedAt > PATIENCE_MS) return null;
    return this.#find(scope, host, now);
  }

  /** Waits a bounded time for what `lookup` could not give. */
  async resolve(scope: string, host: string, ctx: Context): Promise<Found | { readonly kind: "unavailable" }> {
    const now = (): number => this.#deps.now();
    const here = this.#find(scope, host, now());
    if (here !== null) {
      await this.#news(ctx, STALE_WAIT_MS);
      return this.#find(scope, host, now()) ?? here;
    }
    const deadline = now() + MISSING_WAIT_MS;
    this.#wait(scope, host);
    for (let left = MISSING_WAIT_MS; left > 0; left = deadline - now()) {
      const before = this.#succeededAt;
      await this.#news(ctx, left);
      const found = this.#find(scope, host, now());
      if (found !== null) return found;
      // An exchange that was under way before this host was waited for did not ask for it: the next one does. One that
      // failed at once is not repeated in a tight loop.
      if (this.#succeededAt === before) await scheduler.wait(Math.min(50, Math.max(0, deadline - now())));
    }
    return { kind: "unavailable" };
  }

  /** Starts the timer of the next exchange if none runs. Call it with each request: it is cheap. */
  arm(ctx: Context): void {
    const now = this.#deps.now();
    if (now - this.#armedAt < Math.max(DEAD_AFTER_MS, this.#nextMs + CALL_TIMEOUT_MS)) return;
    this.#armedAt = now;
    ctx.waitUntil(this.#timer());
  }

  isEjected(caller: string, cluster: string, endpoint: string, now: number): boolean {
    return this.outcomes.isEjected(caller, cluster, endpoint, now);
  }

  /** Counts a record that was lost. */
  drop(reason: string): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1;
  }

  async #timer(): Promise<void> {
    const armedAt = this.#armedAt;
    await scheduler.wait(this.#nextMs);
    if (this.#armedAt !== armedAt) return; // counted as dead meanwhile: another runs
    await this.#exchange();
    this.#armedAt = Number.NEGATIVE_INFINITY;
    await this.#registerAgain();
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

  async #exchange(): Promise<void> {
    const startedAt = this.#deps.now();
    const done = this.#exchangeOnce().then(
      () => {
        this.#succeededAt = this.#deps.now();
        this.#failedAt = Number.NEGATIVE_INFINITY;
      },
      () => {
        this.#failedAt = this.#deps.now();
      },
    );
    const running = { done, startedAt };
    this.#running = running;
    await done;
    if (this.#running === running) this.#running = null;
  }

  async #exchangeOnce(): Promise<void> {
    const waited = [...this.#waitedFor.keys()];
    let down = await this.#talk();
    if (down.unknown) {
      await this.#register();
      down = await this.#talk();
    }
    await this.#take(down);
    for (const key of waited) this.#waitedFor.delete(key);
  }

  async #talk(): Promise<ExchangeDown> {
    const { state } = this.#deps;
    const down = await inTime(state.exchange(this.#up()), CALL_TIMEOUT_MS);
    this.#unsent = null;
    return down;
  }

  #up(): ExchangeUp {
    const now = this.#deps.now();
    const root = this.#current?.root;
    this.#unsent ??= this.#takeUnsent();
    return {
      isolate: this.#isolate,
      location: this.#deps.location(),
      have: root ? { generation: root.generation, issuedAt: root.issuedAt } : null,
      slices: [...(this.#current?.slices.keys() ?? [])],
      hosts: this.#hostsInUse(now),
      ...this.#unsent,
    };
  }

  #takeUnsent(): Unsent {
    this.#sequence += 1;
    const metrics = this.metrics.take();
    const kept = metrics.slice(0, MAX_PENDING_SERIES);
    const lost = metrics.slice(MAX_PENDING_SERIES).reduce((sum, { requests }) => sum + requests, 0);
    const dropped = { ...this.#dropped, ...(lost > 0 && { series_limit: lost }) };
    this.#dropped = {};
    return { sequence: this.#sequence, outcomes: this.outcomes.take(), metrics: kept, dropped };
  }

  #hostsInUse(now: number): { scope: string; host: string }[] {
    const hosts = [...this.#waitedFor.values()].map(({ scope, host }) => ({ scope, host }));
    for (const [scope, byHost] of this.#current?.known ?? []) {
      for (const [host, known] of byHost) if (now - known.usedAt < IN_USE_MS) hosts.push({ scope, host });
    }
    return hosts.slice(0, MAX_HOSTS);
  }

  /** Takes what came, whole or not at all: root and slices in use change in one assignment. */
  async #take(down: ExchangeDown): Promise<void> {
    const now = this.#deps.now();
    this.#nextMs = Math.min(Math.max(down.nextMs, 500), 60_000);
    this.outcomes.learn(down.ejections, down.suspects, now);
    const root = down.root === null ? (this.#current?.root ?? null) : await this.#readRoot(down.root);
    if (root === null) return;
    const arrived = await this.#readSlices(down.slices);
    if (root === this.#current?.root && arrived.size === 0) return;
    const index = root === this.#current?.root ? this.#current.index : new HostIndex(root.scopes);
    const slices = new Map<string, LinkedSlice>();
    const listed = new Set(Object.values(root.scopes).flatMap((hosts) => Object.values(hosts)));
    for (const [id, slice] of [...(this.#current?.slices ?? []), ...arrived]) if (listed.has(id)) slices.set(id, slice);
    const { generation, issuedAt, trust } = root;
    this.#current = { root, serving: { generation, issuedAt, trust }, index, slices, known: this.#carryUse(now) };
  }

  /** What was in use under the last root is in use under the next: its slices come down with it. */
  #carryUse(now: number): Map<string, Map<string, Known>> {
    for (const [scope, byHost] of this.#current?.known ?? []) {
      for (const [host, { usedAt }] of byHost) {
        if (now - usedAt < IN_USE_MS) this.#waitedFor.set(`${scope} ${host}`, { scope, host, at: usedAt });
      }
    }
    return new Map();
  }

  async #readRoot(signed: NonNullable<ExchangeDown["root"]>): Promise<Root | null> {
    this.#keys ??= importVerifyKeys(this.#deps.keys);
    const read = await verifyRoot(signed, await this.#keys, this.#deps.gateway);
    const current = this.#current?.root;
    if (!read.ok) return this.#reject(read.error.code);
    const { generation, issuedAt } = read.value;
    const older =
      current &&
      (generation < current.generation || (generation === current.generation && issuedAt < current.issuedAt));
    return older ? this.#reject("snapshot_older") : read.value;
  }

  async #readSlices(texts: ExchangeDown["slices"]): Promise<Map<string, LinkedSlice>> {
    const slices = new Map<string, LinkedSlice>();
    for (const [id, text] of Object.entries(texts)) {
      const read = await readSlice(text, id);
      if (read.ok) slices.set(id, link(read.value));
      else this.#reject(read.error.code);
    }
    return slices;
  }

  #reject(code: string): Root | null {
    this.#rejected += 1;
    console.warn({ event: "snapshot_rejected", gateway: this.#deps.gateway, code });
    return this.#current?.root ?? null;
  }

  #find(scope: string, host: string, now: number): Found | null {
    const current = this.#current;
    if (current === null) return null;
    const { maxAgeMs, issuedAt } = current.root;
    if (maxAgeMs !== undefined && now - issuedAt > maxAgeMs) return null;
    const known = current.known.get(scope)?.get(host);
    if (known) {
      known.usedAt = now;
      return known.found;
    }
    return this.#findNew(current, scope, host, now);
  }

  #findNew(current: Current, scope: string, host: string, now: number): Found | null {
    const id = current.index.lookup(scope, host);
    // Hosts that nobody serves are the clients' to make up: they are not remembered.
    if (id === null) return { kind: "no_host", root: current.serving };
    const slice = current.slices.get(id);
    if (!slice) return null;
    const found: Found = { kind: "slice", slice, root: current.serving };
    let byHost = current.known.get(scope);
    if (!byHost) current.known.set(scope, (byHost = new Map()));
    // Under a wildcard any number of names can be asked for.
    if (byHost.size < MAX_HOSTS) byHost.set(host, { found, usedAt: now });
    return found;
  }

  #wait(scope: string, host: string): void {
    if (this.#waitedFor.size < MAX_HOSTS)
      this.#waitedFor.set(`${scope} ${host}`, { scope, host, at: this.#deps.now() });
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
