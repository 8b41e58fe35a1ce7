import { err, ok, type Result } from "../result.ts";
import { HostIndex } from "../routing/host.ts";
import type { Root, SignedRoot, Slice, Trust } from "../snapshot/model.ts";
import type { ExchangeUp, RefusedSnapshots } from "../snapshot/rpc.ts";
import { type TracePlan, tracePlan } from "../telemetry/trace-plan.ts";
import { TelemetryIndex } from "../telemetry/told.ts";
import { readSlice, type SnapshotError, type VerifyKey, verifyRoot } from "../snapshot/signature.ts";

/** The part of a root that requests look at. */
interface ServingRoot {
  readonly generation: number;
  readonly issuedAt: number;
  readonly trust: Trust;
  /** Null: nothing is done about traces. */
  readonly tracing: TracePlan | null;
}

/** @typeParam Linked a slice as requests use it */
export type Found<Linked> =
  | { readonly kind: "slice"; readonly slice: Linked; readonly root: ServingRoot }
  | { readonly kind: "no_host"; readonly root: ServingRoot };

export interface Place {
  readonly scope: string;
  readonly host: string;
}

/** What came down: a root where there is news, and texts of slices by id. */
export interface Snapshot {
  readonly root: SignedRoot | null;
  readonly slices: Readonly<Record<string, string>>;
}

/** A request waits for news only when the last are older than this, */
const MAX_STALENESS_MS = 2_000;
/** and nobody does for this long after a failure. */
const PATIENCE_MS = 5_000;
/** A host that nobody asked for in this time no longer gets its slice with a new root. */
const IN_USE_MS = 300_000;
/** Under a wildcard any number of names can be asked for: of each scope the latest are remembered. */
const MAX_HOSTS = 10_000;

interface Current<Linked> {
  readonly root: Root;
  readonly index: HostIndex;
  readonly serving: ServingRoot;
  readonly telemetry: TelemetryIndex | null;
  /** Ids that the root lists; null hides a host. */
  readonly listed: ReadonlySet<string | null>;
  /** Those that are here. */
  readonly slices: Map<string, Linked>;
}

/** A host that was asked for; without `found` somebody waits for its slice. */
interface Use<Linked> {
  found: Found<Linked> | null;
  usedAt: number;
}

/**
 * The root and slices in use, and which hosts need theirs. All times are epoch ms and come in as arguments. What is refused leaves
 * everything as it was: the last good root serves on.
 */
export class Configuration<Linked extends object> {
  readonly #gateway: string;
  readonly #keys: () => Promise<readonly VerifyKey[]>;
  readonly #link: (slice: Slice) => Linked;
  #current: Current<Linked> | null = null;
  readonly #uses = new Map<string, Map<string, Use<Linked>>>();
  readonly #ids = new WeakMap<Linked, string>();
  #refused: RefusedSnapshots | null = null;
  #refusedRoot: string | null = null;
  #heardAt = Number.NEGATIVE_INFINITY;
  #missedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param gateway the deployment that roots must be for
   * @param keys those that may sign a root
   */
  constructor(gateway: string, keys: () => Promise<readonly VerifyKey[]>, link: (slice: Slice) => Linked) {
    this.#gateway = gateway;
    this.#keys = keys;
    this.#link = link;
  }

  /** Of the root in use. */
  get have(): ExchangeUp["have"] {
    const root = this.#current?.root;
    return root === undefined ? null : { generation: root.generation, issuedAt: root.issuedAt };
  }

  /** Trust bundle of the root in use. */
  get trust(): Trust | null {
    return this.#current?.serving.trust ?? null;
  }

  /** What the root in use has told of calls; null: what is told without settings. */
  get telemetry(): TelemetryIndex | null {
    return this.#current?.telemetry ?? null;
  }

  /** Of the root in use: scopes of single service accounts; null where it lists none. */
  get accounts(): ReadonlySet<string> | null {
    return this.#current?.index.accounts ?? null;
  }

  /** What was refused since a root was last taken. */
  get refused(): RefusedSnapshots | null {
    return this.#refused;
  }

  /** Signature of the root that did not verify, while nothing better came. */
  get refusedRoot(): string | null {
    return this.#refusedRoot;
  }

