/** The first are few: a cold isolate's first call waits for them. */
const FIRST_POOL_BYTES = 256;
const POOL_BYTES = 4_096;
const DIGITS = "0123456789abcdef";

let pool = "";
let used = 0;

/**
 * Random hex text for ids, drawn and written many at a time: an id is then a slice.
 *
 * @param digits at most 8,192
 */
export function randomHex(digits: number): string {
  if (used + digits > pool.length) {
    const isFirst = pool === "" && digits <= 2 * FIRST_POOL_BYTES;
    pool = hexText(crypto.getRandomValues(new Uint8Array(isFirst ? FIRST_POOL_BYTES : POOL_BYTES)));
    used = 0;
  }
  used += digits;
  return pool.slice(used - digits, used);
}

/** A version 4 UUID (RFC 9562 §5.4). */
export function randomId(): string {
  return crypto.randomUUID();
}

function hexText(bytes: Uint8Array): string {
  const codes = new Uint8Array(2 * bytes.length);
  // By number: an iterator is slow until the loop is compiled, and it runs too seldom for that.
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    codes[2 * at] = DIGITS.charCodeAt(byte >> 4);
    codes[2 * at + 1] = DIGITS.charCodeAt(byte & 15);
  }
  return new TextDecoder().decode(codes);
}
