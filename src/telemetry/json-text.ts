/** What JSON takes as it is: printable ASCII save for quote and backslash. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Whatever is not ASCII: line separators and control characters of Unicode among them, which JSON lets pass and a terminal obeys. */
const NOT_ASCII = /[\u007f-\uffff]/g;

/** The most that JSON needs for one UTF-16 unit: `\u001b`. */
const UNIT_BYTES = 6;

/**
 * A JSON string in ASCII, quotes included: safe in a line of the log, whatever `text` holds.
 *
 * @param text untrusted
 * @param bytes at most so many between the quotes; what is longer is cut, at a sixth of it where the text needs escapes
 */
export function quoted(text: string, bytes: number): string {
  const start = text.length > bytes ? text.slice(0, bytes) : text;
  if (PLAIN.test(start)) return `"${start}"`;
  const whole = inAscii(start);
  return whole.length <= bytes + 2 ? whole : inAscii(start.slice(0, Math.floor(bytes / UNIT_BYTES)));
}

/** The same, or `null`. */
export function quotedOrNull(text: string | null, bytes: number): string {
  return text === null ? "null" : quoted(text, bytes);
}

function inAscii(text: string): string {
  return JSON.stringify(text).replace(NOT_ASCII, escaped);
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
