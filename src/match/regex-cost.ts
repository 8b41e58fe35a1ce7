import { RE2JS } from "re2js";

/**
 * What the regular expressions of authors may cost, all in one place (R17). To compile one takes about two microseconds an
 * instruction, here in control when it is written; an isolate reads its program when its slice is linked, in less; to match a
 * value takes at most its instructions times the value's length.
 */
export const MAX_REGEX_LENGTH = 1_024;
/** Instructions of one compiled program. */
export const MAX_PROGRAM_SIZE = 2_000;
/** Without case each character of a range is looked up as the expression is compiled: of some millions it takes a second. */
export const MAX_FOLDED = 250_000;
/** Of all that one write brings, each expression once: half a second. */
export const MAX_WRITE_COST = 250_000;
/** Of all in the slice of one host, which control compiles and an isolate reads in one go: in that time it serves nobody. */
export const MAX_SLICE_COST = 100_000;

/** In instructions: what a class of characters costs by itself, and how many characters without case cost one. */
const CLASS_COST = 20;
const FOLDED_A_UNIT = 60;

/** Of Unicode's characters the last that has another case. */
const LAST_WITH_CASE = 0x1e943;
/** Characters of a class of Unicode's that are looked up one by one. */
const UNICODE_CLASS_SIZE = 5_000;

/** A range of a class, in whatever place its characters are written. */
const RANGE = /(\\x\{[0-9a-f]{1,6}\}|\\x[0-9a-f]{2}|[^\\])-(\\x\{[0-9a-f]{1,6}\}|\\x[0-9a-f]{2}|[^\\])/giu;
const UNICODE_CLASS = /\\p/gi;
const CLASS = /\[|\\p/gi;

/** @returns how many characters lie in ranges of an expression that asks for no case; 0 where it asks for case */
export function foldedCharacters(regex: string): number {
  if (!/\(\?[a-z<>]*i/i.test(regex)) return 0;
  const codeOf = (text: string): number =>
    text.startsWith("\\x") ? Number.parseInt(text.replaceAll(/[^0-9a-f]/gi, ""), 16) : (text.codePointAt(0) ?? 0);
  const ranges = [...regex.matchAll(RANGE)].reduce(
    (sum, [, from = "", to = ""]) => sum + Math.max(0, Math.min(codeOf(to), LAST_WITH_CASE) - codeOf(from)),
    0,
  );
  return ranges + countOf(regex, UNICODE_CLASS) * UNICODE_CLASS_SIZE;
}

function countOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

interface Measured {
  /** Instructions; null: it is no expression of RE2. */
  readonly size: number | null;
  /** What to compile it costs, in instructions. */
  readonly cost: number;
}

/** Those that were measured last: an expression is looked at more than once on its way into the store. */
const known = new Map<string, Measured>();
const MAX_KNOWN = 4_096;

/** Compiles an expression that is not too long, unless that was done just now. */
export function measure(regex: string): Measured {
  const before = known.get(regex);
  if (before !== undefined) return before;
  const measured = compiled(regex);
  if (known.size >= MAX_KNOWN) for (const oldest of known.keys()) if (known.delete(oldest)) break;
  known.set(regex, measured);
  return measured;
}

function compiled(regex: string): Measured {
  const classes = countOf(regex, CLASS) * CLASS_COST + Math.ceil(foldedCharacters(regex) / FOLDED_A_UNIT);
  try {
    const size = RE2JS.compile(regex).programSize();
    return { size, cost: size + classes };
  } catch {
    return { size: null, cost: classes };
  }
}

/** What was spent since a write began; null: nobody counts. */
let budget: { left: number; readonly paid: Set<string> } | null = null;

/** Counts what all expressions of one write cost together. @param task synchronous */
export function underOneBudget<T>(task: () => T): T {
  budget = { left: MAX_WRITE_COST, paid: new Set() };
  try {
    return task();
  } finally {
    budget = null;
  }
}

/** @returns whether the write's budget holds this expression, too; one that is there twice is paid once */
export function isAffordable(regex: string): boolean {
  if (budget === null || budget.paid.has(regex)) return true;
  // What comes after the one that was too much is not compiled at all.
  if (budget.left < 0) return false;
  budget.left -= measure(regex).cost;
  budget.paid.add(regex);
  return budget.left >= 0;
}
