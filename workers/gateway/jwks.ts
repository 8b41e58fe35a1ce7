import type { JWK } from "jose";
import { readKeySet, withKnownKeys } from "../../src/identity/jwk.ts";
import { type Fetch, fetchKeySet, type KeySource } from "./jwks-fetch.ts";

type Waiting = Pick<ExecutionContext, "waitUntil">;

/** What is known of one issuer's keys. Times are epoch milliseconds. */
export interface KeySet {
  readonly keys: readonly JWK[] | null;
  /** Grows when the issuer takes a key away: what was verified before must be verified again. */
  readonly version: number;
  /** From then on the next token should ask for the keys: a token that was verified before does not count as known. */
  readonly askAt: number;
  /** From then on its keys count no more. */
  readonly usableUntil: number;
}

interface State extends KeySet {
  keys: readonly JWK[] | null;
  version: number;
  askAt: number;
  usableUntil: number;
  fetchedAt: number;
  /** When the last two fetches began. */
  triedAt: number;
  triedBefore: number;
  /** When a key that the set lacks was last asked for. */
  missedAt: number;
  /** The last fetch brought nothing. */
  failed: boolean;
  running: Promise<void> | null;
  /** Of OpenID discovery: where the issuer says that its keys are, and when it said so. */
  discovered: string | null;
  discoveredAt: number;
}

/** A key that the issuer takes away counts no longer than this where the issuer can be reached (as Envoy keeps a set). */
const TTL_MS = 5 * 60_000;
/** Before that a new one is fetched beside the requests, so that none of them waits. */
const REFRESH_MS = 4 * 60_000;
/** Where the issuer is away, its last good keys count so long. */
const USABLE_MS = 60 * 60_000;
/** An issuer that moves its keys leaves those of before where they were, perhaps in somebody else's hands. */
const DISCOVERED_MS = 60 * 60_000;
/** Tokens with made-up key ids must not become a load on the issuer. */
const COOL_DOWN_MS = 30_000;
/** What cannot be had is asked for again after this. Longer than a fetch may take, so that there is one at a time. */
const RETRY_MS = 5_000;
const MAX_WAIT_MS = 2_000;
const MAX_SETS = 200;
const NEVER = Number.NEGATIVE_INFINITY;

/** Key sets of issuers, fetched within bounds (R14): a bad document never replaces a good one. */
export class KeySets {
  readonly #sets = new Map<string, State>();
  readonly #fetch: Fetch;
  readonly #now: () => number;
  readonly #local: boolean;

  /** @param options.local whether plain http to loopback is allowed, as only in the local mesh */
  constructor(options: { readonly fetch: Fetch; readonly now: () => number; readonly local: boolean }) {
    this.#fetch = options.fetch;
    this.#now = options.now;
    this.#local = options.local;
  }

  /**
   * @param isUseful whether some key of a set may have signed: where none has, it is fetched again, but seldom
   * @returns the set as it is after the fetch that it was worth waiting for; its keys are null where none can be had
   */
  async get(source: KeySource, isUseful: (keys: readonly JWK[]) => boolean, ctx: Waiting): Promise<KeySet> {
    const set = this.#set(source);
    const now = this.#now();
    const timeoutMs = Math.min(source.timeoutMs, MAX_WAIT_MS);
    if (now >= set.usableUntil) set.keys = null;
    const missed = set.keys !== null && !isUseful(set.keys);
    if (isDue(set, missed, now)) {
      begin(set, missed, now);
      const running = this.#refresh(source, set, timeoutMs).finally(() => {
        if (set.running === running) set.running = null;
      });
      set.running = running;
      ctx.waitUntil(running);
    }
    const waits = set.keys === null || missed || (now - set.fetchedAt >= TTL_MS && !set.failed);
    if (waits && set.running !== null) await this.#wait(set, set.running, timeoutMs);
    return set;
  }

  /** Another request's promise alone would not keep this one alive. */
  async #wait(set: State, running: Promise<void>, timeoutMs: number): Promise<void> {
    await Promise.race([running, scheduler.wait(timeoutMs)]);
    if (set.running !== running || this.#now() - set.triedAt < MAX_WAIT_MS) return;
    // It died with the request that began it: nobody else needs to wait for it.
    set.running = null;
    set.failed = true;
  }

  #set(source: KeySource): State {
    const name = source.kind === "remote" ? source.uri : `${source.uri} ${source.hosts.join(" ")}`;
    let set = this.#sets.get(name);
    if (!set) {
      const [oldest] = this.#sets.keys();
      if (this.#sets.size >= MAX_SETS && oldest !== undefined) this.#sets.delete(oldest);
      this.#sets.set(name, (set = nothingKnown()));
    }
    return set;
  }

  async #refresh(source: KeySource, set: State, timeoutMs: number): Promise<void> {
    const isKnown = !set.failed && this.#now() - set.discoveredAt < DISCOVERED_MS;
    const found = await fetchKeySet(source, isKnown ? set.discovered : null, {
      fetch: this.#fetch,
      local: this.#local,
      timeoutMs,
    });
    const keys = found.text === null ? null : readKeySet(found.text);
    if (found.discovered !== null && !isKnown) set.discoveredAt = this.#now();
    set.discovered = found.discovered ?? set.discovered;
    set.failed = keys === null;
    if (keys !== null) take(set, keys, this.#now());
  }
}

function nothingKnown(): State {
  return {
    keys: null,
    version: 0,
    askAt: NEVER,
    usableUntil: NEVER,
    fetchedAt: NEVER,
    triedAt: NEVER,
    triedBefore: NEVER,
    missedAt: NEVER,
    failed: false,
    running: null,
    discovered: null,
    discoveredAt: NEVER,
  };
}

/**
 * Whether somebody still fetches is told by the time alone: a fetch dies unfinished with its request, and nobody would ever
 * ask again.
 */
function isDue(set: State, missed: boolean, now: number): boolean {
  if (set.running !== null && now - set.triedAt <= RETRY_MS) return false;
  // Two in that time at most: the usual one, and one for a key that appeared just after it.
  if (now - set.triedBefore <= COOL_DOWN_MS) return false;
  if (missed && now - set.missedAt > COOL_DOWN_MS) return true;
  return (set.keys === null || now >= set.askAt) && now - set.triedAt > RETRY_MS;
}

function begin(set: State, missed: boolean, now: number): void {
  set.triedBefore = set.triedAt;
  set.triedAt = now;
  if (missed) set.missedAt = now;
  // Tokens that are known count on while the answer is under way, and after one that brought nothing.
  set.askAt = Math.max(set.askAt, now + COOL_DOWN_MS);
}

function take(set: State, keys: readonly JWK[], now: number): void {
  const { kept, lost } = withKnownKeys(keys, set.keys ?? []);
  if (lost) set.version += 1;
  set.keys = kept;
  set.fetchedAt = now;
  set.askAt = now + REFRESH_MS;
  set.usableUntil = now + USABLE_MS;
}
