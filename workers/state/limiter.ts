import { DurableObject } from "cloudflare:workers";
import type { CounterState } from "../../src/limits/counter.ts";
import { type Ask, chargeAll, type Counters, refundAll, takeAll, type Taken } from "../../src/limits/limiter.ts";
import { type CountReset, SeenCounts } from "../../src/limits/seen-counts.ts";
import { Turns } from "../../src/limits/turns.ts";
import type { RemoteAsk, StateApi } from "../../src/snapshot/rpc.ts";
import { inTime } from "./in-time.ts";

/** Keys of one limit that one object counts apart; all further ones are one, until others are as if nothing had been taken. */
const MAX_KEYS = 10_000;
/** What need not be kept is swept at most so often, */
const SWEEP_EVERY_MS = 10_000;
/** and, where nobody asks any more, this long after the last of it. */
const REST_MS = 60_000;
/** How often control is told who is near to a limit, until it says otherwise, and where it is away. */
const TELL_EVERY_MS = 2_000;
const AWAY_MS = 10_000;
const TELL_TIMEOUT_MS = 5_000;
/** The last order of control's that was obeyed. */
const OBEYED = "obeyed";

interface LimiterEnv {
  readonly CONTROL: Pick<StateApi, "counted">;
}

/**
 * Counts a part of the keys of the mesh's limits, or of one location's. What it grants is stored before it answers, so that a new
 * life of it, after an eviction or a failure, goes on where this one ended.
 */
export class Limiter extends DurableObject<LimiterEnv> {
  readonly #sql: SqlStorage;
  #sweptAt = 0;
  /** Keys of each limit, counted when it is first asked for after a sweep. */
  readonly #keys = new Map<string, number>();
  #hasAlarm = false;
  #isReady = false;
  readonly #seen = new SeenCounts();
  readonly #turns = new Turns();
  #toldAt = Number.NEGATIVE_INFINITY;
  #nextMs = TELL_EVERY_MS;

  constructor(ctx: DurableObjectState, env: LimiterEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
  }

