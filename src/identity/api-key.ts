import { bytesToBase64Url, bytesToHex } from "../snapshot/bytes.ts";
import { fnv1a } from "../snapshot/hash.ts";

/** Random bytes of a key: 192 bits, which nobody guesses, so that a plain hash is enough to keep one by. */
export const API_KEY_BYTES = 24;

/** So many are asked for at once: a statement of D1 takes 100 values. */
export const MAX_KEYS_A_CALL = 64;

const FORM = /^tk_([A-Za-z0-9_-]{32})_([0-9a-f]{8})$/;

/** @param random of `API_KEY_BYTES` */
export function apiKeyOf(random: Uint8Array<ArrayBuffer>): string {
  const secret = bytesToBase64Url(random);
  return `tk_${secret}_${checksum(secret)}`;
}

/**
 * Whether a text has the form of a key. Its last part follows from the rest, so that what is mistyped, cut off or another one's is
 * refused without a question; who knows the form can make texts that have it, which then nobody knows.
 */
export function isApiKey(text: string): boolean {
  const [, secret, sum] = FORM.exec(text) ?? [];
  return secret !== undefined && checksum(secret) === sum;
}

/** By which a key is kept and asked for: SHA-256, lower-case hex. */
export async function apiKeyHash(key: string): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key)));
}

function checksum(secret: string): string {
  return fnv1a(secret).toString(16).padStart(8, "0");
}