  /** Ids of the slices that are here. */
  get held(): readonly string[] {
    return [...(this.#current?.slices.keys() ?? [])];
  }

  /** Of a slice that is here, or was. */
  idOf(slice: Linked): string | null {
    return this.#ids.get(slice) ?? null;
  }

  /** The last exchange went well: what is here is as new as can be. */
  heard(now: number): void {
    this.#heardAt = now;
    this.#missedAt = Number.NEGATIVE_INFINITY;
  }

  missed(now: number): void {
    this.#missedAt = now;
  }

  /** Whether a request should wait for news, a short time, before it trusts what is here. */
  isStale(now: number): boolean {
    return now - this.#heardAt > MAX_STALENESS_MS && now - this.#missedAt > PATIENCE_MS;
  }

  /** @returns null where no root is here, or one past its age, or not the host's slice */
  find(scope: string, host: string, now: number): Found<Linked> | null {
    const current = this.#current;
    if (current === null || isOver(current.root, now)) return null;
    const use = this.#uses.get(scope)?.get(host);
    if (use !== undefined) {
      use.usedAt = now;
      if (use.found !== null) return use.found;
    }
    const found = look(current, scope, host);
    // Hosts that nobody serves are the clients' to make up: they are not remembered.
    if (found?.kind === "slice") this.#use(scope, host, now).found = found;
    return found;
  }

  /** The next exchange asks for this host's slice. */
  want(scope: string, host: string, now: number): void {
    this.#use(scope, host, now);
  }

  /** Hosts in use, those that somebody waits for first. */
  hosts(now: number): readonly Place[] {
    const waited: Place[] = [];
    const served: Place[] = [];
    for (const [scope, byHost] of this.#uses) {
      for (const [host, { found, usedAt }] of byHost) {
        if (now - usedAt < IN_USE_MS) (found === null ? waited : served).push({ scope, host });
      }
    }
    return [...waited, ...served].slice(0, MAX_HOSTS);
  }

  /**
   * Takes what came, whole or not at all: root and slices in use change in one step.
   *
   * @param asked the hosts that this answers: a root comes with the slices of all of them
   * @returns codes of what was refused
   */
  async take(snapshot: Snapshot, asked: readonly Place[], now: number): Promise<readonly string[]> {
    const read = snapshot.root === null ? null : await this.#read(snapshot.root);
    const slices = new Map<string, Linked>();
    const refused: string[] = [];
    for (const [id, text] of Object.entries(snapshot.slices)) {
      const slice = await readSlice(text, id);
      const linked = slice.ok ? this.#tryLink(slice.value) : slice;
      if (linked.ok) {
        slices.set(id, linked.value);
        this.#ids.set(linked.value, id);
      } else refused.push(linked.error.code);
    }
    // Nothing waits from here on: what is current stays so until it is replaced.
    if (read === null) {
      this.#add(slices, now);
    } else if (read.ok) {
      const next = this.#next(read.value, slices);
      const wrong = this.#wrong(next, asked, now);
      if (wrong === null) {
        this.#serve(next, now);
        this.#refused = null;
        this.#refusedRoot = null;
      } else refused.push(wrong);
    } else {
      refused.push(read.error.code);
      this.#refusedRoot = snapshot.root?.signature ?? null;
    }
    // A root is incomplete because of the slice that was refused before it.
    const [code] = refused;
    if (code !== undefined) this.#refused = { code, count: (this.#refused?.count ?? 0) + refused.length };
    return refused;
  }

  async #read(signed: SignedRoot): Promise<Result<Root, { readonly code: RefusalCode }>> {
    const keys = await this.#keys().catch(() => null);
    return keys === null ? err({ code: "snapshot_keys_unreadable" }) : verifyRoot(signed, keys, this.#gateway);
  }

  /** What control compiled can be linked; where a bug says otherwise, the last good one serves on. */
  #tryLink(slice: Slice): Result<Linked, { readonly code: RefusalCode }> {
    try {
      return ok(this.#link(slice));
    } catch {
      return err({ code: "slice_unlinkable" });
    }
  }

  #next(root: Root, arrived: ReadonlyMap<string, Linked>): Current<Linked> {
    const { generation, issuedAt, trust, scopes, telemetry } = root;
    const listed = new Set(Object.values(scopes).flatMap((hosts) => Object.values(hosts)));
    const here = [...(this.#current?.slices ?? []), ...arrived];
    return {
      root,
      index: new HostIndex(scopes),
      serving: { generation, issuedAt, trust: withStaleness(trust, issuedAt), tracing: tracePlan(root) },
      telemetry: telemetry === undefined ? null : new TelemetryIndex(telemetry, root),
      listed,
      slices: new Map(here.filter(([id]) => listed.has(id))),
    };
  }

  /** Hosts that are first asked for, under the root that is here: what it costs does not grow with the root. */
  #add(arrived: ReadonlyMap<string, Linked>, now: number): void {
    const current = this.#current;
    if (current === null) return;
    for (const [id, slice] of arrived) if (current.listed.has(id)) current.slices.set(id, slice);
    if (current.slices.size > MAX_HOSTS) this.#serve(current, now);
  }

  /** @returns why the last good root serves on, or null */
  #wrong({ root, index, slices }: Current<Linked>, asked: readonly Place[], now: number): RefusalCode | null {
    const last = this.#current?.root;
    if (last === undefined) return null;
    const { generation, issuedAt } = root;
    if (generation < last.generation || (generation === last.generation && issuedAt < last.issuedAt))
      return "snapshot_older";
    if (isOver(last, now)) return null;
    const isLost = ({ scope, host }: Place): boolean => {
      const id = index.lookup(scope, host);
      return id !== null && !slices.has(id) && this.#isServed(scope, host);
    };
    return asked.some(isLost) ? "snapshot_incomplete" : null;
  }

  #isServed(scope: string, host: string): boolean {
    const use = this.#uses.get(scope)?.get(host);
    return use !== undefined && use.found !== null;
  }

