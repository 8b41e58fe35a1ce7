import { compactVerify, importJWK, type JWK } from "jose";
import { err, ok, type Result } from "../result.ts";
import { base64UrlToBytes } from "../snapshot/bytes.ts";
import { hasDuplicateNames } from "./json-names.ts";

/** Why a token is refused; for the operator. The client hears one text for all. */
export interface JwtError {
  readonly code:
    | "token_too_long"
    | "token_form"
    | "token_json"
    | "token_header"
    | "token_algorithm"
    | "token_key"
    | "token_signature"
    | "token_issuer"
    | "token_expired"
    | "token_not_yet_valid"
    | "token_claims";
}

/** A token taken apart, its signature not looked at. */
export interface ReadToken {
  readonly text: string;
  readonly algorithm: string;
  readonly keyId: string | null;
  readonly claims: Readonly<Record<string, unknown>>;
  /** base64url, as received. */
  readonly payload: string;
}

const MAX_CHARACTERS = 16_384;

/** Header parameters that let a token name its own key or its own rules (RFC 8725 §3). */
const FORBIDDEN_PARAMETERS = ["jwk", "jku", "x5u", "x5c", "b64", "crit"];

const RSA_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const ED25519_ALGORITHMS = ["EdDSA", "Ed25519"];
const ALGORITHMS = new Set(["ES256", "ES384", ...RSA_ALGORITHMS, ...ED25519_ALGORITHMS]);

/** Clock skew that is allowed on `exp` and `nbf`, as Istio's proxies do. */
const LEEWAY_S = 60;

/** The checks that need no key (R12): each would otherwise let one token be read in two ways. */
export function readToken(text: string): Result<ReadToken, JwtError> {
  if (text.length > MAX_CHARACTERS) return err({ code: "token_too_long" });
  const parts = text.split(".");
  const [head, payload, signature] = parts.map(base64UrlToBytes);
  if (parts.length !== 3 || !head || !payload || !signature) return err({ code: "token_form" });
  const header = readObject(head);
  const claims = readObject(payload);
  if (header === null || claims === null) return err({ code: "token_json" });
  const { alg, kid } = header;
  const forbidden = FORBIDDEN_PARAMETERS.some((name) => Object.hasOwn(header, name));
  if (forbidden || typeof alg !== "string" || (kid !== undefined && typeof kid !== "string"))
    return err({ code: "token_header" });
  // The key decides which of these counts; `none` and the symmetric ones are not worth asking an issuer for keys.
  if (!ALGORITHMS.has(alg)) return err({ code: "token_algorithm" });
  return ok({ text, algorithm: alg, keyId: kid ?? null, claims, payload: parts[1] ?? "" });
}

function readObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value) || hasDuplicateNames(text)) return null;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
}

/** @param now epoch ms */
export function checkTimes({ claims }: ReadToken, now: number): JwtError | null {
  const { exp, nbf } = claims;
  const seconds = now / 1_000;
  // `1e999` is a number in JSON and infinite here: a token without end.
  if (typeof exp !== "number" || !Number.isFinite(exp)) return { code: "token_claims" };
  if (nbf !== undefined && typeof nbf !== "number") return { code: "token_claims" };
  if (exp + LEEWAY_S <= seconds) return { code: "token_expired" };
  return nbf !== undefined && nbf - LEEWAY_S > seconds ? { code: "token_not_yet_valid" } : null;
}

/** Epoch ms from which a token counts no more. */
export function endOf({ claims }: ReadToken): number {
  return (Number(claims["exp"]) + LEEWAY_S) * 1_000;
}

const MIN_RSA_BITS = 2_048;

/**
 * The algorithms that a key may be used with: from its type and curve, and its own `alg` (R12). None for a key that is
 * symmetric, short, private or made for another use.
 */
export function algorithmsOf(key: JWK): readonly string[] {
  const { use, key_ops: operations, alg, d } = key;
  if (d !== undefined || (use !== undefined && use !== "sig")) return [];
  // The set is the issuer's: one key of an odd shape must not make the others useless.
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) return [];
  const possible = byType(key);
  return alg === undefined ? possible : possible.filter((name) => name === alg);
}

function byType({ kty, crv, n }: JWK): readonly string[] {
  if (kty === "RSA") {
    const modulus = typeof n === "string" ? base64UrlToBytes(n) : null;
    return modulus !== null && bitsOf(modulus) >= MIN_RSA_BITS ? RSA_ALGORITHMS : [];
  }
  if (kty === "EC") return crv === "P-256" ? ["ES256"] : crv === "P-384" ? ["ES384"] : [];
  return kty === "OKP" && crv === "Ed25519" ? ED25519_ALGORITHMS : [];
}

function bitsOf(number: Uint8Array): number {
  const first = number.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (number.length - first) * 8 - Math.clz32(number[first] ?? 0) + 24;
}

/** Keys of a set that may have signed the token: those of its `kid`, or all where it names none. */
export function candidates({ keyId, algorithm }: ReadToken, keys: readonly JWK[]): readonly JWK[] {
  return keys.filter((key) => (keyId === null || key.kid === keyId) && algorithmsOf(key).includes(algorithm));
}

/** Keys, not promises of them: one that a request left behind unfinished would hang all that come after. */
const imported = new WeakMap<JWK, Map<string, CryptoKey | Uint8Array>>();

/** @param keys those of `candidates` */
export async function isSigned({ text, algorithm }: ReadToken, keys: readonly JWK[]): Promise<boolean> {
  for (const key of keys) {
    try {
      await compactVerify(text, await importKey(key, algorithm), { algorithms: [algorithm] });
      return true;
    } catch {
      // The next key may be the one.
    }
  }
  return false;
}

async function importKey(key: JWK, algorithm: string): Promise<CryptoKey | Uint8Array> {
  let byAlgorithm = imported.get(key);
  if (!byAlgorithm) imported.set(key, (byAlgorithm = new Map()));
  const known = byAlgorithm.get(algorithm);
  if (known) return known;
  const made = await importJWK({ ...key, alg: algorithm }, algorithm);
  byAlgorithm.set(algorithm, made);
  return made;
}

const MAX_KEYS = 100;

/** @returns the keys of a JSON Web Key Set; null for what is none */
export function readKeySet(text: string): readonly JWK[] | null {
  try {
    const value: unknown = JSON.parse(text);
    const keys = (value as { keys?: unknown } | null)?.keys;
    if (!Array.isArray(keys) || keys.length > MAX_KEYS) return null;
    const all = keys as unknown[];
    return all.every((key) => typeof key === "object" && key !== null) ? all : null;
  } catch {
    return null;
  }
}

/** `aud` as a list: a string is one audience (RFC 7519 §4.1.3). */
export function audiencesOf({ claims: { aud } }: ReadToken): readonly string[] {
  if (typeof aud === "string") return [aud];
  return Array.isArray(aud) ? aud.filter((one): one is string => typeof one === "string") : [];
}