  /** Of an object that was never asked, or not for long, nothing is stored. */
  #begin(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS counters (counter TEXT PRIMARY KEY, name TEXT NOT NULL, rates TEXT NOT NULL, state TEXT NOT NULL, empty_at INTEGER NOT NULL) WITHOUT ROWID",
    );
    this.#sql.exec("CREATE INDEX IF NOT EXISTS counters_by_end ON counters (empty_at)");
    this.#sql.exec("CREATE INDEX IF NOT EXISTS counters_by_name ON counters (name)");
    // What was ordered before the first of it was counted is not about it.
    if (this.ctx.storage.kv.get<number>(OBEYED) === undefined) this.ctx.storage.kv.put(OBEYED, Date.now());
  }

  /** Charges all of them, or none. */
  async take(asks: readonly RemoteAsk[]): Promise<Taken> {
    const now = Date.now();
    this.#begin();
    this.#sweep(now);
    const own = asks.map((ask) => ({ ...ask, counter: this.#nameOf(ask) }));
    const taken = this.ctx.storage.transactionSync(() => takeAll(this.#counters(own), own, now));
    this.#seen.saw(own, taken);
    if (Math.abs(now - this.#toldAt) >= this.#nextMs) this.ctx.waitUntil(this.#tell(now));
    if (!this.#hasAlarm) await this.#setAlarm(now);
    return this.#turns.given(own, taken);
  }

  /** Charges what answers cost, whether there is room or not. */
  async charge(asks: readonly RemoteAsk[]): Promise<void> {
    const now = Date.now();
    this.#begin();
    const own = asks.map((ask) => ({ ...ask, counter: this.#nameOf(ask) }));
    this.ctx.storage.transactionSync(() => chargeAll(this.#counters(own), own, now));
    if (!this.#hasAlarm) await this.#setAlarm(now);
  }

  /** Gives back what was charged for a request that another limit refused. */
  refund(asks: readonly RemoteAsk[], taken: Taken): void {
    this.#begin();
    const own = asks.map((ask) => ({ ...ask, counter: this.#nameOf(ask) }));
    this.ctx.storage.transactionSync(() => refundAll(this.#counters(own), own, taken, Date.now()));
  }

  /** Where nobody asks any more, nothing is kept. */
  override async alarm(): Promise<void> {
    this.#hasAlarm = false;
    const now = Date.now();
    this.#begin();
    this.#sql.exec("DELETE FROM counters WHERE empty_at <= ?", now);
    const { last } = this.#sql.exec<{ last: number | null }>("SELECT max(empty_at) AS last FROM counters").one();
    if (last !== null) return this.#setAlarm(last);
    this.#isReady = false;
    this.#keys.clear();
    await this.ctx.storage.deleteAll();
  }

  /** Tells control who is near to a limit, and hears whose count is taken back to zero. Nobody waits for it, and it never rejects. */
  async #tell(now: number): Promise<void> {
    this.#toldAt = now;
    try {
      const obeyed = this.ctx.storage.kv.get<number>(OBEYED) ?? now;
      const report = { object: this.ctx.id.name ?? "", counts: this.#seen.told(), obeyed };
      const { nextMs, resets } = await inTime(this.env.CONTROL.counted(report), TELL_TIMEOUT_MS);
      this.#nextMs = nextMs;
      if (resets.length > 0) this.#obey(resets);
    } catch {
      // Seeing it is a help, no part of the limit; who asks for it is told how old it is.
      this.#nextMs = AWAY_MS;
    }
  }

  /** Each order once, in whatever life. */
  #obey(resets: readonly CountReset[]): void {
    this.#begin();
    this.ctx.storage.transactionSync(() => {
      let obeyed = this.ctx.storage.kv.get<number>(OBEYED) ?? 0;
      for (const { counter, at } of resets) {
        if (at <= obeyed) continue;
        this.#sql.exec("DELETE FROM counters WHERE counter = ?", counter);
        obeyed = at;
      }
      this.ctx.storage.kv.put(OBEYED, obeyed);
    });
  }

  async #setAlarm(after: number): Promise<void> {
    this.#hasAlarm = true;
    await this.ctx.storage.setAlarm(after + REST_MS);
  }

  #counters(asks: readonly (Ask & Pick<RemoteAsk, "name">)[]): Counters {
    const names = new Map(asks.map(({ counter, name }) => [counter, name]));
    const stored = new Set<string>();
    return {
      get: (counter) => {
        const state = this.#read(counter);
        if (state !== undefined) stored.add(counter);
        return state;
      },
      set: ({ counter, rates }, state, emptyAt) => {
        const name = names.get(counter) ?? "";
        if (!stored.has(counter)) this.#keys.set(name, this.#keysOf(name) + 1);
        stored.add(counter);
        this.#sql.exec(
          "INSERT INTO counters (counter, name, rates, state, empty_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (counter) DO UPDATE SET rates = excluded.rates, state = excluded.state, empty_at = excluded.empty_at",
          counter,
          name,
          JSON.stringify(rates),
          JSON.stringify(state),
          emptyAt,
        );
      },
    };
  }

  #read(counter: string): CounterState | undefined {
    const [row] = this.#sql.exec<{ state: string }>("SELECT state FROM counters WHERE counter = ?", counter);
    return row === undefined ? undefined : (JSON.parse(row.state) as CounterState);
  }

  #nameOf({ counter, shared, name }: RemoteAsk): string {
    if (this.#read(counter) !== undefined) return counter;
    return this.#keysOf(name) >= MAX_KEYS ? shared : counter;
  }

  /** Those of which something is stored: a key that was only refused takes nobody's place. */
  #keysOf(name: string): number {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const { keys } = this.#sql
      .exec<{ keys: number }>("SELECT count(*) AS keys FROM counters WHERE name = ?", name)
      .one();
    this.#keys.set(name, keys);
    return keys;
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < SWEEP_EVERY_MS && now >= this.#sweptAt) return;
    this.#sweptAt = now;
    this.#keys.clear();
    this.#sql.exec("DELETE FROM counters WHERE empty_at <= ?", now);
  }
}
