/** Escapes of the unreserved characters, letters, digits, `-`, `.`, `_` and `~`: the same path with or without (RFC 3986 2.3). */
const ESCAPE = /%(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/gi;

/** Decodes what may be written without an escape as well, once. Gateways and the checks of policies share this one table. */
export function withoutNeedlessEscapes(path: string): string {
  if (!path.includes("%")) return path;
  return path.replace(ESCAPE, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
}

const LOWER_CASE = /%(?:[a-f][\da-f]|\d[a-f])/gi;

/**
 * Escapes in capitals: `%c3` and `%C3` are one byte (RFC 3986 6.2.2.1), so paths and rules are compared so. A service gets them
 * as the client wrote them.
 */
export function withCapitalEscapes(path: string): string {
  return path.includes("%") ? path.replace(LOWER_CASE, (escape) => escape.toUpperCase()) : path;
}
