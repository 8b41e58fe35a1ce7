import { Looks, type Wish } from "../../src/exchange/looks.ts";
import { canWait, restingSlices } from "../../src/exchange/newer-root.ts";
import { HostIndex } from "../../src/routing/host.ts";
import type { Root, SignedRoot, Slice } from "../../src/snapshot/model.ts";
import type { ExchangeUp, IsolatesSeen, Look, RootAnswer, StateApi } from "../../src/snapshot/rpc.ts";
import type { TailOrder } from "../../src/snapshot/tail-model.ts";
import { eventLine } from "../../src/telemetry/event-line.ts";
import { inTime } from "./in-time.ts";
import type { Isolates } from "./isolates.ts";
import type { LastGood } from "./last-good.ts";

const LOOK_TIMEOUT_MS = 2_000;
/** An exchange waits this long for news where there is a last good configuration, */
const KNOWN_WAIT_MS = 250;
/** and this long where there is none. */
const UNKNOWN_WAIT_MS = 1_500;

interface Good {
  readonly signed: SignedRoot;
  readonly root: Root;
  readonly index: HostIndex;
}

/** What the cell knows of one gateway deployment. */
export interface Gateway {
  good: Good | null;
  /** True after control said that it does not know this gateway. */
  unknown: boolean;
  /** What control was last told of its isolates. */
  told: IsolatesSeen | null;
  /** Tails that are open, as control said last; null: none. */
  tails: TailOrder | null;
  /** Those in use at the isolate that exchanged last. */
  hosts: Hosts;
  /** Since the last root was taken over, a newer one was not, for want of slices that nobody waits for: none waits for them again. */
  waited: boolean;
}

type Hosts = ExchangeUp["hosts"];

const NEW_GATEWAY: Gateway = { good: null, unknown: false, told: null, tails: null, hosts: [], waited: false };

interface News {
  readonly gateway: Gateway;
  readonly name: string;
  readonly good: Good;
  /** Slices that it lists for hosts in use, */
  readonly wanted: readonly string[];
  /** and new ones of hosts that the cell served and that rest. */
  readonly resting: readonly string[];
}

/** The last good roots and slices of a cell's gateways, and its looks at control for newer ones. */
export class Snapshots {
  readonly #lastGood: LastGood;
  readonly #control: StateApi;
  readonly #isolates: Isolates;
  /** Name of the cell. */
  readonly #cell: string;
  readonly #looks: Looks;
  readonly #gateways = new Map<string, Gateway>();
  readonly #slices: Map<string, string>;
  /** Cluster ids by slice, worked out when one is first asked for. */
  readonly #clusters = new Map<string, readonly string[]>();

