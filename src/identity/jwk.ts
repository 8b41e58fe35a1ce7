import type { JWK } from "jose";
import { base64UrlToBytes } from "../snapshot/bytes.ts";

const RSA_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const ED25519_ALGORITHMS = ["EdDSA", "Ed25519"];

/** Curves with their algorithm and the length of a coordinate in bytes (RFC 7518 §6.2.1). */
const CURVES: ReadonlyMap<unknown, { readonly algorithm: string; readonly bytes: number }> = new Map([
  ["P-256", { algorithm: "ES256", bytes: 32 }],
  ["P-384", { algorithm: "ES384", bytes: 48 }],
  ["P-521", { algorithm: "ES512", bytes: 66 }],
]);
const ED25519_BYTES = 32;
const MIN_RSA_BITS = 2_048;

/** Algorithms that some key may be used with. */
export const ALGORITHMS: ReadonlySet<string> = new Set([
  ...[...CURVES.values()].map(({ algorithm }) => algorithm),
  ...RSA_ALGORITHMS,
  ...ED25519_ALGORITHMS,
]);

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

/**
 * A newer set of an issuer's, in which keys that were there before are the same objects: what was made of them is kept.
 *
 * @returns also whether one is gone, or is another by the same name
 */
export function withKnownKeys(
  newer: readonly JWK[],
  older: readonly JWK[],
): { readonly kept: readonly JWK[]; readonly lost: boolean } {
  const known = new Map(older.map((key) => [JSON.stringify(key), key]));
  const kept = newer.map((key) => known.get(JSON.stringify(key)) ?? key);
  const still = new Set(kept);
  return { kept, lost: older.some((key) => !still.has(key)) };
}

/**
 * The algorithms that a key may be used with: from its type and curve, and its own `alg` (R12). None for a key that is
 * symmetric, short, private or made for another use.
 */
export function algorithmsOf(key: JWK): readonly string[] {
  const { alg, d } = key;
  if (d !== undefined || otherUse(key) !== null) return [];
  const possible = byType(key);
  return alg === undefined ? possible : possible.filter((name) => name === alg);
}

function byType({ kty, crv, n }: JWK): readonly string[] {
  if (kty === "RSA") return bitsOf(n) >= MIN_RSA_BITS ? RSA_ALGORITHMS : [];
  const curve = kty === "EC" ? CURVES.get(crv) : undefined;
  if (curve) return [curve.algorithm];
  return kty === "OKP" && crv === "Ed25519" ? ED25519_ALGORITHMS : [];
}

/** The set is the issuer's: one key of an odd shape must not make the others useless. */
function otherUse({ use, key_ops: operations }: JWK): string | null {
  // A SPIFFE bundle says so of keys that sign JWT-SVIDs.
  if (use !== undefined && use !== "sig" && use !== "jwt-svid") return `is for another use (\`use: ${String(use)}\`)`;
  const verifies = operations === undefined || (Array.isArray(operations) && operations.includes("verify"));
  return verifies ? null : "is for another use: its `key_ops` lack `verify`";
}

/**
 * @param key public, of a set that an operator wrote
 * @returns why no token can be verified by it, or null
 */
export function uselessKey(key: JWK): string | null {
  const { kty, crv, alg } = key;
  const problem = otherUse(key) ?? formProblem(key);
  if (problem !== null) return problem;
  if (algorithmsOf(key).length > 0) return null;
  return `says \`alg: ${String(alg)}\`, which is none of ${kty === "RSA" ? "an RSA key" : `a key of ${String(crv)}`}`;
}

function formProblem({ kty, crv, n, e, x, y }: JWK): string | null {
  if (kty === "RSA") {
    const bits = bitsOf(n);
    if (bits < MIN_RSA_BITS) return `has ${bits} bits; RSA keys need ${MIN_RSA_BITS} or more`;
    return isExponent(e) ? null : "has no usable exponent `e`";
  }
  if (kty === "EC") {
    const curve = CURVES.get(crv);
    if (!curve) return `is on the curve \`${String(crv)}\`; P-256, P-384 and P-521 are understood`;
    const whole = bytesOf(x)?.length === curve.bytes && bytesOf(y)?.length === curve.bytes;
    return whole ? null : `needs \`x\` and \`y\` of ${curve.bytes} bytes each, base64url`;
  }
  if (kty !== "OKP") return `is of type \`${String(kty)}\`; RSA, EC and OKP are understood`;
  if (crv !== "Ed25519") return `is on the curve \`${String(crv)}\`; of OKP keys Ed25519 is understood`;
  return bytesOf(x)?.length === ED25519_BYTES ? null : `needs an \`x\` of ${ED25519_BYTES} bytes, base64url`;
}

/** Odd and at least 3: with 1 a signature is the text itself. */
function isExponent(e: unknown): boolean {
  const bytes = bytesOf(e);
  const last = bytes?.at(-1);
  if (!bytes || last === undefined || last % 2 === 0) return false;
  return last > 1 || bytes.slice(0, -1).some((byte) => byte !== 0);
}

function bytesOf(text: unknown): Uint8Array | null {
  return typeof text === "string" ? base64UrlToBytes(text) : null;
}

function bitsOf(modulus: unknown): number {
  const number = bytesOf(modulus);
  if (number === null) return 0;
  const first = number.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (number.length - first) * 8 - Math.clz32(number[first] ?? 0) + 24;
}
