import { RE2JS } from "re2js";
import { type CharacterSet, Op, type Program } from "../snapshot/program-model.ts";
import { MAX_RUNE } from "./program.ts";

/** As RE2JS numbers instructions. */
const ALT = 1;
const ALT_MATCH = 2;
const CAPTURE = 3;
const EMPTY_WIDTH = 4;
const FAIL = 5;
const MATCH = 6;
const NOP = 7;
const RUNE = 8;
const RUNE1 = 9;
const RUNE_ANY = 10;
const RUNE_ANY_NOT_NL = 11;
const FOLD_CASE = 1;

/** What RE2JS makes of a pattern; its types say nothing of it. */
interface Instruction {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  readonly runes: Int32Array;
}

/** A program by itself, with the sets that it names. */
export interface CompiledPattern extends Program {
  readonly sets: readonly CharacterSet[];
}

/** Compiles a pattern for the machine of gateways, which holds no parser. @returns null where it is no expression of RE2 */
export function compilePattern(pattern: string): CompiledPattern | null {
  try {
    const compiled = RE2JS.compile(pattern);
    const { inst, start } = compiled.re2().prog as { readonly inst: readonly Instruction[]; readonly start: number };
    return programOf(inst, start, compiled.groupCount());
  } catch {
    return null;
  }
}

/** Instructions in the order in which they are reached; those that do nothing are left out. */
function programOf(instructions: readonly Instruction[], start: number, groups: number): CompiledPattern {
  const numbers = new Map<number, number>();
  const reached: Instruction[] = [];
  const numberOf = (pc: number): number => {
    const to = behindNops(instructions, pc);
    let number = numbers.get(to);
    if (number === undefined) numbers.set(to, (number = reached.push(at(instructions, to)) - 1));
    return number;
  };
  numberOf(start);
  const sets = new Map<string, number>();
  const code: number[] = [];
  for (const instruction of reached) code.push(...translated(instruction, numberOf, sets));
  return {
    code,
    sets: Array.from(sets.keys(), (steps) => JSON.parse(steps) as number[]),
    groups,
  };
}

function at(instructions: readonly Instruction[], pc: number): Instruction {
  const instruction = instructions[pc];
  if (instruction === undefined) throw new Error(`a program without instruction ${pc}`);
  return instruction;
}

function behindNops(instructions: readonly Instruction[], from: number): number {
  let pc = from;
  for (let steps = 0; at(instructions, pc).op === NOP; steps += 1) {
    if (steps > instructions.length) throw new Error("a program that goes round without end");
    pc = at(instructions, pc).out;
  }
  return pc;
}

function translated(
  { op, out, arg, runes }: Instruction,
  numberOf: (pc: number) => number,
  sets: Map<string, number>,
): readonly [op: number, out: number, argument: number] {
  switch (op) {
    case ALT:
    case ALT_MATCH:
      return [Op.ALT, numberOf(out), numberOf(arg)];
    case CAPTURE:
      return [Op.CAPTURE, numberOf(out), arg];
    case EMPTY_WIDTH:
      return [Op.ASSERT, numberOf(out), arg];
    case FAIL:
      return [Op.FAIL, 0, 0];
    case MATCH:
      return [Op.MATCH, 0, 0];
    case RUNE_ANY:
      return [Op.ANY, numberOf(out), 0];
    case RUNE_ANY_NOT_NL:
      return [Op.ANY_IN_LINE, numberOf(out), 0];
    case RUNE1:
      return [Op.CHAR, numberOf(out), runes[0] ?? 0];
    case RUNE: {
      const steps = stepsOf(runes.length === 1 && (arg & FOLD_CASE) !== 0 ? withOtherCases(runes[0] ?? 0) : runes);
      const number = sets.get(steps) ?? sets.size;
      sets.set(steps, number);
      return [Op.SET, numberOf(out), number];
    }
    default:
      throw new Error(`a program with an instruction ${op}`);
  }
}

function stepsOf(runes: ArrayLike<number>): string {
  return JSON.stringify(Array.from(runes, (rune, index) => rune - (index === 0 ? 0 : (runes[index - 1] ?? 0))));
}

/** Characters by one that has other cases: ranges of all of them. */
const cases = new Map<number, ArrayLike<number>>();

/** RE2JS's own word on which characters are one without case: what it makes of a class of two of which one has none. */
function withOtherCases(rune: number): ArrayLike<number> {
  let ranges = cases.get(rune);
  if (ranges === undefined) {
    const hex = (code: number): string => `\\x{${code.toString(16)}}`;
    const { inst } = RE2JS.compile(`(?i)[${hex(rune)}${hex(MAX_RUNE)}]`).re2().prog as {
      readonly inst: readonly Instruction[];
    };
    const both = inst.find(({ op }) => op === RUNE)?.runes;
    if (both === undefined || both.at(-1) !== MAX_RUNE || both.at(-2) !== MAX_RUNE)
      throw new Error(`no cases of the character ${rune}`);
    cases.set(rune, (ranges = both.slice(0, -2)));
  }
  return ranges;
}
