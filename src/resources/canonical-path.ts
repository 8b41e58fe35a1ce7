import { withoutNeedlessEscapes } from "../routing/unreserved.ts";

/** What a URL's parser escapes in a path, or the runtime refuses there. */
const ESCAPED = /[^!-~]|["<>^`{}]/u;

/** The operators of a path template are no text. */
const OPERATORS = /\{\*\*?\}/g;

/**
 * Requests are compared by their canonical path (R1). A rule that is written in another form never matches, which opens
 * a door where it was to deny.
 *
 * @param path an exact value, or the fixed part of a pattern that is no regular expression
 * @returns why no canonical path is like this, or null
 */
export function neverCanonical(path: string): string | null {
  const odd = ESCAPED.exec(path.replace(OPERATORS, ""))?.[0];
  if (odd !== undefined)
    return `never matches: requests hold some of its characters escaped; write \`${encodeURIComponent(odd.toWellFormed())}\` for the first of them`;
  if (/[?#]/.test(path)) return "never matches: paths are compared without query and fragment";
  if (path.includes(";"))
    return "never matches: `;` and what follows it is cut from each segment before paths are compared";
  if (path.includes("\\") || path.split("/").some((segment) => segment === "." || segment === ".."))
    return "never matches: `.`, `..` and `\\` are resolved before paths are compared";
  if (withoutNeedlessEscapes(path) !== path)
    return "never matches: escaped letters, digits, `-`, `.`, `_` and `~` are decoded before paths are compared";
  // At the end of a prefix an escape may be cut.
  if (/%00|%(?![\da-f]{2}|[\da-f]?$)/i.test(path))
    return "never matches: a path with `%00` or with a `%` that begins no escape is refused";
  if (path.includes("//"))
    return "never matches unless slashes are left as they are (`normalization: BASE` in MeshConfig)";
  return null;
}
