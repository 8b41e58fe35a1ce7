/** What a request's headers may take, by `headerSize`; above it the answer is 431 (RFC 6585 §5). Below what the platform carries. */
export const MAX_HEADER_BYTES = 60 * 1_024;

/** `: ` and the end of the line. */
const BYTES_AROUND = 4;

/**
 * The size of a request's headers as one writes them: name, value and four bytes for each. What the platform adds on the way
 * (`cf-*`, and `mf-*` in the local mesh) is not the client's, and not counted.
 *
 * @param headers of a Worker's `Headers`, or as they came; a character counts as a byte
 */
export function headerSize(headers: Iterable<readonly [name: string, value: string]>): number {
  let size = 0;
  for (const [name, value] of headers) if (!isOfPlatform(name)) size += name.length + value.length + BYTES_AROUND;
  return size;
}

function isOfPlatform(name: string): boolean {
  if (name.charCodeAt(2) !== 0x2d) return false;
  const prefix = name.slice(0, 2).toLowerCase();
  return prefix === "cf" || prefix === "mf";
}
