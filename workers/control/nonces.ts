import { base64UrlToBytes, bytesToBase64Url } from "../../src/snapshot/bytes.ts";

/** A nonce is asked for right before it is used. */
export const NONCE_LIFE_MS = 60_000;
const TIME_BYTES = 8;
const RANDOM_BYTES = 16;
const MAC_BYTES = 32;

export interface Nonce {
  readonly nonce: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** Nothing is stored of a nonce until it was used well: strangers can ask for as many as they like. */
export async function makeNonce(secret: string, now: number): Promise<Nonce> {
  const expiresAt = now + NONCE_LIFE_MS;
  const head = new Uint8Array(TIME_BYTES + RANDOM_BYTES);
  new DataView(head.buffer).setFloat64(0, expiresAt);
  crypto.getRandomValues(head.subarray(TIME_BYTES));
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", await macKey(secret), head));
  return { nonce: bytesToBase64Url(Uint8Array.from([...head, ...mac])), expiresAt };
}

/** @returns until when it may be used (epoch ms); null where it is none of ours, or has ended */
export async function readNonce(nonce: string, secret: string, now: number): Promise<number | null> {
  const bytes = base64UrlToBytes(nonce);
  if (bytes?.length !== TIME_BYTES + RANDOM_BYTES + MAC_BYTES) return null;
  const head = Uint8Array.from(bytes.subarray(0, TIME_BYTES + RANDOM_BYTES));
  const mac = Uint8Array.from(bytes.subarray(TIME_BYTES + RANDOM_BYTES));
  if (!(await crypto.subtle.verify("HMAC", await macKey(secret), mac, head))) return null;
  const expiresAt = new DataView(head.buffer).getFloat64(0);
  return expiresAt > now ? expiresAt : null;
}

async function macKey(secret: string): Promise<CryptoKey> {
  const from = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), "HKDF", false, ["deriveKey"]);
  const info = new TextEncoder().encode("tulle nonce");
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info },
    from,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}
