import { Assertion, Op } from "../snapshot/program-model.ts";
import { type Code, MAX_RUNE } from "./program.ts";

const ASCII = 128;
const LINE_FEED: readonly number[] = [10, 10];
/** Digits, letters and `_`. */
const WORD: readonly number[] = [48, 57, 65, 90, 95, 95, 97, 122];

/** Characters that a program takes for the same, by their number: what it does next depends on that alone. */
export class Alphabet {
  /** How many different ones there are. */
  readonly size: number;
  /** A character of each. */
  readonly samples: Int32Array;
  /** Of the first 128 characters. */
  readonly ascii: Int32Array;
  /** Where a range begins whose characters are one to the program, with its number. */
  readonly #starts: Int32Array;
  readonly #numbers: Int32Array;
  #next = 1;

  constructor(code: Code, assertions: number) {
    const parted = [...partsOf(code, assertions)];
    const bounds = parted.flatMap((ranges) => Array.from(ranges, (rune, at) => rune + (at % 2)));
    this.#starts = Int32Array.from(new Set([0, ...bounds.filter((rune) => rune <= MAX_RUNE)])).sort();
    this.#numbers = new Int32Array(this.#starts.length);
    for (const ranges of parted) this.#part(ranges);
    const different = new Map<number, number>();
    this.#numbers.forEach((number, at) => {
      if (!different.has(number)) different.set(number, this.#starts[at] ?? 0);
    });
    const order = new Map(Array.from(different.keys(), (number, at) => [number, at]));
    this.#numbers.forEach((number, at) => (this.#numbers[at] = order.get(number) ?? 0));
    this.size = different.size;
    this.samples = Int32Array.from(different.values());
    this.ascii = Int32Array.from({ length: ASCII }, (_, rune) => this.of(rune));
  }

  of(rune: number): number {
    return this.#numbers[this.#indexOf(rune)] ?? 0;
  }

  #indexOf(rune: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (rune < (this.#starts[middle] ?? 0)) high = middle - 1;
      else low = middle;
    }
    return low;
  }

  /** Those inside of the ranges are no longer the same as those outside. */
  #part(ranges: ArrayLike<number>): void {
    const inside = new Map<number, number>();
    for (let at = 0; at < ranges.length; at += 2) {
      const last = ranges[at + 1] ?? 0;
      for (let index = this.#indexOf(ranges[at] ?? 0); (this.#starts[index] ?? MAX_RUNE + 1) <= last; index += 1) {
        const before = this.#numbers[index] ?? 0;
        let number = inside.get(before);
        if (number === undefined) inside.set(before, (number = this.#next++));
        this.#numbers[index] = number;
      }
    }
  }
}

/** Each set of characters that it tells from others, once. */
function* partsOf({ ops, args, sets }: Code, assertions: number): Iterable<ArrayLike<number>> {
  yield* sets;
  const chars = new Set(args.filter((_, pc) => ops[pc] === Op.CHAR));
  for (const rune of chars) yield [rune, rune];
  const isLined = (assertions & (Assertion.BEGIN_LINE | Assertion.END_LINE)) !== 0;
  if (isLined || ops.includes(Op.ANY_IN_LINE)) yield LINE_FEED;
  if ((assertions & (Assertion.WORD_BOUNDARY | Assertion.NO_WORD_BOUNDARY)) !== 0) yield WORD;
}
