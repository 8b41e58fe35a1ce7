import { createHash } from "node:crypto";

/** SHA-256, of which 128 bits stand for the text, in hex. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
