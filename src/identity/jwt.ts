import { compactVerify, type JWK } from "jose";
import { err, ok, type Result } from "../result.ts";
import { base64UrlToBytes } from "../snapshot/bytes.ts";
import { algorithmsOf, ALGORITHMS } from "./jwk.ts";
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
}

const MAX_CHARACTERS = 16_384;

/**
 * Header parameters by which a token would change how it is read (RFC 8725 §3). Those by which it would name its own key,
 * `jwk`, `jku`, `x5u` and `x5c`, are neither used nor followed: keys come from the rule alone.
 */
const FORBIDDEN_PARAMETERS = ["b64", "crit"];

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
  return ok({ text, algorithm: alg, keyId: kid ?? null, claims });
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
export function checkTimes({ claims }: Pick<ReadToken, "claims">, now: number): JwtError | null {
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

/**
 * Keys of a set that may have signed the token: those of its `kid`, or all where it names none. Where no key has the `kid`,
 * keys without one may be it, as to Envoy: issuers with one key often leave it unnamed.
 */
export function candidates({ keyId, algorithm }: ReadToken, keys: readonly JWK[]): readonly JWK[] {
  return named(keyId, keys).filter((key) => algorithmsOf(key).includes(algorithm));
}

function named(keyId: string | null, keys: readonly JWK[]): readonly JWK[] {
  if (keyId === null || keyId === "") return keys;
  const same = keys.filter(({ kid }) => kid === keyId);
  return same.length > 0 ? same : keys.filter(({ kid }) => kid === undefined || kid === "");
}

/** A key by each algorithm that it was asked for with, as jose is given it: what it imports it remembers by that object. */
const usable = new WeakMap<JWK, Map<string, JWK>>();

/** @param keys those of `candidates` */
export async function isSigned({ text, algorithm }: ReadToken, keys: readonly JWK[]): Promise<boolean> {
  for (const key of keys) {
    try {
      await compactVerify(text, usableFor(key, algorithm), { algorithms: [algorithm] });
      return true;
    } catch {
      // The next key may be the one.
    }
  }
  return false;
}

function usableFor(key: JWK, algorithm: string): JWK {
  let byAlgorithm = usable.get(key);
  if (!byAlgorithm) usable.set(key, (byAlgorithm = new Map()));
  let made = byAlgorithm.get(algorithm);
  if (!made) {
    // `candidates` has judged its use, of which jose knows `sig` alone.
    const { use: _, ...parts } = key;
    byAlgorithm.set(algorithm, (made = { ...parts, alg: algorithm }));
  }
  return made;
}

/** `aud` as a list: a string is one audience (RFC 7519 §4.1.3). */
export function audiencesOf({ claims: { aud } }: ReadToken): readonly string[] {
  if (typeof aud === "string") return [aud];
  return Array.isArray(aud) ? aud.filter((one): one is string => typeof one === "string") : [];
}
