/** Escapes of the unreserved characters, letters, digits, `-`, `.`, `_` and `~`: the same path with or without (RFC 3986 2.3). */
const ESCAPE = /%(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/gi;

/** Decodes what may be written without an escape as well, once. Gateways and the checks of policies share this one table. */
export function withoutNeedlessEscapes(path: string): string {
  if (!path.includes("%")) return path;
  return path.replace(ESCAPE, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
}
