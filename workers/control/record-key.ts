import { bytesToBase64Url } from "../../src/snapshot/bytes.ts";

const ABOUT = new TextEncoder().encode("tulle decision records v1");

let known: { readonly secret: string; readonly key: Promise<string> } | null = null;

/**
 * By which all gateways of the mesh hide the same sensitive value in the same way in decision records. It is worked out of the secret
 * that control has anyway, and tells nothing of it; gateways get it when they register, and nobody stores it.
 *
 * @returns 32 bytes, base64url
 */
export async function recordKey(secret: string): Promise<string> {
  if (known?.secret !== secret) known = { secret, key: derived(secret) };
  return known.key;
}

async function derived(secret: string): Promise<string> {
  const bytes = new TextEncoder().encode(secret);
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return bytesToBase64Url(await crypto.subtle.sign("HMAC", key, ABOUT));
}
