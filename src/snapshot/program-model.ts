/**
 * An expression of RE2 that control compiled, for the machine of `src/match/machine.ts`: data alone, so that no gateway reads a
 * pattern. It starts at its first instruction.
 */
export interface Program {
  /** Three numbers an instruction: its `Op`, where it goes on, and its argument, 0 where it has none. */
  readonly code: readonly number[];
  /** How many groups there are beside the whole match. */
  readonly groups: number;
}

/** First and last character of each range in order, every number by how much it is more than the one before it. */
export type CharacterSet = readonly number[];

/** All of a root or slice. */
export interface Programs {
  /** Those that instructions name by number: each once, for one of Unicode's is thousands of characters long. */
  readonly sets?: readonly CharacterSet[];
  /** By the pattern. One that is not there could not be compiled. */
  readonly code: Readonly<Record<string, Program>>;
}

export const Op = {
  /** It ends here, without a match. */
  FAIL: 0,
  /** It goes on in both places, the argument's counts for less. */
  ALT: 1,
  /** The place in the text is kept: twice the group's number where it begins, one more where it ends. */
  CAPTURE: 2,
  /** All of the argument's assertions must hold: `Assertion`. */
  ASSERT: 3,
  MATCH: 4,
  /** The argument's character comes next; */
  CHAR: 5,
  /** one of the set with the argument's number; */
  SET: 6,
  /** any; */
  ANY: 7,
  /** any but a line feed. */
  ANY_IN_LINE: 8,
} as const;

/** As RE2 numbers them. */
export const Assertion = {
  BEGIN_LINE: 1,
  END_LINE: 2,
  BEGIN_TEXT: 4,
  END_TEXT: 8,
  WORD_BOUNDARY: 16,
  NO_WORD_BOUNDARY: 32,
} as const;
