import { arePrograms } from "../match/program.ts";
import { err, ok, type Result } from "../result.ts";
import { base64ToBytes, base64UrlToBytes, bytesToBase64Url, bytesToHex } from "./bytes.ts";
import { canonicalJson, type CanonicalText } from "./canonical.ts";
import { sliceId } from "./hash.ts";
import { KNOWN_PARTS } from "./known-parts.ts";
import { FORMAT, FORMAT_WITH_PROGRAMS, type Root, type SignedRoot, type Slice } from "./model.ts";
import { holdsPatterns } from "./patterns.ts";
import type { MeshTelemetry } from "./telemetry-model.ts";

/** Why a snapshot was refused. A `code` is public: add, never rename. */
export type SnapshotError =
  | { readonly code: "snapshot_oversized"; readonly bytes: number; readonly limit: number }
  | { readonly code: "snapshot_key_unknown"; readonly keyId: string }
  | { readonly code: "snapshot_unsigned" }
  | { readonly code: "snapshot_unreadable"; readonly field: string }
  | { readonly code: "snapshot_format"; readonly format: number }
  /** Its patterns are not compiled, as an older control leaves them: no gateway can. */
  | { readonly code: "snapshot_programs" }
  | { readonly code: "snapshot_gateway"; readonly gateway: string }
  | { readonly code: "slice_hash"; readonly id: string };

/** 10,000 hosts of 100 characters with their hashes are 2 MB; an isolate has 128 MB. Control checks it before it signs. */
export const MAX_ROOT_BYTES = 8 * 1024 * 1024;
/** 10,000 routes are about 2 MB. */
export const MAX_SLICE_BYTES = 16 * 1024 * 1024;

export interface VerifyKey {
  readonly id: string;
  readonly key: CryptoKey;
}

export interface SigningKey {
  readonly id: string;
  readonly key: CryptoKey;
}

/** Keeps a signature made for another purpose from passing as one of a root. */
const CONTEXT = "tulle-root-v1\n";

/** @param json list of raw Ed25519 public keys, base64url: current and next; throws where the deployer wrote something else */
export async function importVerifyKeys(json: string): Promise<readonly VerifyKey[]> {
  const texts: unknown = JSON.parse(json);
  if (!Array.isArray(texts)) throw new Error("SNAPSHOT_KEYS must be a JSON list of public keys");
  return Promise.all(
    texts.map(async (text: unknown) => {
      const raw = typeof text === "string" ? base64UrlToBytes(text) : null;
      if (raw?.length !== 32) throw new Error("SNAPSHOT_KEYS must hold raw Ed25519 public keys in base64url");
      return { id: await keyId(raw), key: await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]) };
    }),
  );
}

/** @param pkcs8 Ed25519 private key, base64; throws where the deployer wrote something else */
export async function importSigningKey(pkcs8: string): Promise<SigningKey> {
  const bytes = base64ToBytes(pkcs8);
  if (bytes === null) throw new Error("SNAPSHOT_PRIVATE_KEY must be an Ed25519 key, PKCS#8 in base64");
  const pair = await crypto.subtle.importKey("pkcs8", bytes, "Ed25519", true, ["sign"]);
  const jwk = await crypto.subtle.exportKey("jwk", pair);
  const raw = base64UrlToBytes("x" in jwk ? (jwk.x ?? "") : "");
  if (raw === null) throw new Error("SNAPSHOT_PRIVATE_KEY has no public part");
  return { id: await keyId(raw), key: await crypto.subtle.importKey("pkcs8", bytes, "Ed25519", false, ["sign"]) };
}

async function keyId(raw: Uint8Array<ArrayBuffer>): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", raw)).slice(0, 16);
}

/** A root whose scopes may have been written already. */
export type WrittenRoot = Omit<Root, "scopes"> & { readonly scopes: Root["scopes"] | CanonicalText };

export async function signRoot(root: WrittenRoot, { id, key }: SigningKey): Promise<SignedRoot> {
  const payload = canonicalJson(root);
  const signature = await crypto.subtle.sign("Ed25519", key, signedBytes(payload));
  return { payload, signature: bytesToBase64Url(signature), keyId: id };
}

/**
 * Reads a root from wherever it was kept: it may be lost, late, rolled back or altered.
 *
 * @param gateway the deployment that it must be for
 */
