import { seal, sealingKey, unseal } from "./sealing.ts";

/**
 * Keys that are stored are encrypted under a secret that is not (R29): the store alone opens nothing.
 *
 * @throws where the secret is too short to be one
 */
export async function wrapKey(key: Uint8Array<ArrayBuffer>, secret: string, purpose: string): Promise<string> {
  return seal(key, await sealingKey(secret, purpose), "");
}

/** @throws where the secret or the purpose is another one, or the text was changed */
export async function unwrapKey(text: string, secret: string, purpose: string): Promise<ArrayBuffer> {
  return unseal(text, await sealingKey(secret, purpose), "");
}
