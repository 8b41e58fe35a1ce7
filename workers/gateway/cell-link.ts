import { eventLine } from "../../src/telemetry/event-line.ts";
import type { Configuration, Place } from "../../src/exchange/configuration.ts";
import { readShards } from "../../src/exchange/shards.ts";
import type { Uplink } from "../../src/exchange/uplink.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { Probe } from "../../src/snapshot/model.ts";
import type {
  ConfigApi,
  ExchangeDown,
  ExchangeUp,
  Registration,
  SentRecord,
  StateRpc,
} from "../../src/snapshot/rpc.ts";

/** Decisions that wait to be written down. */
interface Written {
  readonly isEmpty: boolean;
  /** @param now epoch ms */
  write(now: number): Promise<readonly SentRecord[]>;
  /** @param key of the mesh, base64url */
  useKey(key: string): void;
}

export interface CellLinkDeps {
  readonly state: StateRpc;
  readonly control: ConfigApi;
  readonly gateway: string;
  readonly registration: Registration;
  location(): string | null;
  /** Never rejects. */
  probe(probe: Probe): Promise<boolean>;
  /** Spans and lines of this isolate, which go out in the exchange's timer. */
  readonly exporters: readonly { readonly isDue: boolean; flush(): Promise<void> }[];
  /** Null: no decision is written down. */
  readonly recorder: Written | null;
  /** Epoch ms. */
  now(): number;
}

type Context = Pick<ExecutionContext, "waitUntil">;

/** A timer or exchange older than this is dead: its request may have been ended by the platform. */
const DEAD_AFTER_MS = 3_000;
const CALL_TIMEOUT_MS = 2_000;
const REGISTER_EVERY_MS = 600_000;
/** And this often while what comes is in a format of before. */
const REGISTER_ANEW_MS = 5_000;
/** Exchanges by one request's timer that no request asks for, so that it ends where the cell does not come back. */
const MAX_ROUNDS = 5;
/** One request's timer runs no longer than this, and one exchange: the platform ends what waits 30 s after the answer. */
const HELD_MS = 20_000;
const TOGETHER_MS = 100;

/** The isolate's talk with its cell: once a second at most, off the request path, and held open by no call. */
export class CellLink {
  readonly #deps: CellLinkDeps;
  readonly #configuration: Configuration<LinkedSlice>;
  readonly #uplink: Uplink;
  readonly #isolate = crypto.randomUUID();
  #armedAt = Number.NEGATIVE_INFINITY;
  /** When the last request came. */
  #usedAt = Number.NEGATIVE_INFINITY;
  #running: { readonly done: Promise<void>; readonly startedAt: number } | null = null;
  #completed = 0;
  /** Whether the last exchange failed: told once. */
  #isAway = false;
  #registeredAt = Number.NEGATIVE_INFINITY;
  #nextMs = 1_000;
  /** Cells of this location, as the cell said last: which of them is this isolate's follows from its id. */
  #shards = 1;
  /** The cell waited for control when it last answered. */
  #isLooking = false;
  /** What the cell was last told of the configuration here. */
  #told = "";

  constructor(deps: CellLinkDeps, configuration: Configuration<LinkedSlice>, uplink: Uplink) {
    this.#deps = deps;
    this.#configuration = configuration;
    this.#uplink = uplink;
  }

  /** Exchanges that went well. */
  get completed(): number {
    return this.#completed;
  }

