import { withoutNeedlessEscapes } from "../routing/unreserved.ts";

/**
 * Requests are compared by their canonical path (R1). A rule that is written in another form never matches, which opens
 * a door where it was to deny.
 *
 * @param path an exact value, or the fixed part of a pattern that is no regular expression
 * @returns why no canonical path is like this, or null
 */
export function neverCanonical(path: string): string | null {
  if (/[?#]/.test(path)) return "never matches: paths are compared without query and fragment";
  if (path.includes(";"))
    return "never matches: `;` and what follows it is cut from each segment before paths are compared";
  if (path.includes("\\") || path.split("/").some((segment) => segment === "." || segment === ".."))
    return "never matches: `.`, `..` and `\\` are resolved before paths are compared";
  if (withoutNeedlessEscapes(path) !== path)
    return "never matches: escaped letters, digits, `-`, `.`, `_` and `~` are decoded before paths are compared";
  if (path.includes("//"))
    return "never matches unless slashes are left as they are (`normalization: BASE` in MeshConfig)";
  return null;
}