  constructor(cell: string, lastGood: LastGood, control: StateApi, isolates: Isolates) {
    this.#cell = cell;
    this.#lastGood = lastGood;
    this.#control = control;
    this.#isolates = isolates;
    this.#looks = new Looks({
      look: async (names) => this.#look([...names]),
      awake: () => isolates.gateways(Date.now()),
      now: () => Date.now(),
      wait: async (ms) => scheduler.wait(ms),
    });
    this.#slices = new Map(lastGood.slices());
    for (const [name, signed] of lastGood.roots()) this.#gateways.set(name, { ...NEW_GATEWAY, good: readGood(signed) });
  }

  gateway(name: string): Gateway {
    let gateway = this.#gateways.get(name);
    if (!gateway) this.#gateways.set(name, (gateway = { ...NEW_GATEWAY }));
    return gateway;
  }

  get isLooking(): boolean {
    return this.#looks.isRunning;
  }

  text(id: string): string | undefined {
    return this.#slices.get(id);
  }

  /** Looks at control where that is due, and waits for it a bounded time: what is here serves meanwhile. */
  async news(name: string, hosts: Hosts): Promise<void> {
    const gateway = this.gateway(name);
    gateway.hosts = hosts;
    const look = this.#looks.at(name, this.#wish(name, gateway));
    if (look === null) return;
    // What is here serves meanwhile.
    await inTime(look, gateway.good === null ? UNKNOWN_WAIT_MS : KNOWN_WAIT_MS).catch(() => undefined);
  }

  /** Control hears soon that all isolates serve a newer root, or refuse one: somebody may wait for it. */
  #wish(name: string, { good, unknown, told }: Gateway): Wish {
    if (unknown || (good === null && told === null)) return "cold";
    const seen = this.#isolates.seen(name, this.#cell, Date.now());
    const isTold =
      told?.serving === seen.serving && told.refused?.code === seen.refused?.code && told.tails === seen.tails;
    return isTold ? null : "turned";
  }

  /** Never rejects: where control does not answer, what is here serves on. */
  async #look(names: readonly string[]): Promise<void> {
    const looks = names.map((name): Look => {
      const { good } = this.gateway(name);
      const have = good && { generation: good.root.generation, issuedAt: good.root.issuedAt };
      return { gateway: name, have, seen: this.#isolates.seen(name, this.#cell, Date.now()) };
    });
    try {
      for (let left: readonly Look[] = looks; left.length > 0;) left = await this.#ask(left);
    } catch {
      // The next exchange after a second looks again.
    }
  }

  /** @returns those that are to ask again */
  async #ask(looks: readonly Look[]): Promise<readonly Look[]> {
    const answers = await inTime(this.#control.roots(looks), LOOK_TIMEOUT_MS);
    const news: News[] = [];
    const later: Look[] = [];
    for (const [at, look] of looks.entries()) {
      const answer = answers[at];
      if (answer?.kind === "later") later.push(look);
      else if (answer !== undefined) news.push(...this.#hear(look, answer));
    }
    await this.#takeOver(news);
    // It gives at least the first of them; where it does not, this ends.
    return later.length < looks.length ? later : [];
  }

  #hear({ gateway: name, have, seen }: Look, answer: RootAnswer): readonly News[] {
    const gateway = this.gateway(name);
    gateway.told = seen;
    gateway.tails = answer.tails ?? null;
    gateway.unknown = answer.kind === "unknown";
    if (answer.kind !== "root") return [];
    const good = readGood(answer.root);
    if (good === null)
      console.warn(eventLine({ event: "snapshot_rejected", gateway: name, code: "snapshot_unreadable" }));
    if (good === null || !isNewer(good.root, have)) return [];
    const wanted = sliceIds(good.index, gateway.hosts);
    const last = gateway.good?.root;
    const resting = last === undefined ? [] : restingSlices(last, good.root, this.#slices.keys(), wanted);
    return [{ name, gateway, good, wanted, resting }];
  }

  /**
   * A root is taken over only with the slices of the hosts in use: without them served hosts would turn into unserved ones. For
   * those of other hosts it waits once, where it can, until the next look: where control hangs behind its root, the last root serves them on.
   */
  async #takeOver(news: readonly News[]): Promise<void> {
    if (news.length === 0) return;
    const asked = new Set<string>();
    const answered = new Set<string>();
    // Gateways of one bundle have most of their slices in common: each text comes once.
    const texts = new Map<string, string>();
    const ask = async (name: string, ids: readonly string[]): Promise<void> => {
      const missing = ids.filter((id) => !this.#slices.has(id) && !asked.has(id));
      for (const id of missing) asked.add(id);
      if (missing.length === 0) return;
      for (const [id, text] of await this.#texts(name, missing)) texts.set(id, text);
      for (const id of missing) answered.add(id);
    };
    // First for those that are waited for: no gateway's come with another's that rest.
    const calls = news.map(async ({ name, wanted }) => ask(name, wanted));
    await Promise.allSettled([...calls, ...news.map(async ({ name, resting }) => ask(name, resting))]);
    const isHere = (id: string): boolean => this.#slices.has(id) || texts.has(id);
    for (const { name, gateway, good, wanted, resting } of news) {
      if (!wanted.every(isHere)) continue;
      const isLacking = resting.some((id) => !this.#slices.has(id) && !answered.has(id));
      if (!gateway.waited && isLacking && gateway.good !== null && canWait(gateway.good.root, good.root, isHere)) {
        gateway.waited = true;
        continue;
      }
      // Those that come latest here are the last to be left out.
      const ids = [...resting.toReversed(), ...wanted];
      const own = new Map(ids.flatMap((id) => (texts.has(id) ? [[id, texts.get(id) ?? ""] as const] : [])));
      this.#lastGood.write(name, good.signed, own);
      for (const [id, text] of own) this.#slices.set(id, text);
      gateway.good = good;
      gateway.waited = false;
    }
    this.#forgetUnlisted();
  }

  /** Slices of hosts that an isolate asks for, where the cell lacks them. */
  async fetch(name: string, wanted: readonly string[]): Promise<void> {
    const missing = wanted.filter((id) => !this.#slices.has(id));
    if (missing.length === 0) return;
    try {
      const texts = await this.#texts(name, missing);
      this.#lastGood.writeSlices(texts);
      for (const [id, text] of texts) this.#slices.set(id, text);
    } catch {
      // Control is away: who asked keeps what it has, or waits and asks again.
    }
  }

  /** Of what was asked for alone, whatever control says. */
  async #texts(name: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const answer: Readonly<Record<string, unknown>> = await inTime(this.#control.slices(name, ids), LOOK_TIMEOUT_MS);
    return new Map(ids.flatMap((id) => (typeof answer[id] === "string" ? [[id, answer[id]] as const] : [])));
  }

  clustersOf(ids: readonly string[]): ReadonlySet<string> {
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
}

/** The signature is the gateways' to check; here it is only read. */
function readGood(signed: SignedRoot): Good | null {
  try {
    const root = JSON.parse(signed.payload) as Root;
    if (!Number.isSafeInteger(root.generation) || !Number.isSafeInteger(root.issuedAt)) return null;
    return { signed, root, index: new HostIndex(root.scopes) };
  } catch {
    return null;
  }
}

export function isNewer(root: Root, have: ExchangeUp["have"]): boolean {
  if (have === null) return true;
  return root.generation > have.generation || (root.generation === have.generation && root.issuedAt > have.issuedAt);
}

/** Of the hosts that the root lists. */
export function sliceIds(index: HostIndex, hosts: Hosts): readonly string[] {
  const ids = new Set<string>();
  for (const { scope, host } of hosts) {
    const id = index.lookup(scope, host);
    if (id !== null) ids.add(id);
  }
  return [...ids];
}