  /**
   * Starts the timer of the next exchange if none runs.
   *
   * @returns whether it is this request whose `waitUntil` holds the timer
   */
  arm(ctx: Context): boolean {
    const now = this.#deps.now();
    this.#usedAt = now;
    if (now - this.#armedAt < Math.max(DEAD_AFTER_MS, this.#nextMs + CALL_TIMEOUT_MS)) return false;
    this.#armedAt = now;
    ctx.waitUntil(this.#timer(ctx));
    return true;
  }

  /** Starts an exchange, or shares the one that runs, and waits for it at most `ms` by the request's own timer. */
  async news(ctx: Context, ms: number): Promise<void> {
    const now = this.#deps.now();
    if (this.#running === null || now - this.#running.startedAt > DEAD_AFTER_MS) {
      const done = this.#exchange();
      ctx.waitUntil(done);
    }
    await Promise.race([this.#running?.done, scheduler.wait(ms)]);
  }

  /**
   * One exchange, and one more while requests come, or while the cell does not know what is here now. A timer that ended with each
   * exchange would let an isolate with a request a second exchange every two.
   */
  async #timer(ctx: Context): Promise<void> {
    let armedAt = this.#armedAt;
    const begunAt = armedAt;
    for (let round = 0, waitsFrom = armedAt; round === 0 || this.#goesOn(round, waitsFrom, begunAt); round += 1) {
      waitsFrom = armedAt;
      await scheduler.wait(this.#nextMs);
      if (this.#armedAt !== armedAt) return; // counted as dead meanwhile: another runs
      // A collector that hangs holds up nothing else.
      for (const exporter of this.#deps.exporters) ctx.waitUntil(exporter.flush());
      await this.#exchange();
      if (this.#armedAt !== armedAt) return;
      this.#armedAt = armedAt = this.#deps.now();
    }
    this.#armedAt = Number.NEGATIVE_INFINITY;
    await this.#registerAgain();
  }

  /** @param waitedFrom when the last round began @param begunAt when the first did */
  #goesOn(rounds: number, waitedFrom: number, begunAt: number): boolean {
    // What came together with the request that holds the timer is no sign of more.
    if (this.#usedAt - waitedFrom > TOGETHER_MS) return waitedFrom - begunAt < HELD_MS;
    return rounds < MAX_ROUNDS && (this.#hasRecords() || this.#hasMore());
  }

  #hasRecords(): boolean {
    return this.#deps.recorder?.isEmpty === false;
  }

  /** Never rejects. */
  async #exchange(): Promise<void> {
    const now = (): number => this.#deps.now();
    const startedAt = now();
    const done = this.#exchangeOnce().then(
      () => {
        this.#completed += 1;
        this.#isAway = false;
        this.#configuration.heard(now());
      },
      (error: unknown) => this.#fail(error),
    );
    const running = { done, startedAt };
    this.#running = running;
    await done;
    if (this.#running === running) this.#running = null;
  }

  #fail(error: unknown): void {
    this.#configuration.missed(this.#deps.now());
    if (!this.#isAway)
      console.warn(eventLine({ event: "exchange_failed", gateway: this.#deps.gateway, message: String(error) }));
    this.#isAway = true;
  }

  async #exchangeOnce(): Promise<void> {
    const { recorder } = this.#deps;
    if (recorder !== null && !recorder.isEmpty) this.#uplink.record(await recorder.write(this.#deps.now()));
    const asked = this.#configuration.hosts(this.#deps.now());
    let down = await this.#talk(asked);
    if (down.unknown) {
      await this.#register();
      down = await this.#talk(asked);
    }
    const now = this.#deps.now();
    // Whatever it is: without a number each request would start a timer that never waits.
    this.#nextMs = Math.min(Math.max(Number.isFinite(down.nextMs) ? down.nextMs : 1_000, 500), 60_000);
    this.#shards = readShards(down.shards);
    this.#uplink.outcomes.learn(down.ejections, down.suspects, now);
    this.#uplink.probes.learn(down.probes, async (probe) => this.#deps.probe(probe), now);
    this.#isLooking = down.looking === true;
    this.#uplink.tails.learn(down.tails);
    const refused = await this.#take(down, asked);
    if (refused.includes("snapshot_programs") && now - this.#registeredAt > REGISTER_ANEW_MS) {
      // Control writes what the gateway that was here before reads, until it hears of this one.
      await this.#register();
      await this.#take(await this.#talk(asked), asked);
    }
    // Who waits for the first line of a tail waits no second for it.
    if (down.tails?.wishes !== undefined && this.#uplink.tails.hasLines) await this.#talk(asked);
  }

  async #take(down: ExchangeDown, asked: readonly Place[]): Promise<readonly string[]> {
    const refused = await this.#configuration.take(down, asked, this.#deps.now());
    for (const code of refused)
      console.warn(eventLine({ event: "snapshot_rejected", gateway: this.#deps.gateway, code }));
    return refused;
  }

  async #talk(hosts: readonly Place[]): Promise<ExchangeDown> {
    const standing = this.#standing();
    const down = await inTime(this.#deps.state.exchange(this.#up(hosts)), CALL_TIMEOUT_MS);
    this.#uplink.delivered();
    this.#told = standing;
    return down;
  }

  #up(hosts: readonly Place[]): ExchangeUp {
    const { have, refused, refusedRoot, held } = this.#configuration;
    const { revision } = this.#uplink.tails;
    const probes = this.#uplink.probes.next(this.#deps.now());
    return {
      isolate: this.#isolate,
      location: this.#deps.location(),
      shards: this.#shards,
      have,
      ...(refused && { refused }),
      ...(refusedRoot !== null && { refusedRoot }),
      slices: held,
      hosts,
      ...(probes.length > 0 && { probes }),
      ...(revision > 0 && { tails: revision }),
      ...this.#uplink.next(this.#deps.now()),
    };
  }

  /** The cell does not know yet what is here, or waits for a probe; or there is something to send. */
  #hasMore(): boolean {
    const isSending = this.#deps.exporters.some(({ isDue }) => isDue);
    const isBusy = isSending || this.#isLooking || this.#uplink.probes.isBusy(this.#deps.now());
    return isBusy || this.#told !== this.#standing();
  }

  /** What the cell should know of the configuration here. */
  #standing(): string {
    const { have, refused } = this.#configuration;
    return `${have?.generation} ${have?.issuedAt} ${refused?.code} ${this.#uplink.tails.revision}`;
  }

  async #register(): Promise<void> {
    this.#registeredAt = this.#deps.now();
    const answer = await inTime(this.#deps.control.register(this.#deps.registration), CALL_TIMEOUT_MS);
    if (answer?.recordKey !== undefined) this.#deps.recorder?.useKey(answer.recordKey);
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
