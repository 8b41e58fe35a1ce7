import { bytesToHex } from "./bytes.ts";

/** A slice's name: SHA-256 of its text's UTF-8 bytes, lower-case hex. */
export async function sliceId(text: string): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

const HOP_DIGITS = 6;

/** A short name of a service. Two of a call's services share one in a case of a hundred thousand. @param host canonical */
export function hopHash(host: string): string {
  return fnv1a(host).toString(16).padStart(8, "0").slice(-HOP_DIGITS);
}

/** FNV-1a, 32 bits. */
export function fnv1a(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01_00_01_93);
  return hash >>> 0;
}
