import { apiKeyHash, MAX_KEYS_A_CALL } from "../../src/identity/api-key.ts";
import type { ApiKeyFact } from "../../src/request/api-key-fact.ts";
import type { StateRpc } from "../../src/snapshot/rpc.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { eventLine } from "../../src/telemetry/event-line.ts";
import type { Context } from "./lease.ts";
import { within } from "./within.ts";

/** A revoked key counts no longer than this; and so long one that is known costs nothing. */
const KNOWN_FOR_MS = 60_000;
const UNKNOWN_FOR_MS = 10_000;
const MAX_KNOWN = 10_000;
/** Apart from the known ones, so that a flood of others drives out no good one. */
const MAX_UNKNOWN = 2_000;
/** A request waits so long, and a call may take so long. */
const PATIENCE_MS = 2_000;
/** Keys that wait to be asked for; for one more there is no room. */
const MAX_WAITING = 512;
/** After a failure nobody asks for so long. */
const AWAY_MS = 1_000;
/** Past so many unknown keys in a second calls are so far apart: however many come, they cost 20 calls a second at most. */
const UNKNOWN_A_SECOND = 20;
const APART_MS = 50;
const TOLD_EVERY_MS = 60_000;

const UNAVAILABLE: ApiKeyFact = { state: "unavailable" };

interface Deps {
  readonly state: Pick<StateRpc, "keys">;
  readonly count: (key: string) => void;
  /** Epoch ms. */
  readonly now: () => number;
}

interface Running {
  readonly promise: Promise<void>;
  readonly startedAt: number;
  readonly keys: ReadonlySet<string>;
}

interface Remembered {
  readonly fact: ApiKeyFact;
  /** Epoch ms. */
  readonly until: number;
}

/**
 * Whose API keys are, as control says. One call at a time asks for all keys that came meanwhile; a key that several requests bring is
 * asked for once. Each request waits by a timer of its own, and the first that wakes makes the next call: so none hangs on another's.
 */
export class ApiKeys {
  readonly #deps: Deps;
  readonly #known = new Map<string, Remembered>();
  readonly #unknown = new Map<string, Remembered>();
  readonly #waiting = new Set<string>();
  #running: Running | null = null;
  #awayUntil = 0;
  #nextAt = 0;
  /** Of the second that began at `since`. */
  readonly #misses = { since: 0, count: 0 };
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** @returns undefined where it must be looked up */
  cached(key: string): ApiKeyFact | undefined {
    return this.#remembered(this.#known, key) ?? this.#remembered(this.#unknown, key);
  }

  /** @param key of a key's form. Never rejects: what cannot be looked up is unavailable */
  async find(key: string, ctx: Context): Promise<ApiKeyFact> {
    const until = this.#deps.now() + PATIENCE_MS;
    for (let now = this.#deps.now(); now < until && now >= this.#awayUntil; now = this.#deps.now()) {
      const fact = this.cached(key);
      if (fact !== undefined) return fact;
      if (!this.#isAsked(key, now) && !this.#wait(key)) break;
      const call = this.#call(now, ctx);
      await (call === null ? pause(this.#nextAt - now) : within(until - now, call));
    }
    const fact = this.cached(key);
    if (fact !== undefined) return fact;
    this.#waiting.delete(key);
    return UNAVAILABLE;
  }

  /** By the call under way: one that takes longer than it may died with the request that began it. */
  #isAsked(key: string, now: number): boolean {
    return this.#alive(now)?.keys.has(key) === true;
  }

  #alive(now: number): Running | null {
    return this.#running !== null && now - this.#running.startedAt <= PATIENCE_MS ? this.#running : null;
  }

  /** @returns whether there is room */
  #wait(key: string): boolean {
    if (!this.#waiting.has(key) && this.#waiting.size >= MAX_WAITING) return false;
    this.#waiting.add(key);
    return true;
  }

  /** @returns the call under way, begun by this if there was none; null: it is too early for one */
  #call(now: number, ctx: Context): Promise<void> | null {
    const running = this.#alive(now);
    if (running !== null) return running.promise;
    if (now < this.#nextAt) return null;
    const keys = [...this.#waiting].slice(0, MAX_KEYS_A_CALL);
    for (const key of keys) this.#waiting.delete(key);
    const promise = this.#ask(keys, now).finally(() => {
      if (this.#running?.promise === promise) this.#running = null;
    });
    this.#running = { promise, startedAt: now, keys: new Set(keys) };
    ctx.waitUntil(promise);
    return promise;
  }

  async #ask(keys: readonly string[], startedAt: number): Promise<void> {
    try {
      const hashes = await Promise.all(keys.map(apiKeyHash));
      const facts = await within(PATIENCE_MS, this.#deps.state.keys(hashes));
      if (facts === null) return this.#failed("timeout");
      // From when it was asked: what was revoked since is not known longer than it may be.
      for (const [at, key] of keys.entries()) this.#learn(key, facts[at] ?? { state: "unknown" }, startedAt);
    } catch (error) {
      this.#failed(String(error));
    }
  }

  #learn(key: string, fact: ApiKeyFact, at: number): void {
    this.#deps.count(counterKey("tulle_api_key_lookups_total", { result: fact.state }));
    this.#unknown.delete(key);
    this.#known.delete(key);
    if (fact.state === "known") remember(this.#known, MAX_KNOWN, key, { fact, until: at + KNOWN_FOR_MS });
    else {
      remember(this.#unknown, MAX_UNKNOWN, key, { fact, until: at + UNKNOWN_FOR_MS });
      this.#missed(at);
    }
  }

  #missed(now: number): void {
    const misses = this.#misses;
    if (now - misses.since >= 1_000) {
      misses.since = now;
      misses.count = 0;
    }
    misses.count += 1;
    if (misses.count > UNKNOWN_A_SECOND) this.#nextAt = now + APART_MS;
  }

  #remembered(facts: Map<string, Remembered>, key: string): ApiKeyFact | undefined {
    const found = facts.get(key);
    if (found === undefined) return undefined;
    if (this.#deps.now() < found.until) return found.fact;
    facts.delete(key);
    return undefined;
  }

  #failed(reason: string): void {
    const now = this.#deps.now();
    this.#awayUntil = now + AWAY_MS;
    this.#deps.count(counterKey("tulle_api_key_lookups_total", { result: "failed" }));
    if (now - this.#toldAt < TOLD_EVERY_MS) return;
    this.#toldAt = now;
    console.warn(eventLine({ event: "api_keys_unavailable", reason }));
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

function remember(facts: Map<string, Remembered>, limit: number, key: string, value: Remembered): void {
  const [oldest] = facts.keys();
  if (facts.size >= limit && oldest !== undefined) facts.delete(oldest);
  facts.set(key, value);
}