  /** What was in use under the last root is in use under the next; slices that nobody uses go. */
  #serve(current: Current<Linked>, now: number): void {
    const slices = new Map<string, Linked>();
    for (const [scope, byHost] of this.#uses) {
      for (const [host, use] of byHost) {
        const id = now - use.usedAt < IN_USE_MS ? current.index.lookup(scope, host) : null;
        if (id === null) byHost.delete(host);
        const slice = id === null ? undefined : current.slices.get(id);
        if (id !== null && slice !== undefined) slices.set(id, slice);
        use.found = slice === undefined ? null : { kind: "slice", slice, root: current.serving };
      }
      if (byHost.size === 0) this.#uses.delete(scope);
    }
    this.#current = { ...current, slices };
  }

  #use(scope: string, host: string, now: number): Use<Linked> {
    let byHost = this.#uses.get(scope);
    if (byHost === undefined) this.#uses.set(scope, (byHost = new Map()));
    let use = byHost.get(host);
    if (use === undefined) {
      const [oldest] = byHost.keys();
      if (byHost.size >= MAX_HOSTS && oldest !== undefined) byHost.delete(oldest);
      byHost.set(host, (use = { found: null, usedAt: now }));
    }
    use.usedAt = now;
    return use;
  }
}

/** A code is public: add, never rename. */
type RefusalCode =
  | SnapshotError["code"]
  | "snapshot_older"
  | "snapshot_incomplete"
  | "snapshot_keys_unreadable"
  | "slice_unlinkable";

/** How old the word on who was revoked may be counts from the root's signature. */
function withStaleness(trust: Trust, issuedAt: number): Trust {
  const { revoked } = trust;
  if (revoked?.maxAgeMs === undefined) return trust;
  return { ...trust, revoked: { ...revoked, staleAt: issuedAt + revoked.maxAgeMs } };
}

function isOver({ maxAgeMs, issuedAt }: Root, now: number): boolean {
  return maxAgeMs !== undefined && now - issuedAt > maxAgeMs;
}

function look<Linked>(current: Current<Linked>, scope: string, host: string): Found<Linked> | null {
  const id = current.index.lookup(scope, host);
  if (id === null) return { kind: "no_host", root: current.serving };
  const slice = current.slices.get(id);
  return slice === undefined ? null : { kind: "slice", slice, root: current.serving };
}
