import { bytesToHex } from "./bytes.ts";

/** A slice's name: SHA-256 of its text's UTF-8 bytes, lower-case hex. */
export async function sliceId(text: string): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
