const PREFIX = "@request.auth.claims";

/** Whether a matched header is meant as a claim; the word before the claim has no case. */
export function namesClaim(header: string): boolean {
  return header.toLowerCase().startsWith("@request.auth.");
}

/**
 * The claim that a matched header names: `@request.auth.claims.a.b`, or `@request.auth.claims[a][b]` where a name has dots.
 *
 * @returns names from the outside in; null where it is no claim's name
 */
export function claimPath(header: string): readonly string[] | null {
  if (header.slice(0, PREFIX.length).toLowerCase() !== PREFIX) return null;
  const rest = header.slice(PREFIX.length);
  const path = rest.startsWith(".")
    ? rest.slice(1).split(".")
    : rest.startsWith("[") && rest.endsWith("]")
      ? rest.slice(1, -1).split("][")
      : [];
  return path.length === 0 || path.includes("") ? null : path;
}
