/** Headers that are one value whatever commas they hold (RFC 9110: dates, and fields defined as a single value). */
const SINGLE = new Set([
  "authorization",
  "content-length",
  "content-type",
  "date",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "origin",
  "referer",
  "retry-after",
  "server",
  "user-agent",
]);

/**
 * The values of a header as a list: repeated lines and members alike, trimmed, empty members left out (R6). A policy that
 * looked at the joined text would miss `x-role: user, admin`.
 *
 * @param text all lines joined by commas, as the platform gives them; null where the header is not there
 * @returns null where it is not there; one empty value where it is there and empty
 */
export function headerValues(name: string, text: string | null): readonly string[] | null {
  if (text === null) return null;
  if (SINGLE.has(name)) return [text];
  const separator = name === "cookie" ? ";" : ",";
  if (!text.includes(separator)) return [text.trim()];
  const values = text
    .split(separator)
    .map((value) => value.trim())
    .filter((value) => value !== "");
  return values.length === 0 ? [""] : values;
}
