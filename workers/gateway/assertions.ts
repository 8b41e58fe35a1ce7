import {
  type AssertedCall,
  ASSERTION_LIFE,
  assertionClaims,
  assertionHeader,
  gatewayId,
} from "../../src/identity/assertion.ts";
import { bytesToBase64Url } from "../../src/snapshot/bytes.ts";

/** A caller chooses its method and host: only so many are remembered. */
const MAX_ASSERTIONS = 2_000;

/** What is left of an assertion when it is used last: room for the way to the service, and for its clock. */
const REMAINING = ASSERTION_LIFE / 2;

interface Signed {
  readonly text: string;
  /** Epoch ms. */
  readonly until: number;
}

interface Key {
  readonly id: string;
  readonly key: CryptoKey;
}

/** Signs what services outside of the platform are told of a call; one signature is for all calls of its kind, for half a minute. */
export class Assertions {
  readonly #jwk: string;
  readonly #gateway: string;
  readonly #signed = new Map<string, Signed>();
  #key: Promise<Key> | null = null;

  /** @param jwk the gateway's private key, a JSON Web Key (RFC 8037) */
  constructor(jwk: string, gateway: string) {
    this.#jwk = jwk;
    this.#gateway = gateway;
  }

  /**
   * @param trustDomain of the gateway
   * @param now epoch ms
   * @throws where the key is none, or not for signing
   */
  of(call: AssertedCall, trustDomain: string, now: number): string | Promise<string> {
    // No name, method or header has a line end.
    const about = `${trustDomain}\n${call.principal ?? ""}\n${call.service}\n${call.method}\n${call.host}`;
    const known = this.#signed.get(about);
    return known !== undefined && now < known.until ? known.text : this.#sign(about, call, trustDomain, now);
  }

  async #sign(about: string, call: AssertedCall, trustDomain: string, now: number): Promise<string> {
    this.#key ??= importKey(this.#jwk);
    const { id, key } = await this.#key;
    const seconds = Math.floor(now / 1_000);
    const claims = assertionClaims(gatewayId(trustDomain, this.#gateway), call, seconds);
    const input = `${encoded(assertionHeader(id))}.${encoded(claims)}`;
    const signature = await crypto.subtle.sign("Ed25519", key, new TextEncoder().encode(input));
    const text = `${input}.${bytesToBase64Url(signature)}`;
    if (this.#signed.size >= MAX_ASSERTIONS) this.#signed.clear();
    this.#signed.set(about, { text, until: (seconds + ASSERTION_LIFE - REMAINING) * 1_000 });
    return text;
  }
}

function encoded(value: unknown): string {
  return bytesToBase64Url(new TextEncoder().encode(JSON.stringify(value)));
}

async function importKey(text: string): Promise<Key> {
  const { kty, crv, x, d } = JSON.parse(text) as Readonly<Record<string, unknown>>;
  if (kty !== "OKP" || crv !== "Ed25519" || typeof x !== "string" || typeof d !== "string")
    throw new Error("ASSERTION_KEY is no private Ed25519 key (a JSON Web Key with `kty`, `crv`, `x` and `d`)");
  const key = await crypto.subtle.importKey("jwk", { kty, crv, x, d }, "Ed25519", false, ["sign"]);
  // RFC 7638: of the members that the key needs, in the order of their names.
  const thumbprint = new TextEncoder().encode(JSON.stringify({ crv, kty, x }));
  return { id: bytesToBase64Url(await crypto.subtle.digest("SHA-256", thumbprint)), key };
}
