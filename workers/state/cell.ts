import { eventLine } from "../../src/telemetry/event-line.ts";
import { DurableObject } from "cloudflare:workers";
import { ProbeBook } from "../../src/resilience/probes.ts";
import { HostIndex } from "../../src/routing/host.ts";
import type { Root, SignedRoot, Slice } from "../../src/snapshot/model.ts";
import type { TailNews, TailOrder } from "../../src/snapshot/tail-model.ts";
import type { Ejection, ExchangeDown, ExchangeUp, IsolatesSeen, StateApi } from "../../src/snapshot/rpc.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { Isolates } from "./isolates.ts";
import { Judgement } from "./judgement.ts";
import { LastGood } from "./last-good.ts";
import { Outbox } from "./outbox.ts";
import { TailLines } from "./tail-lines.ts";

/** Control is looked at at most this often for one gateway, and only when an exchange arrives. */
const LOOK_EVERY_MS = 1_000;
const LOOK_TIMEOUT_MS = 2_000;
/** An exchange waits this long for news where there is a last good configuration, */
const KNOWN_WAIT_MS = 250;
/** and this long where there is none. */
const UNKNOWN_WAIT_MS = 1_500;
/** Below this many isolates each exchanges once a second, above it they share. */
const ISOLATES_A_SECOND = 300;

/** What the cell knows of one gateway deployment. */
interface Gateway {
  good: { readonly signed: SignedRoot; readonly root: Root; readonly index: HostIndex } | null;
  lookedAt: number;
  look: Promise<boolean> | null;
  /** True after control said that it does not know this gateway. */
  unknown: boolean;
  /** What control was last told of its isolates. */
  told: IsolatesSeen | null;
  /** Tails that are open, as control said last; null: none. */
  tails: TailOrder | null;
}

/** What of the state Worker's environment it uses. */
interface CellEnv {
  readonly CONTROL: StateApi;
}

const NEW_GATEWAY: Gateway = { good: null, lookedAt: 0, look: null, unknown: false, told: null, tails: null };

type Hosts = ExchangeUp["hosts"];

/** Shared by the gateway isolates of one location: the last good configuration, and what all of them saw of endpoints. */
export class Cell extends DurableObject<CellEnv> {
  readonly #lastGood: LastGood;
  readonly #outbox: Outbox;
  readonly #tailLines: TailLines;
  readonly #judgement = new Judgement();
  readonly #gateways = new Map<string, Gateway>();
  readonly #slices: Map<string, string>;
  /** Cluster ids by slice, worked out when one is first asked for. */
  readonly #clusters = new Map<string, readonly string[]>();
  readonly #isolates = new Isolates();
  readonly #probes = new ProbeBook();

  constructor(ctx: DurableObjectState, env: CellEnv) {
    super(ctx, env);
    this.#lastGood = new LastGood(ctx.storage);
    this.#outbox = new Outbox(env.CONTROL);
    this.#tailLines = new TailLines(env.CONTROL);
    this.#slices = new Map(this.#lastGood.slices());
    for (const [name, signed] of this.#lastGood.roots()) {
      this.#gateways.set(name, { ...NEW_GATEWAY, good: readGood(signed) });
    }
  }

