/** The longest wait, in bases. */
const CAP = 10;

/**
 * Envoy's back-off with full jitter.
 *
 * @param retry 1 for the first
 * @param drawn in [0, 1)
 * @returns milliseconds in [0, min(2^retry - 1, 10) * baseMs)
 */
export function backoffMs(baseMs: number, retry: number, drawn: number): number {
  return drawn * Math.min(2 ** retry - 1, CAP) * baseMs;
}

/**
 * Reads `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
 *
 * @param now epoch ms
 * @returns milliseconds from now; null where it says nothing that can be read
 */
export function retryAfterMs(value: string | null, now: number): number | null {
  if (value === null) return null;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
