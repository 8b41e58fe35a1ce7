import { createHash } from "node:crypto";
import { Looks, type Wish } from "../../src/exchange/looks.ts";
import { cellName, readShards, Sharding, shardOf } from "../../src/exchange/shards.ts";
import { shardOf as limiterOf } from "../../src/limits/counter-name.ts";
import { KeptCounters } from "../../src/limits/kept-counters.ts";
import { type Taken, takeAll } from "../../src/limits/limiter.ts";
import { Turns } from "../../src/limits/turns.ts";
import { Breakers } from "../../src/resilience/breakers.ts";
import type { OutlierSettings } from "../../src/snapshot/model.ts";
import type { ExchangeUp, IsolatesSeen, RemoteAsk } from "../../src/snapshot/rpc.ts";
import { Limits } from "../../workers/gateway/limits.ts";
import { Isolates } from "../../workers/state/isolates.ts";
import { Judgement } from "../../workers/state/judgement.ts";
import type { Calls } from "./calls.ts";
import type { Asked } from "./limits.ts";
import type { ModelClock } from "./model-clock.ts";

const CALL_MS = { cell: 5, hub: 60, limiter: 30 } as const;
const TICK_MS = 100;

export interface World {
  readonly clock: ModelClock;
  readonly calls: Calls;
  readonly random: () => number;
  /** Of the configuration, as control has it. */
  generation: number;
  /** False: no request comes. */
  isBusy: boolean;
  /** A deployment whose one endpoint fails; null: none does. */
  failing: string | null;
  /** Something went wrong that nobody waits for. */
  failed(this: void, error: unknown): void;
  /** An isolate obeys a generation. */
  obeyed(isolate: string, generation: number): void;
  /** Requests of limits that were let through. */
  readonly admitted: Map<string, number>;
  readonly cells: Map<string, Cell>;
  readonly limiters: Map<string, Limiter>;
}

const OUTLIERS: OutlierSettings = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
  alwaysEjectOne: true,
};

/** A cell with the parts that the state Worker's has: its isolates, its looks, its judgement, its number of siblings. */
class Cell {
  readonly #world: World;
  readonly #name: string;
  readonly #location: string;
  readonly #shard: number;
  readonly #isolates = new Isolates();
  readonly #sharding: Sharding;
  readonly #judgement = new Judgement();
  readonly #looks: Looks;
  readonly #have = new Map<string, number>();
  readonly #told = new Map<string, IsolatesSeen>();
  #own = 0;
  #judgedAt = Number.NEGATIVE_INFINITY;

