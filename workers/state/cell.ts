import { DurableObject } from "cloudflare:workers";
import { cellName, cellOf, readShards, Sharding } from "../../src/exchange/shards.ts";
import { ProbeBook } from "../../src/resilience/probes.ts";
import type { TailNews } from "../../src/snapshot/tail-model.ts";
import type { Ejection, ExchangeDown, ExchangeUp, StateApi } from "../../src/snapshot/rpc.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { eventLine } from "../../src/telemetry/event-line.ts";
import { EjectedOnDisk } from "./ejected.ts";
import { Isolates } from "./isolates.ts";
import { Judgement, type Verdict } from "./judgement.ts";
import { LastGood } from "./last-good.ts";
import { Outbox } from "./outbox.ts";
import { type Gateway, isNewer, sliceIds, Snapshots } from "./snapshots.ts";
import { TailLines } from "./tail-lines.ts";

/** Below this many isolates each exchanges once a second, above it every two; more than twice as many are divided among cells. */
const ISOLATES_A_SECOND = 300;
const PACE_MS = 1_000;
/** Whether the location needs more cells, or fewer, is judged so often. */
const JUDGE_EVERY_MS = 1_000;

/** What of the state Worker's environment it uses. */
interface CellEnv {
  readonly CONTROL: StateApi;
  /** Its own kind: the other cells of its location. */
  readonly CELL: DurableObjectNamespace<Cell>;
}

/** Shared by gateway isolates of one location: the last good configuration, and what all of them saw of endpoints. */
export class Cell extends DurableObject<CellEnv> {
  readonly #name: string;
  readonly #location: string;
  readonly #shard: number;
  readonly #outbox: Outbox;
  readonly #tailLines: TailLines;
  readonly #judgement: Judgement;
  readonly #isolates = new Isolates();
  readonly #snapshots: Snapshots;
  readonly #probes = new ProbeBook();
  readonly #sharding: Sharding;
  #own = 0;
  #judgedAt = Number.NEGATIVE_INFINITY;

