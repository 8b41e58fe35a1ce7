import { base64UrlToBytes, bytesToBase64Url } from "../../src/snapshot/bytes.ts";

const VERSION = "v1";
/** 96 bits, random: far from the 2^32 values under one key at which two could meet. */
const IV_BYTES = 12;
/** What the deployer makes has 43: 256 bits in base64url. */
const MIN_SECRET_CHARACTERS = 32;

const UTF8 = new TextEncoder();

/**
 * The key of one purpose under the deployment's secret (HKDF-SHA-256): what was sealed for one opens for no other.
 *
 * @throws where the secret is too short to be one
 */
export async function sealingKey(secret: string | undefined, purpose: string): Promise<CryptoKey> {
  // An unset variable would seal under what everybody knows.
  if (secret === undefined || secret.length < MIN_SECRET_CHARACTERS)
    throw new Error(
      `the wrapping secret is unset or too short; set at least ${MIN_SECRET_CHARACTERS} random characters`,
    );
  const material = await crypto.subtle.importKey("raw", UTF8.encode(secret), "HKDF", false, ["deriveKey"]);
  const info = UTF8.encode(`tulle ${purpose}`);
  const derivation = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
  return crypto.subtle.deriveKey(derivation, material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/**
 * AES-256-GCM, as text.
 *
 * @param about what the bytes belong to: they open for nothing else
 */
export async function seal(bytes: Uint8Array, key: CryptoKey, about: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: UTF8.encode(about) }, key, bytes);
  return `${VERSION}.${bytesToBase64Url(iv)}.${bytesToBase64Url(sealed)}`;
}

/** @throws where the key or what it is about is another one, or the text was changed */
export async function unseal(text: string, key: CryptoKey, about: string): Promise<ArrayBuffer> {
  const [version, ivText = "", sealedText = ""] = text.split(".");
  const iv = base64UrlToBytes(ivText);
  const sealed = base64UrlToBytes(sealedText);
  if (version !== VERSION || iv === null || sealed === null) throw new Error("what is sealed has an unknown form");
  return crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: UTF8.encode(about) }, key, sealed);
}