  constructor(world: World, location: string, shard: number) {
    this.#world = world;
    this.#location = location;
    this.#shard = shard;
    this.#name = cellName(location, shard);
    this.#sharding = new Sharding(shard, world.clock.now);
    this.#looks = new Looks({
      look: async (gateways) => this.#look(gateways),
      awake: () => this.#isolates.gateways(world.clock.now),
      now: () => world.clock.now,
      wait: async (ms) => world.clock.wait(ms),
    });
  }

  async #look(gateways: ReadonlySet<string>): Promise<void> {
    const { clock, calls } = this.#world;
    const seen = [...gateways].map((name) => [name, this.#isolates.seen(name, this.#name, clock.now)] as const);
    await clock.wait(CALL_MS.hub / 2);
    calls.count("Hub", "hub", clock.now);
    const { generation } = this.#world;
    const isNews = seen.some(([name]) => this.#have.get(name) !== generation);
    await clock.wait(CALL_MS.hub / 2);
    // The slices of what changed: gateways of one bundle have the same.
    if (isNews) {
      calls.count("Hub", "hub", clock.now);
      await clock.wait(CALL_MS.hub);
    }
    for (const [name, told] of seen) {
      this.#have.set(name, generation);
      this.#told.set(name, told);
    }
  }

  async exchange(gateway: string, up: ExchangeUp) {
    const { clock, calls } = this.#world;
    calls.count("Cell", this.#name, clock.now);
    const isNews = this.#isolates.take(gateway, up, clock.now);
    this.#divide(up);
    if (isNews) {
      const ejected = up.outcomes.flatMap((report) => this.#judgement.take(report, clock.now) ?? []);
      const verdicts = ejected.flatMap((key) => this.#judgement.verdict(key) ?? []);
      if (verdicts.length > 0) this.#tell(this.#sharding.siblings, verdicts);
    }
    const look = this.#looks.at(gateway, this.#wish(gateway));
    if (look !== null) await Promise.race([look, clock.wait(250)]);
    const clusters = new Set([gateway]);
    const told = this.#sharding.told(this.#own, clock.now);
    return {
      generation: this.#have.get(gateway) ?? null,
      ejections: this.#judgement.ejections(clusters, clock.now),
      suspects: this.#judgement.suspects(clusters, clock.now),
      shards: told,
      nextMs: this.#isolates.alive(clock.now) > 300 ? 2_000 : 1_000,
    };
  }

  #wish(gateway: string): Wish {
    const told = this.#told.get(gateway);
    if (told === undefined) return "cold";
    const seen = this.#isolates.seen(gateway, this.#name, this.#world.clock.now);
    return told.serving === seen.serving ? null : "turned";
  }

  #divide(up: ExchangeUp): void {
    const { now } = this.#world.clock;
    this.#sharding.hear(readShards(up.shards), now);
    if (now - this.#judgedAt < 1_000) return;
    this.#judgedAt = now;
    this.#own = this.#isolates.ofCell((isolate) => this.#sharding.owns(isolate));
    const before = this.#sharding.shards;
    if (this.#sharding.judge(this.#own, now)) this.#tell([this.#shard + before], this.#judgement.verdicts(now));
  }

  #tell(shards: readonly number[], verdicts: ReturnType<Judgement["verdicts"]>): void {
    const { clock, calls } = this.#world;
    for (const shard of shards)
      clock.in(CALL_MS.cell, () => {
        const cell = cellOf(this.#world, this.#location, shard);
        calls.count("Cell", cell.#name, clock.now);
        for (const verdict of verdicts) cell.#judgement.adopt(verdict, clock.now);
      });
  }
}

function cellOf(world: World, location: string, shard: number): Cell {
  const name = cellName(location, shard);
  const known = world.cells.get(name) ?? new Cell(world, location, shard);
  world.cells.set(name, known);
  return known;
}

/** One isolate of a gateway: it exchanges while requests come, judges endpoints and takes from limits. */
export class Isolate {
  readonly #world: World;
  readonly #id: string;
  readonly #location: string;
  readonly #gateway: string;
  readonly #perTick: number;
  readonly #asked: readonly Asked[];
  readonly #breakers = new Breakers();
  readonly #taking: Limits;
  #sequence = 0;
  #shards = 1;
  #nextMs = 1_000;
  #have: number | null = null;
  #isArmed = false;
  /** Calls of the service that failed. */
  failed = 0;

  /** @param rps requests a second @param asked of which some are limited */
  constructor(world: World, id: string, location: string, gateway: string, rps: number, asked: readonly Asked[]) {
    this.#world = world;
    this.#id = id;
    this.#location = location;
    this.#gateway = gateway;
    this.#perTick = (rps * TICK_MS) / 1_000;
    this.#asked = asked;
    this.#taking = new Limits({
      state: { take: async ({ asks }) => takeOf(world, asks), charge: async () => undefined },
      location: () => location,
      count: () => undefined,
      clock: { now: () => world.clock.now, within: async (_ms, promise) => promise },
    });
  }

  /** @param mayFail whether its service fails some time: what comes of its requests is then looked at one by one */
  begin(mayFail: boolean): void {
    const { clock, random } = this.#world;
    clock.in(random() * 1_000, () => this.#arm());
    if (mayFail || this.#asked.length > 0) clock.in(random() * TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const { clock, isBusy, failing } = this.#world;
    if (!isBusy) return;
    clock.in(TICK_MS, () => this.#tick());
    if (failing === this.#gateway) this.#fail();
    if (this.#asked.length > 0) this.#ask();
  }

  /** As `CellLink`: the timer goes on while requests come. */
  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#world.clock.in(this.#nextMs, () => void this.#exchange().catch(this.#world.failed));
  }

  async #exchange(): Promise<void> {
    const { clock } = this.#world;
    const up: ExchangeUp = {
      isolate: this.#id,
      sequence: (this.#sequence += 1),
      location: this.#location,
      shards: this.#shards,
      have: this.#have === null ? null : { generation: this.#have, issuedAt: 0 },
      slices: [],
      hosts: [],
      outcomes: this.#breakers.take(clock.now),
      metrics: [],
      dropped: {},
    };
    await clock.wait(CALL_MS.cell / 2);
    const cell = cellOf(this.#world, this.#location, shardOf(this.#id, readShards(this.#shards)));
    const down = await cell.exchange(this.#gateway, up);
    await clock.wait(CALL_MS.cell / 2);
    this.#shards = down.shards;
    this.#nextMs = down.nextMs;
    this.#breakers.learn(down.ejections, down.suspects, clock.now);
    if (down.generation !== null && down.generation !== this.#have) {
      this.#have = down.generation;
      this.#world.obeyed(this.#id, down.generation);
    }
    this.#isArmed = false;
    if (this.#world.isBusy) this.#arm();
  }

  #fail(): void {
    const { now } = this.#world.clock;
    const key = { caller: "-", cluster: this.#gateway, endpoint: "e" };
    for (let at = 0; at < Math.ceil(this.#perTick); at += 1) {
      if (this.#breakers.isEjected(key.caller, key.cluster, key.endpoint, now)) return;
      this.failed += 1;
      this.#breakers.record(key, OUTLIERS, 1, 503, now);
    }
  }

  #ask(): void {
    const { clock, random } = this.#world;
    for (const { limit, rps } of this.#asked)
      for (let count = Math.floor((rps * TICK_MS) / 1_000 + random()); count > 0; count -= 1)
        clock.in(random() * TICK_MS, () => {
          this.#askOne(limit).catch(this.#world.failed);
        });
  }

  async #askOne(limit: Asked["limit"]): Promise<void> {
    const { limits } = await this.#taking.take([limit]);
    const { admitted } = this.#world;
    if (limits[0]?.verdict === "taken") admitted.set(limit.counter, (admitted.get(limit.counter) ?? 0) + 1);
  }
}

/** An object that counts, with the parts that the state Worker's has. */
class Limiter {
  readonly #counters = new KeptCounters(10_000);
  readonly #turns = new Turns();

  take(asks: readonly RemoteAsk[], now: number): Taken {
    return this.#turns.given(asks, takeAll(this.#counters, asks, now));
  }
}

/** A call of the object that has the key: each request here has one limit. */
async function takeOf({ clock, calls, limiters }: World, asks: readonly RemoteAsk[]): Promise<Taken> {
  await clock.wait(CALL_MS.limiter / 2);
  const counter = asks[0]?.counter ?? "";
  const name = `global/${placeOf(counter)}`;
  calls.count("Limiter", name, clock.now);
  calls.count("key", counter, clock.now);
  const limiter = limiters.get(name) ?? new Limiter();
  limiters.set(name, limiter);
  const taken = limiter.take(asks, clock.now);
  await clock.wait(CALL_MS.limiter / 2);
  return taken;
}

const places = new Map<string, number>();

/** As the state Worker places a key, without waiting for its digest. */
function placeOf(counter: string): number {
  const place = places.get(counter) ?? limiterOf(createHash("sha256").update(counter).digest("hex").slice(0, 32));
  places.set(counter, place);
  return place;
}
