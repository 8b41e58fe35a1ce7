import { Assertion, Op } from "../snapshot/program-model.ts";
import { between, type Code, takes } from "./program.ts";

/** Bits that say where the program was in the text: 8 MB, more than the largest program needs for the longest path. */
const MAX_VISITED = 64 * 1024 * 1024;

/** Shared by all: one search runs at a time. */
let visited = new Uint32Array(0);

/**
 * Finds where a program matches, and its groups: the leftmost match, and of those the one that the author's order prefers. It
 * goes back where it fails, and never to the same place of the program and the text twice: the time is bounded by
 * instructions times characters.
 */
export class Captures {
  readonly #code: Code;
  readonly #first: string | null;
  /** Places that are left to try; where a number is negative, a group's end is set back. */
  readonly #pending: number[] = [];

  constructor(code: Code) {
    this.#code = code;
    this.#first = firstOf(code);
  }

  get groups(): number {
    return this.#code.groups;
  }

  get instructions(): number {
    return this.#code.count;
  }

  /**
   * @param from where to look from on
   * @returns begin and end of the match and of each group, -1 where it took no part; null: there is none; undefined: the text is too long
   */
  search(text: string, from: number): Int32Array | null | undefined {
    const bits = this.#code.count * (text.length - from + 1);
    if (bits > MAX_VISITED) return undefined;
    const words = (bits + 31) >>> 5;
    if (visited.length < words) visited = new Uint32Array(Math.max(words, 2 * visited.length));
    else visited.fill(0, 0, words);
    const found = new Int32Array(2 * this.#code.groups + 2).fill(-1);
    const isAnchored = (this.#code.asserted & Assertion.BEGIN_TEXT) !== 0;
    for (let at = from; at <= text.length; at += widthAt(text, at)) {
      if (isAnchored && at > 0) return null;
      if (this.#first !== null) at = text.indexOf(this.#first, at);
      if (at < 0) return null;
      if (this.#matches(text, from, at, found)) {
        found[0] = at;
        return found;
      }
    }
    return null;
  }

  #matches(text: string, from: number, begin: number, found: Int32Array): boolean {
    const { count, ops, outs, args } = this.#code;
    const pending = this.#pending;
    pending.length = 0;
    pending.push(0, begin);
    while (pending.length > 0) {
      let at = pending.pop() ?? 0;
      let pc = pending.pop() ?? 0;
      if (pc < 0) {
        found[-1 - pc] = at;
        continue;
      }
      for (;;) {
        const bit = (at - from) * count + pc;
        const word = visited[bit >>> 5] ?? 0;
        if ((word & (1 << (bit & 31))) !== 0) break;
        visited[bit >>> 5] = word | (1 << (bit & 31));
        const argument = args[pc] ?? 0;
        const op = ops[pc];
        if (op === Op.MATCH) {
          found[1] = at;
          return true;
        }
        if (op === Op.ALT) pending.push(argument, at);
        else if (op === Op.CAPTURE) {
          pending.push(-1 - argument, found[argument] ?? -1);
          found[argument] = at;
        } else if (op === Op.ASSERT) {
          if ((argument & ~assertedAt(text, at)) !== 0) break;
        } else {
          const rune = text.codePointAt(at);
          if (rune === undefined || !takes(this.#code, pc, rune)) break;
          at += rune > 0xffff ? 2 : 1;
        }
        pc = outs[pc] ?? 0;
      }
    }
    return false;
  }
}

function assertedAt(text: string, at: number): number {
  const before = at === 0 ? -1 : text.charCodeAt(at - 1);
  return between(before, at === text.length ? -1 : text.charCodeAt(at));
}

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** The character that every match begins with; null: there is none, or it may be half of another. */
function firstOf({ ops, outs, args }: Code): string | null {
  let pc = 0;
  for (let steps = 0; ops[pc] === Op.CAPTURE && steps < ops.length; steps += 1) pc = outs[pc] ?? 0;
  const rune = args[pc] ?? 0;
  return ops[pc] === Op.CHAR && (rune < 0xd800 || rune > 0xdfff) ? String.fromCodePoint(rune) : null;
}