  /** @param name from the props of the gateway's binding, never from its own words */
  async exchange(name: string, up: ExchangeUp): Promise<ExchangeDown> {
    const now = Date.now();
    this.#takeReports(name, up, now);
    const gateway = this.#gateway(name);
    await this.#news(name, gateway, up.hosts);
    const { good } = gateway;
    if (good === null) {
      return {
        root: null,
        unknown: gateway.unknown,
        slices: {},
        ejections: [],
        suspects: [],
        ...tailsFor(gateway, up),
        nextMs: this.#nextMs(now),
      };
    }
    const wanted = sliceIds(good.index, up.hosts);
    if (wanted.some((id) => !this.#slices.has(id))) await this.#fetchSlices(name, wanted);
    const clusters = this.#clustersOf(wanted);
    const later = Date.now();
    return {
      root: this.#isDue(good, up) && this.#holdsAll(wanted, up) ? good.signed : null,
      unknown: false,
      slices: this.#textsFor(wanted, new Set(up.slices)),
      ejections: this.#judgement.ejections(clusters, later),
      suspects: this.#judgement.suspects(clusters, later),
      ...(up.probes && { probes: this.#probes.ask(up.probes, later) }),
      ...tailsFor(gateway, up),
      nextMs: this.#nextMs(later),
    };
  }

  #takeReports(name: string, up: ExchangeUp, now: number): void {
    const isNews = this.#isolates.take(name, up, now);
    if (!isNews) return; // the answer to it was lost, not the report
    for (const report of up.outcomes) {
      const ejection = this.#judgement.take(report, now);
      if (ejection !== null) this.#tell(ejection, name);
    }
    for (const result of up.probed ?? []) {
      const turned = this.#probes.take(result);
      if (turned !== null)
        console.warn(
          eventLine({
            event: turned === "out" ? "endpoint_unhealthy" : "endpoint_healthy",
            gateway: name,
            endpoint: result.endpoint,
          }),
        );
    }
    if (up.tailed) this.#tailLines.add(up.tailed);
    this.#outbox.add(up);
    if (up.records !== undefined) this.#outbox.record(this.ctx.id.name ?? "unknown", name, up.records);
    for (const [key, by] of Object.entries(up.counts ?? {})) this.#outbox.count(key, by);
  }

  #tell({ caller, cluster, endpoint, cause, durationMs }: Ejection, gateway: string): void {
    const location = this.ctx.id.name ?? "unknown";
    const line = { location, gateway, caller, cluster, endpoint, cause, duration_ms: durationMs };
    console.warn(eventLine({ event: "endpoint_ejected", ...line }));
    this.#outbox.count(counterKey("tulle_ejections_total", { source_principal: caller, cluster, endpoint, cause }));
  }

  #gateway(name: string): Gateway {
    let gateway = this.#gateways.get(name);
    if (!gateway) {
      gateway = { ...NEW_GATEWAY };
      this.#gateways.set(name, gateway);
    }
    return gateway;
  }

  /** Looks at control where the last look is old, and waits for it a bounded time: what is here serves meanwhile. */
  async #news(name: string, gateway: Gateway, hosts: Hosts): Promise<void> {
    const now = Date.now();
    // Control hears at once that all isolates serve a newer root, or refuse one: somebody may wait for it.
    const seen = this.#isolates.seen(name, this.ctx.id.name ?? "unknown", now);
    const isTold =
      gateway.told?.serving === seen.serving &&
      gateway.told.refused?.code === seen.refused?.code &&
      gateway.told.tails === seen.tails;
    const due = now - gateway.lookedAt >= LOOK_EVERY_MS || gateway.unknown || !isTold;
    if (gateway.look === null && due) {
      gateway.lookedAt = now;
      gateway.look = this.#look(name, gateway, hosts, seen).finally(() => (gateway.look = null));
    }
    if (gateway.look === null) return;
    await Promise.race([gateway.look, scheduler.wait(gateway.good === null ? UNKNOWN_WAIT_MS : KNOWN_WAIT_MS)]);
  }

  /** Never rejects. @returns whether control answered */
  async #look(name: string, gateway: Gateway, hosts: Hosts, seen: IsolatesSeen): Promise<boolean> {
    try {
      const have = gateway.good && { generation: gateway.good.root.generation, issuedAt: gateway.good.root.issuedAt };
      const answer = await inTime(this.env.CONTROL.root(name, have, seen));
      gateway.told = seen;
      gateway.tails = answer.tails ?? null;
      gateway.unknown = answer.kind === "unknown";
      if (answer.kind !== "root") return true;
      const good = readGood(answer.root);
      if (good === null || !isNewer(good.root, have)) return true;
      // Taken over only with the slices of the hosts in use: a root without them would turn served hosts into unserved ones.
      const missing = sliceIds(good.index, hosts).filter((id) => !this.#slices.has(id));
      const texts = missing.length === 0 ? {} : await inTime(this.env.CONTROL.slices(name, missing));
      if (missing.some((id) => !Object.hasOwn(texts, id))) return true;
      const slices = new Map(Object.entries(texts));
      this.#lastGood.write(name, answer.root, slices);
      for (const [id, text] of slices) this.#slices.set(id, text);
      gateway.good = good;
      this.#forgetUnlisted();
      return true;
    } catch {
      return false;
    }
  }

