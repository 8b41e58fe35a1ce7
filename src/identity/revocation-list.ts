import { bytesToBase64Url } from "../snapshot/bytes.ts";

/**
 * Whose certificates count no more, as agents read it. What gateways are told stands in their signed root; this goes to whoever asks: of
 * identities it has digests. They list no names, but who guesses an identity can check whether it is revoked.
 */
export interface RevocationList {
  /** Grows with each change. */
  readonly version: number;
  /** Lower-case hex without leading zeros. */
  readonly serials: readonly string[];
  /** SHA-256 of SPIFFE IDs without their scheme, base64url. */
  readonly ids: readonly string[];
  /** After so long nobody counts on this word any more; null: it never grows too old. */
  readonly maxAgeSeconds: number | null;
}

/** As many as there may be. */
const MAX_SERIALS = 5_000;
const MAX_IDS = 1_000;

const lists = new WeakMap<object, Promise<readonly string[]>>();

/** @param revoked as the authority tells it @param maxAgeMs of the mesh's settings; null: none */
export async function revocationList(
  version: number,
  revoked: { readonly serials: readonly string[]; readonly ids: readonly string[] },
  maxAgeMs: number | null,
): Promise<RevocationList> {
  let ids = lists.get(revoked);
  if (ids === undefined) lists.set(revoked, (ids = Promise.all(revoked.ids.map(digestOf))));
  const maxAgeSeconds = maxAgeMs === null ? null : Math.floor(maxAgeMs / 1_000);
  return { version, serials: revoked.serials, ids: await ids, maxAgeSeconds };
}

async function digestOf(id: string): Promise<string> {
  return bytesToBase64Url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id)));
}

/** @param text control's answer, or what was kept of one @returns null where it is none: what is known goes on */
export function readRevocationList(text: string): RevocationList | null {
  try {
    const value: unknown = JSON.parse(text);
    const { version, serials, ids, maxAgeSeconds } = Object(value) as Readonly<Record<string, unknown>>;
    if (!Number.isSafeInteger(version) || !areTexts(serials, MAX_SERIALS) || !areTexts(ids, MAX_IDS)) return null;
    if (maxAgeSeconds !== null && !(Number.isSafeInteger(maxAgeSeconds) && Number(maxAgeSeconds) > 0)) return null;
    const age = maxAgeSeconds === null ? null : Number(maxAgeSeconds);
    return { version: Number(version), serials, ids, maxAgeSeconds: age };
  } catch {
    return null;
  }
}

function areTexts(value: unknown, most: number): value is readonly string[] {
  return Array.isArray(value) && value.length <= most && value.every((one) => typeof one === "string");
}
