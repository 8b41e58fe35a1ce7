const POOL_BYTES = 4_096;

let pool: Uint8Array | null = null;
let used = POOL_BYTES;

/** Random bytes for ids, drawn many at a time: a draw costs the runtime as much as all of an id's other work. */
export function randomBytes(count: number): Uint8Array {
  if (used + count > POOL_BYTES) {
    pool = crypto.getRandomValues(new Uint8Array(POOL_BYTES));
    used = 0;
  }
  const bytes = (pool ?? new Uint8Array(POOL_BYTES)).subarray(used, used + count);
  used += count;
  return bytes;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** A version 4 UUID (RFC 9562 §5.4). */
export function randomId(): string {
  const bytes = randomBytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  let text = "";
  for (let at = 0; at < 16; at += 1) {
    if (at === 4 || at === 6 || at === 8 || at === 10) text += "-";
    text += HEX[bytes[at] ?? 0];
  }
  return text;
}
