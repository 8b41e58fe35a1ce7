import { eventLine } from "../../../src/telemetry/event-line.ts";
import type { JWK } from "jose";
import { readKeySet } from "../../../src/identity/jwk.ts";
import { discoveryUri } from "../../../src/resources/discovery.ts";
import { fetchBounded, type FetchBounds } from "../bounded-fetch.ts";

/** Where the keys of an issuer are. */
export type KeySource =
  | { readonly kind: "inline"; readonly jwks: string }
  | { readonly kind: "remote"; readonly uri: string }
  /** By OpenID Connect discovery. */
  | { readonly kind: "discovered"; readonly issuer: string };

interface Known {
  keys: readonly JWK[] | null;
  /** Epoch ms. */
  fetchedAt: number;
  triedAt: number;
  running: Promise<void> | null;
}

/** An issuer takes a key away where it was stolen: it enrols nobody for longer than this. */
const REFRESH_AFTER_MS = 5 * 60_000;
/** While the issuer is away its last keys are used so long. */
const USABLE_MS = 60 * 60_000;
/** Made-up key ids must not become a load on the issuer. */
const COOL_DOWN_MS = 30_000;
const RETRY_MS = 5_000;
const MAX_SOURCES = 200;

/**
 * Keys of those who sign tokens for enrolling (R14). All requests for one wait for the same fetch, which only an object can
 * do: there is one of it.
 */
export class IssuerKeys {
  readonly #bounds: FetchBounds;
  readonly #known = new Map<string, Known>();

  constructor(bounds: FetchBounds) {
    this.#bounds = bounds;
  }

  /**
   * @param isUseful whether some key of a set may have signed: where none has, the set is fetched again, but seldom
   * @returns null where none can be had
   */
  async get(
    source: KeySource,
    allowedHosts: readonly string[],
    isUseful: (keys: readonly JWK[]) => boolean,
    now: () => number,
  ): Promise<readonly JWK[] | null> {
    if (source.kind === "inline") return readKeySet(source.jwks);
    const known = this.#of(source, allowedHosts);
    const usable = (): readonly JWK[] | null => (now() - known.fetchedAt < USABLE_MS ? known.keys : null);
    const fresh = now() - known.fetchedAt < REFRESH_AFTER_MS ? known.keys : null;
    if (fresh !== null && isUseful(fresh)) return fresh;
    if (known.running === null && now() - known.triedAt > (fresh === null ? RETRY_MS : COOL_DOWN_MS)) {
      known.triedAt = now();
      known.running = this.#fetch(source, known, allowedHosts, now).finally(() => (known.running = null));
    }
    await known.running;
    return usable();
  }

  /** By the egress list as well: keys that were had from a host that is off it now count no more. */
  #of(source: Exclude<KeySource, { kind: "inline" }>, allowedHosts: readonly string[]): Known {
    const key = JSON.stringify([source, allowedHosts]);
    let known = this.#known.get(key);
    if (!known) {
      const [oldest] = this.#known.keys();
      if (this.#known.size >= MAX_SOURCES && oldest !== undefined) this.#known.delete(oldest);
      known = { keys: null, fetchedAt: 0, triedAt: Number.NEGATIVE_INFINITY, running: null };
      this.#known.set(key, known);
    }
    return known;
  }

  async #fetch(
    source: Exclude<KeySource, { kind: "inline" }>,
    known: Known,
    allowedHosts: readonly string[],
    now: () => number,
  ): Promise<void> {
    const uri = source.kind === "remote" ? source.uri : await this.#discover(source.issuer, allowedHosts);
    if (uri === null) return;
    const text = await fetchBounded(uri, allowedHosts, this.#bounds);
    const keys = text.ok ? readKeySet(text.value) : null;
    if (keys === null) {
      console.warn(
        eventLine({ event: "issuer_keys_unavailable", uri, reason: text.ok ? "it is no key set" : text.error }),
      );
      return;
    }
    known.keys = keys;
    known.fetchedAt = now();
  }

  /** OpenID Connect Discovery §4.3: a document that names another issuer is another one's. */
  async #discover(issuer: string, allowedHosts: readonly string[]): Promise<string | null> {
    const uri = discoveryUri(issuer);
    if (uri === null) return null;
    const text = await fetchBounded(uri, allowedHosts, this.#bounds);
    const found = text.ok ? readConfiguration(text.value) : null;
    if (found?.issuer === issuer && typeof found.jwks_uri === "string") return found.jwks_uri;
    const reason = text.ok ? "it is no OpenID configuration of this issuer" : text.error;
    console.warn(eventLine({ event: "issuer_keys_unavailable", uri, reason }));
    return null;
  }
}

function readConfiguration(text: string): { readonly issuer?: unknown; readonly jwks_uri?: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}
