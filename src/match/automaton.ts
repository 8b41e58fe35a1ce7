import { Assertion, Op } from "../snapshot/program-model.ts";
import { Alphabet } from "./alphabet.ts";
import { between, type Code, takes } from "./program.ts";
import { Reached } from "./reached.ts";
import { Room, type State, StateTable, UNKNOWN } from "./state-table.ts";

/** What the table says in place of a state: it cannot match any more, */
const NO = -1;
/** it matches. */
const YES = -2;

/** Numbers that the states of one automaton take at most; with more it forgets them all and begins anew. */
const MAX_CELLS = 32_768;
/** Of all automata of an isolate, which has 128 MB: they come to about a tenth of it. */
export const ROOM = new Room(1_000_000);
/** A text may make so many new states, and one more for each few characters: past that it is walked without keeping any. */
const MAX_LEARNED = 64;
const CHARACTERS_A_STATE = 4;

/** Stand for what came before, as far as assertions differ by it. */
const BEGIN = -1;
const LINE_FEED = 10;
const LETTER = 97;
const OTHER = 32;

/**
 * Says whether a program matches a text, without where: its threads run side by side, one character after the other, so the time
 * is bounded by instructions times characters, whatever the two are. Where the threads stand is a state with a number, and where a
 * character leads from there is worked out once: the usual text costs a look into a table for each character.
 */
export class Automaton {
  readonly #code: Code;
  /** A match may begin and end anywhere; else it is the whole text. */
  readonly #isSearch: boolean;
  readonly #assertions: number;
  readonly #alphabet: Alphabet;
  readonly #table: StateTable;
  /** Of the step that is worked out: the instructions that it reached, those that wait, those that take a character. */
  readonly #reached: Reached;
  readonly #waiting: Int32Array;
  readonly #takers: Int32Array;
  /** Where every text begins: of its table the first state. */
  readonly #begin: State;
  #isMatch = false;

  constructor(code: Code, isSearch: boolean) {
    const { count, ops, args } = code;
    this.#code = code;
    this.#isSearch = isSearch;
    this.#assertions = args.reduce((all, argument, pc) => (ops[pc] === Op.ASSERT ? all | argument : all), 0);
    this.#alphabet = new Alphabet(code, this.#assertions);
    this.#table = new StateTable(this.#alphabet.size + 1, ROOM);
    this.#reached = new Reached(count);
    this.#waiting = new Int32Array(count);
    this.#takers = new Int32Array(count);
    this.#begin = { threads: new Int32Array(1), before: this.#assertions === 0 ? OTHER : BEGIN };
  }

  test(text: string): boolean {
    const { ascii } = this.#alphabet;
    const { width } = this.#table;
    if (this.#table.isEmpty) this.#table.rowOf(this.#begin);
    let { cells } = this.#table;
    let row = width;
    let learned = 0;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      const letter = unit < 128 ? (ascii[unit] ?? 0) : this.#alphabet.of(text.codePointAt(at) ?? 0);
      let next = cells[row + letter] ?? UNKNOWN;
      if (next === UNKNOWN) {
        learned += 1;
        if (learned > MAX_LEARNED + at / CHARACTERS_A_STATE) return this.#walk(text, at, row);
        next = this.#learn(row, letter);
        cells = this.#table.cells;
      }
      if (next < 0) return next === YES;
      row = next;
      if (unit > 0xd7ff && (text.codePointAt(at) ?? 0) > 0xffff) at += 1;
    }
    const end = cells[row + width - 1] ?? UNKNOWN;
    return (end === UNKNOWN ? this.#learn(row, width - 1) : end) === YES;
  }

  /** Works out where a character leads from a state, and keeps it. */
  #learn(row: number, letter: number): number {
    const table = this.#table;
    const state = table.at(row);
    if (state === undefined) return NO;
    const rune = this.#alphabet.samples[letter] ?? -1;
    const threads = this.#step(state, rune);
    if (typeof threads === "number") {
      table.cells[row + letter] = threads;
      return threads;
    }
    if (table.taken > MAX_CELLS) {
      table.empty();
      table.rowOf(this.#begin);
    }
    const next = table.rowOf({ threads: threads.sort(), before: this.#beforeOf(rune) });
    // Where all was forgotten for it, the row is another's by now.
    if (table.at(row) === state) table.cells[row + letter] = next;
    return next;
  }

  /** From here on without a table. */
  #walk(text: string, from: number, row: number): boolean {
    let state = this.#table.at(row);
    for (let at = from; state !== undefined; at += 1) {
      const rune = text.codePointAt(at) ?? -1;
      const threads = this.#step(state, rune);
      if (typeof threads === "number") return threads === YES;
      state = { threads, before: this.#beforeOf(rune) };
      if (rune > 0xffff) at += 1;
    }
    return false;
  }

  /**
   * @param rune the next character; -1: the text ends
   * @returns the threads behind it, which the next step overwrites, or what is said already
   */
  #step({ threads, before }: State, rune: number): Int32Array | typeof YES | typeof NO {
    const takers = this.#reach(threads, between(before, rune));
    // Of a whole text the match counts at its end alone.
    if (this.#isMatch && (this.#isSearch || rune < 0)) return YES;
    if (rune < 0) return NO;
    const { outs } = this.#code;
    this.#reached.begin();
    let size = 0;
    for (let at = 0; at < takers; at += 1) {
      const pc = this.#takers[at] ?? 0;
      if (takes(this.#code, pc, rune)) size = this.#put(outs[pc] ?? 0, size);
    }
    if (this.#isSearch) size = this.#put(0, size);
    return size === 0 ? NO : this.#waiting.subarray(0, size);
  }

  /** Follows threads up to the instructions that take a character. @returns how many these are */
  #reach(threads: Int32Array, asserted: number): number {
    const { ops, outs, args } = this.#code;
    const waiting = this.#waiting;
    this.#isMatch = false;
    this.#reached.begin();
    let takers = 0;
    let size = 0;
    for (let at = 0; at < threads.length; at += 1) size = this.#put(threads[at] ?? 0, size);
    while (size > 0) {
      const pc = waiting[--size] ?? 0;
      const out = outs[pc] ?? 0;
      switch (ops[pc] ?? Op.FAIL) {
        case Op.FAIL:
          break;
        case Op.MATCH:
          this.#isMatch = true;
          break;
        case Op.ALT:
          size = this.#put(args[pc] ?? 0, this.#put(out, size));
          break;
        case Op.CAPTURE:
          size = this.#put(out, size);
          break;
        case Op.ASSERT:
          if (((args[pc] ?? 0) & ~asserted) === 0) size = this.#put(out, size);
          break;
        default:
          this.#takers[takers++] = pc;
      }
    }
    return takers;
  }

  /** Each instruction is looked at once in a round. @returns how many wait then */
  #put(pc: number, size: number): number {
    if (!this.#reached.add(pc)) return size;
    this.#waiting[size] = pc;
    return size + 1;
  }

  #beforeOf(rune: number): number {
    const { WORD_BOUNDARY, NO_WORD_BOUNDARY, BEGIN_LINE } = Assertion;
    if (rune === LINE_FEED && (this.#assertions & BEGIN_LINE) !== 0) return LINE_FEED;
    const isWord = rune < 128 && (this.#assertions & (WORD_BOUNDARY | NO_WORD_BOUNDARY)) !== 0;
    return isWord && (between(OTHER, rune) & WORD_BOUNDARY) !== 0 ? LETTER : OTHER;
  }
}
