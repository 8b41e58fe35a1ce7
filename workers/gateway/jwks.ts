import type { JWK } from "jose";
import { readKeySet } from "../../src/identity/jwk.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

interface KeySet {
  keys: readonly JWK[] | null;
  /** Epoch ms. */
  fetchedAt: number;
  triedAt: number;
  running: Promise<void> | null;
}

const MAX_BYTES = 256 * 1024;
const MAX_WAIT_MS = 2_000;
/** As Istio's control plane refetches; until the age below the old document is used when that fails. */
const REFRESH_AFTER_MS = 20 * 60_000;
const USABLE_MS = REFRESH_AFTER_MS + 60 * 60_000;
/** Tokens with made-up key ids must not become a load on the issuer. */
const COOL_DOWN_MS = 30_000;
/** A set that cannot be had is asked for again after this. */
const RETRY_MS = 5_000;
const MAX_SETS = 200;

/** Key sets of issuers, fetched within bounds (R14): a bad document never replaces a good one. */
export class KeySets {
  readonly #sets = new Map<string, KeySet>();
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
   * @param timeoutMs of the rule
   * @returns null where none can be had
   */
  async get(
    uri: string,
    timeoutMs: number,
    isUseful: (keys: readonly JWK[]) => boolean,
    ctx: Pick<ExecutionContext, "waitUntil">,
  ): Promise<readonly JWK[] | null> {
    const set = this.#set(uri);
    const now = this.#now();
    const usable = set.keys !== null && now - set.fetchedAt < USABLE_MS ? set.keys : null;
    const useful = usable !== null && isUseful(usable);
    const pause = usable === null ? RETRY_MS : COOL_DOWN_MS;
    const due = usable === null || !useful || now - set.fetchedAt > REFRESH_AFTER_MS;
    // Every pause is longer than a fetch may take, so there is one at a time. Whether one still seems to run is not asked:
    // it dies unfinished with its request, and nobody would ever ask again.
    if (due && now - set.triedAt > pause) {
      set.triedAt = now;
      const running = this.#refresh(uri, set, Math.min(timeoutMs, MAX_WAIT_MS)).finally(() => {
        if (set.running === running) set.running = null;
      });
      set.running = running;
      ctx.waitUntil(running);
    }
    if (useful || set.running === null) return usable;
    // Another request's promise alone would not keep this one alive.
    await Promise.race([set.running, scheduler.wait(Math.min(timeoutMs, MAX_WAIT_MS))]);
    return set.keys !== null && this.#now() - set.fetchedAt < USABLE_MS ? set.keys : null;
  }

  #set(uri: string): KeySet {
    let set = this.#sets.get(uri);
    if (!set) {
      const [oldest] = this.#sets.keys();
      if (this.#sets.size >= MAX_SETS && oldest !== undefined) this.#sets.delete(oldest);
      set = { keys: null, fetchedAt: 0, triedAt: Number.NEGATIVE_INFINITY, running: null };
      this.#sets.set(uri, set);
    }
    return set;
  }

  async #refresh(uri: string, set: KeySet, timeoutMs: number): Promise<void> {
    if (!mayFetch(uri, this.#local)) return;
    try {
      const init = { redirect: "manual" as const, signal: AbortSignal.timeout(timeoutMs) };
      const response = await this.#fetch(uri, { ...init, headers: { accept: "application/json" } });
      if (response.status !== 200) await response.body?.cancel();
      const text = response.status === 200 ? await boundedText(response) : null;
      const keys = text === null ? null : readKeySet(text);
      if (keys === null) return;
      set.keys = keys;
      set.fetchedAt = this.#now();
    } catch {
      // Away: the last good set serves until it is too old.
    }
  }
}

/** The last line of defence: control has checked the URL against the mesh's egress list. */
function mayFetch(uri: string, local: boolean): boolean {
  const url = URL.parse(uri);
  if (url === null || url.username !== "" || url.password !== "") return false;
  const loopback = url.hostname === "localhost" || url.hostname === "127.0.0.1" || url.hostname === "[::1]";
  return url.protocol === "https:" || (local && loopback && url.protocol === "http:");
}

async function boundedText(response: Response): Promise<string | null> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let bytes = 0;
  let text = "";
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
