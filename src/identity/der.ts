/** One element of DER: its tag, and where its content stands. */
export interface Element {
  readonly tag: number;
  /** Of the element itself, with its header. */
  readonly from: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the element at an offset, strictly: one-byte tags, definite lengths in their shortest form (X.690 §10.1).
 *
 * @param end of what holds it; null where it does not fit or is not DER
 */
export function readElement(bytes: Uint8Array, from: number, end: number): Element | null {
  const tag = bytes[from];
  const first = bytes[from + 1];
  if (tag === undefined || first === undefined || from + 2 > end || (tag & 0x1f) === 0x1f) return null;
  let start = from + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3) return null;
    length = 0;
    for (let at = 0; at < count; at += 1) length = length * 256 + (bytes[start + at] ?? 0);
    start += count;
    const shortest = count === 1 ? 0x80 : 256 ** (count - 1);
    if (length < shortest) return null;
  }
  return start + length <= end ? { tag, from, start, end: start + length } : null;
}

/** The elements inside of one, which must fill it; null where they do not. */
export function readChildren(bytes: Uint8Array, { start, end }: Element): readonly Element[] | null {
  const children: Element[] = [];
  let at = start;
  while (at < end) {
    const child = readElement(bytes, at, end);
    if (child === null) return null;
    children.push(child);
    at = child.end;
  }
  return children;
}

export function contentOf(bytes: Uint8Array, { start, end }: Element): Uint8Array {
  return bytes.subarray(start, end);
}

export function wholeOf(bytes: Uint8Array, { from, end }: Element): Uint8Array {
  return bytes.subarray(from, end);
}
