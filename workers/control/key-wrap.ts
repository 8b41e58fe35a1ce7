import { base64UrlToBytes, bytesToBase64Url } from "../../src/snapshot/bytes.ts";

const VERSION = "v1";
const IV_BYTES = 12;
/** What the deployer makes has 43: 256 bits in base64url. */
const MIN_SECRET_CHARACTERS = 32;

/**
 * Keys that are stored are encrypted under a secret that is not (R29): the store alone opens nothing.
 *
 * @throws where the secret is too short to be one
 */
export async function wrapKey(key: Uint8Array<ArrayBuffer>, secret: string, purpose: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await wrappingKey(secret, purpose), key);
  return `${VERSION}.${bytesToBase64Url(iv)}.${bytesToBase64Url(sealed)}`;
}

/** @throws where the secret or the purpose is another one, or the text was changed */
export async function unwrapKey(text: string, secret: string, purpose: string): Promise<ArrayBuffer> {
  const [version, ivText = "", sealedText = ""] = text.split(".");
  const iv = base64UrlToBytes(ivText);
  const sealed = base64UrlToBytes(sealedText);
  if (version !== VERSION || iv === null || sealed === null) throw new Error("a stored key has an unknown form");
  return crypto.subtle.decrypt({ name: "AES-GCM", iv }, await wrappingKey(secret, purpose), sealed);
}

async function wrappingKey(secret: string | undefined, purpose: string): Promise<CryptoKey> {
  // An unset variable would wrap the key under what everybody knows.
  if (secret === undefined || secret.length < MIN_SECRET_CHARACTERS)
    throw new Error(
      `the wrapping secret is unset or too short; set at least ${MIN_SECRET_CHARACTERS} random characters`,
    );
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const material = await crypto.subtle.importKey("raw", utf8(secret), "HKDF", false, ["deriveKey"]);
  const derivation = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8(`tulle ${purpose}`) };
  return crypto.subtle.deriveKey(derivation, material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}