  constructor(ctx: DurableObjectState, env: CellEnv) {
    super(ctx, env);
    this.#name = ctx.id.name ?? "unknown";
    ({ location: this.#location, shard: this.#shard } = cellOf(this.#name));
    this.#sharding = new Sharding(this.#shard, Date.now());
    this.#outbox = new Outbox(env.CONTROL);
    this.#tailLines = new TailLines(env.CONTROL);
    this.#snapshots = new Snapshots(this.#name, new LastGood(ctx.storage), env.CONTROL, this.#isolates);
    const ejected = new EjectedOnDisk(ctx.storage);
    this.#judgement = new Judgement(ejected);
    for (const verdict of ejected.all()) {
      ejected.delete(verdict);
      this.#judgement.adopt(verdict, Date.now());
    }
  }

  /** @param name from the props of the gateway's binding, never from its own words */
  async exchange(name: string, up: ExchangeUp): Promise<ExchangeDown> {
    const now = Date.now();
    this.#takeReports(name, up, now);
    await this.#snapshots.news(name, up.hosts);
    const gateway = this.#snapshots.gateway(name);
    const { good } = gateway;
    if (good === null) {
      return {
        root: null,
        unknown: gateway.unknown,
        slices: {},
        ejections: [],
        suspects: [],
        ...this.#tailsFor(gateway, up),
        ...this.#paceFor(up, now),
      };
    }
    const wanted = sliceIds(good.index, up.hosts);
    await this.#snapshots.fetch(name, wanted);
    const clusters = this.#snapshots.clustersOf(wanted);
    const later = Date.now();
    return {
      root: isDue(good, up) && this.#holdsAll(wanted, up) ? good.signed : null,
      unknown: false,
      slices: this.#textsFor(wanted, new Set(up.slices)),
      ejections: this.#judgement.ejections(clusters, later),
      suspects: this.#judgement.suspects(clusters, later),
      ...(up.probes && { probes: this.#probes.ask(up.probes, later) }),
      ...this.#tailsFor(gateway, up),
      ...this.#paceFor(up, later),
    };
  }

  /** Another cell of the location ejected these: an isolate is told the same wherever it asks. */
  agree(verdicts: readonly Verdict[]): void {
    const now = Date.now();
    for (const verdict of verdicts) this.#judgement.adopt(verdict, now);
  }

  #takeReports(name: string, up: ExchangeUp, now: number): void {
    const isNews = this.#isolates.take(name, up, now);
    this.#divide(up, now);
    if (!isNews) return; // the answer to it was lost, not the report
    const ejected = up.outcomes.flatMap((report) => this.#judgement.take(report, now) ?? []);
    for (const ejection of ejected) this.#tell(ejection, name);
    if (ejected.length > 0)
      this.#tellCells(
        this.#sharding.siblings,
        ejected.flatMap((key) => this.#judgement.verdict(key) ?? []),
      );
    for (const result of up.probed ?? []) {
      const turned = this.#probes.take(result);
      const event = turned === "out" ? "endpoint_unhealthy" : "endpoint_healthy";
      if (turned !== null) console.warn(eventLine({ event, gateway: name, endpoint: result.endpoint }));
    }
    if (up.tailed) this.#tailLines.add(up.tailed);
    this.#outbox.add(up);
    if (up.records !== undefined) this.#outbox.record(this.#location, name, up.records);
    for (const [key, by] of Object.entries(up.counts ?? {})) this.#outbox.count(key, by);
  }

  /** Judges how many cells the location needs; a new one hears what this one knows before any isolate comes to it. */
  #divide({ shards }: ExchangeUp, now: number): void {
    this.#sharding.hear(readShards(shards), now);
    if (now - this.#judgedAt < JUDGE_EVERY_MS) return;
    this.#judgedAt = now;
    this.#own = this.#isolates.ofCell((isolate) => this.#sharding.owns(isolate));
    const before = this.#sharding.shards;
    if (!this.#sharding.judge(this.#own, now)) return;
    console.warn(eventLine({ event: "cell_divided", location: this.#location, cells: this.#sharding.shards }));
    this.#tellCells([this.#shard + before], this.#judgement.verdicts(now));
  }

  /** What fails is not told again: each cell judges for itself as well. */
  #tellCells(shards: readonly number[], verdicts: readonly Verdict[]): void {
    if (verdicts.length === 0) return;
    for (const shard of shards) {
      const told = this.env.CELL.getByName(cellName(this.#location, shard)).agree(verdicts);
      void Promise.resolve(told).catch(() => undefined);
    }
  }

  #tell({ caller, cluster, endpoint, cause, durationMs }: Ejection, gateway: string): void {
    const line = { location: this.#location, gateway, caller, cluster, endpoint, cause, duration_ms: durationMs };
    console.warn(eventLine({ event: "endpoint_ejected", ...line }));
    this.#outbox.count(counterKey("tulle_ejections_total", { source_principal: caller, cluster, endpoint, cause }));
  }

  /** A root goes out only with all slices of the hosts in use, else the isolate would lose hosts that it serves. */
  #holdsAll(wanted: readonly string[], up: ExchangeUp): boolean {
    return up.have === null || wanted.every((id) => this.#snapshots.text(id) !== undefined);
  }

  #textsFor(wanted: readonly string[], held: ReadonlySet<string>): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const id of wanted) {
      const text = held.has(id) ? undefined : this.#snapshots.text(id);
      if (text !== undefined) texts[id] = text;
    }
    return texts;
  }

  /** Without its wishes where the isolate has them already. */
  #tailsFor({ tails }: Gateway, { tails: held }: ExchangeUp): { readonly tails?: TailNews; readonly looking?: true } {
    return {
      ...(tails !== null && { tails: tails.revision === held ? { revision: held } : tails }),
      ...(this.#snapshots.isLooking && { looking: true as const }),
    };
  }

  #paceFor({ shards }: ExchangeUp, now: number): Pick<ExchangeDown, "nextMs" | "shards"> {
    const isCrowded = this.#isolates.alive(now) > ISOLATES_A_SECOND;
    const told = this.#sharding.told(this.#own, now);
    return {
      ...(shards !== undefined && told > 1 && { shards: told }),
      nextMs: isCrowded ? 2 * PACE_MS : PACE_MS,
    };
  }
}

/** A root that an isolate cannot verify, up to 8 MB, would else go out to it each second. */
function isDue({ root, signed }: NonNullable<Gateway["good"]>, up: ExchangeUp): boolean {
  return isNewer(root, up.have) && signed.signature !== up.refusedRoot;
}