  async #fetchSlices(name: string, wanted: readonly string[]): Promise<void> {
    const missing = wanted.filter((id) => !this.#slices.has(id));
    try {
      const texts = new Map(Object.entries(await inTime(this.env.CONTROL.slices(name, missing))));
      this.#lastGood.writeSlices(texts);
      for (const [id, text] of texts) this.#slices.set(id, text);
    } catch {
      // Control is away: who asked keeps what it has, or waits and asks again.
    }
  }

  /** A root that an isolate cannot verify, up to 8 MB, would else go out to it each second. */
  #isDue({ root, signed }: NonNullable<Gateway["good"]>, up: ExchangeUp): boolean {
    return isNewer(root, up.have) && signed.signature !== up.refusedRoot;
  }

  /** A root goes out only with all slices of the hosts in use, else the isolate would lose hosts that it serves. */
  #holdsAll(wanted: readonly string[], up: ExchangeUp): boolean {
    return up.have === null || wanted.every((id) => this.#slices.has(id));
  }

  #textsFor(wanted: readonly string[], held: ReadonlySet<string>): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const id of wanted) {
      const text = held.has(id) ? undefined : this.#slices.get(id);
      if (text !== undefined) texts[id] = text;
    }
    return texts;
  }

  #clustersOf(ids: readonly string[]): ReadonlySet<string> {
    const all = new Set<string>();
    for (const id of ids) {
      let clusters = this.#clusters.get(id);
      const text = this.#slices.get(id);
      if (!clusters && text !== undefined) {
        clusters = Object.keys((JSON.parse(text) as Slice).clusters);
        this.#clusters.set(id, clusters);
      }
      for (const cluster of clusters ?? []) all.add(cluster);
    }
    return all;
  }

  #forgetUnlisted(): void {
    const listed = new Set<string | null>();
    for (const { good } of this.#gateways.values()) {
      for (const hosts of Object.values(good?.root.scopes ?? {})) for (const id of Object.values(hosts)) listed.add(id);
    }
    const unlisted = [...this.#slices.keys()].filter((id) => !listed.has(id));
    if (unlisted.length === 0) return;
    this.#lastGood.forgetSlices(unlisted);
    for (const id of unlisted) {
      this.#slices.delete(id);
      this.#clusters.delete(id);
    }
  }

  #nextMs(now: number): number {
    return Math.ceil(this.#isolates.alive(now) / ISOLATES_A_SECOND) * 1_000 || 1_000;
  }
}

/** Without its wishes where the isolate has them already. */
function tailsFor(
  { tails, look }: Gateway,
  { tails: held }: ExchangeUp,
): { readonly tails?: TailNews; readonly looking?: true } {
  return {
    ...(tails !== null && { tails: tails.revision === held ? { revision: held } : tails }),
    ...(look !== null && { looking: true as const }),
  };
}

/** The signature is the gateways' to check; here it is only read. */
function readGood(signed: SignedRoot): Gateway["good"] {
  try {
    const root = JSON.parse(signed.payload) as Root;
    return { signed, root, index: new HostIndex(root.scopes) };
  } catch {
    return null;
  }
}

function isNewer(root: Root, have: ExchangeUp["have"]): boolean {
  if (have === null) return true;
  return root.generation > have.generation || (root.generation === have.generation && root.issuedAt > have.issuedAt);
}

function sliceIds(index: HostIndex, hosts: Hosts): readonly string[] {
  const ids = new Set<string>();
  for (const { scope, host } of hosts) {
    const id = index.lookup(scope, host);
    if (id !== null) ids.add(id);
  }
  return [...ids];
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  return Promise.race([
    promise,
    scheduler.wait(LOOK_TIMEOUT_MS).then(() => Promise.reject(new Error("control did not answer in time"))),
  ]);
}
