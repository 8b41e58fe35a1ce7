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
    pool = hexText(crypto.getRandomValues(new Uint8Array(POOL_BYTES)));
    used = 0;
  }
  used += digits;
  return pool.slice(used - digits, used);
}

/** A version 4 UUID (RFC 9562 §5.4). */
export function randomId(): string {
  const hex = randomHex(32);
  // The variant is two fixed bits and two random ones.
  const variant = "89ab".charAt(Number.parseInt(hex.charAt(16), 16) & 3);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function hexText(bytes: Uint8Array): string {
  const codes = new Uint8Array(2 * bytes.length);
  let at = 0;
  for (const byte of bytes) {
    codes[at++] = DIGITS.charCodeAt(byte >> 4);
    codes[at++] = DIGITS.charCodeAt(byte & 15);
  }
  return new TextDecoder().decode(codes);
}
