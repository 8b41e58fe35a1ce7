/** By how much the values of one series grew, in the order of its kind (src/telemetry/rollup-kinds.ts). */
export type Growth = Float64Array;

/**
 * How series grew within one interval, as bytes: for each its number (the difference from the one before), how many bytes follow, and
 * for each value that grew its place (the difference from the one before) and its growth. All are whole numbers of 7 bits a byte but
 * for fractions, which are written out. Most values of most series stand still, and cost nothing.
 *
 * @param grown by the number of the series
 */
export function encodeRollup(grown: ReadonlyMap<number, Growth>): Uint8Array<ArrayBuffer> {
  const bytes = new Bytes();
  let last = 0;
  for (const id of [...grown.keys()].sort((one, other) => one - other)) {
    const inner = new Bytes();
    let place = 0;
    for (const [at, value] of (grown.get(id) ?? []).entries()) {
      if (value === 0) continue;
      inner.whole(at - place);
      inner.number(value);
      place = at;
    }
    bytes.whole(id - last);
    bytes.whole(inner.length);
    bytes.append(inner);
    last = id;
  }
  return bytes.taken();
}

/**
 * Tells each value that grew, of the series that are wanted; the others are passed over.
 *
 * @param tell is called with the number that `wanted` gave
 */
export function decodeRollup<T>(
  data: Uint8Array,
  wanted: (id: number) => T | undefined,
  tell: (of: T, place: number, growth: number) => void,
): void {
  const reader = new ByteReader(data);
  let id = 0;
  while (!reader.isAtEnd) {
    id += reader.whole();
    const end = reader.whole() + reader.at;
    const of = wanted(id);
    if (of !== undefined) tellAll(reader, end, (place, growth) => tell(of, place, growth));
    reader.at = end;
  }
}

function tellAll(reader: ByteReader, end: number, tell: (place: number, growth: number) => void): void {
  let place = 0;
  while (reader.at < end) {
    place += reader.whole();
    tell(place, reader.number());
  }
}

/** Whole numbers larger than this are written out, as fractions are. */
const MAX_WHOLE = 2 ** 50;

class Bytes {
  #bytes = new Uint8Array(64);
  length = 0;

  whole(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.length++] = rest;
  }

  /** Even: a whole number, with its sign. 1: eight bytes of a fraction follow. */
  number(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) < MAX_WHOLE / 4) {
      this.whole(value < 0 ? -value * 4 + 2 : value * 4);
      return;
    }
    this.whole(1);
    this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(this.length, value);
    this.length += 8;
  }

  append(other: Bytes): void {
    this.#reserve(other.length);
    this.#bytes.set(other.taken(), this.length);
    this.length += other.length;
  }

  taken(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length);
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.length + more, this.#bytes.length * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

class ByteReader {
  readonly #data: Uint8Array;
  at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#data.length;
  }

  whole(): number {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = this.#data[this.at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }

  number(): number {
    const coded = this.whole();
    if (coded % 4 === 0) return coded / 4;
    if (coded % 4 === 2) return (2 - coded) / 4;
    const value = new DataView(this.#data.buffer, this.#data.byteOffset).getFloat64(this.at);
    this.at += 8;
    return value;
  }
}
