import { base64ToBytes } from "../snapshot/bytes.ts";

/**
 * What is wrong with base64 as protobuf's JSON takes it: of either alphabet, with padding or without.
 *
 * @returns `length` where the last character stands for no whole byte
 */
export function base64Problem(text: string): "alphabet" | "length" | null {
  if (!/^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/.test(text)) return "alphabet";
  return text.replace(/=+$/, "").length % 4 === 1 ? "length" : null;
}

/** @param text without the problem `alphabet` */
export function readBase64(text: string): Uint8Array<ArrayBuffer> {
  const plain = text.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
  const whole = plain.length % 4 === 1 ? plain.slice(0, -1) : plain;
  const bytes = base64ToBytes(whole.padEnd(Math.ceil(whole.length / 4) * 4, "="));
  if (bytes === null) throw new Error("base64 passed the checks and is none");
  return bytes;
}