export async function verifyRoot(
  signed: SignedRoot,
  keys: readonly VerifyKey[],
  gateway: string,
): Promise<Result<Root, SnapshotError>> {
  if (typeof signed?.payload !== "string" || typeof signed.signature !== "string")
    return err({ code: "snapshot_unreadable", field: "payload" });
  const { payload } = signed;
  if (payload.length > MAX_ROOT_BYTES)
    return err({ code: "snapshot_oversized", bytes: payload.length, limit: MAX_ROOT_BYTES });
  const verifier = keys.find(({ id }) => id === signed.keyId);
  if (!verifier) return err({ code: "snapshot_key_unknown", keyId: signed.keyId });
  const signature = base64UrlToBytes(signed.signature);
  // The runtime throws at a signature of another length, where Node says no.
  const valid =
    signature?.length === 64 && (await crypto.subtle.verify("Ed25519", verifier.key, signature, signedBytes(payload)));
  if (!valid) return err({ code: "snapshot_unsigned" });
  const root = parse(payload);
  if (root === null) return err({ code: "snapshot_unreadable", field: "payload" });
  if (!isReadable(root["format"])) return err({ code: "snapshot_format", format: Number(root["format"]) });
  if (lacksPrograms(root, payload)) return err({ code: "snapshot_programs" });
  if (root["gateway"] !== gateway) return err({ code: "snapshot_gateway", gateway: String(root["gateway"]) });
  const wrong = wrongField(root, ROOT_FIELDS);
  if (wrong !== null) return err({ code: "snapshot_unreadable", field: wrong });
  return ok(root as unknown as Root);
}

/** @param id the slice's name in a verified root: its text is what control wrote exactly if the hash is this */
export async function readSlice(text: string, id: string): Promise<Result<Slice, SnapshotError>> {
  if (typeof text !== "string" || text.length > MAX_SLICE_BYTES)
    return err({ code: "snapshot_oversized", bytes: text?.length ?? 0, limit: MAX_SLICE_BYTES });
  if ((await sliceId(text)) !== id) return err({ code: "slice_hash", id });
  const slice = parse(text);
  if (slice === null) return err({ code: "snapshot_unreadable", field: "slice" });
  if (!isReadable(slice["format"])) return err({ code: "snapshot_format", format: Number(slice["format"]) });
  if (lacksPrograms(slice, text)) return err({ code: "snapshot_programs" });
  const wrong = wrongField(slice, SLICE_FIELDS);
  if (wrong !== null) return err({ code: "snapshot_unreadable", field: wrong });
  return ok(slice as unknown as Slice);
}

/** A later format may mean other things by the same fields: refused whole, never read in part. Earlier ones lack fields alone. */
function isReadable(format: unknown): boolean {
  return typeof format === "number" && Number.isInteger(format) && format >= 1 && format <= FORMAT;
}

function lacksPrograms({ format }: Readonly<Record<string, unknown>>, text: string): boolean {
  return Number(format) < FORMAT_WITH_PROGRAMS && holdsPatterns(text);
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isObject: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isList: Check = Array.isArray;
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const both =
  (one: Check, other: Check): Check =>
  (value) =>
    one(value) && other(value);

const ROOT_FIELDS: Readonly<Record<string, Check>> = {
  format: isCount,
  gateway: isText,
  generation: isCount,
  issuedAt: isCount,
  maxAgeMs: optional(isCount),
  trust: isObject,
  telemetry: optional((value) => isObject(value) && optional(arePrograms)((value as MeshTelemetry).programs)),
  tracing: optional(isObject),
  scopes: isObject,
};

const SLICE_FIELDS: Readonly<Record<string, Check>> = {
  format: isCount,
  host: isText,
  front: KNOWN_PARTS.front,
  ports: optional(isList),
  outside: optional((value) => value === true),
  limits: KNOWN_PARTS.limits,
  rehearsals: KNOWN_PARTS.rehearsals,
  keyHeaders: optional(isList),
  path: both(isObject, KNOWN_PARTS.path),
  routes: both(isList, KNOWN_PARTS.routes),
  clusters: both(isObject, KNOWN_PARTS.clusters),
  callers: optional(isList),
  policySets: both(isList, KNOWN_PARTS.policySets),
  authorizers: KNOWN_PARTS.authorizers,
  telemetry: optional(isList),
  programs: optional(arePrograms),
};

/** The first field that is missing, of a wrong kind, or unknown to this code. */
function wrongField(object: Readonly<Record<string, unknown>>, fields: Readonly<Record<string, Check>>): string | null {
  for (const [name, check] of Object.entries(fields)) if (!check(object[name])) return name;
  return Object.keys(object).find((name) => !Object.hasOwn(fields, name)) ?? null;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function signedBytes(payload: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(CONTEXT + payload));
}
