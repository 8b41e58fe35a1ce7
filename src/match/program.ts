import { type CharacterSet, Op, type Program, type Programs } from "../snapshot/program-model.ts";

/** Of Unicode the last character. */
export const MAX_RUNE = 0x10ffff;
/** An expression's bound in control (`regex-cost.ts`), with room. */
const MAX_INSTRUCTIONS = 4_096;
const MAX_GROUPS = 1_024;
const ALL_ASSERTIONS = 63;

/** Whether a machine can run all of them: every number is in its range, so that none leads out of its program. */
export function arePrograms(value: unknown): value is Programs {
  if (!isRecord(value)) return false;
  const { sets = [], code } = value;
  if (!Array.isArray(sets) || !sets.every(isSet) || !isRecord(code)) return false;
  return Object.values(code).every((program) => isProgram(program, sets.length));
}

function isProgram(value: unknown, sets: number): value is Program {
  if (!isRecord(value)) return false;
  const { code, groups } = value;
  if (!Array.isArray(code) || !isBelow(groups, MAX_GROUPS)) return false;
  const count = code.length / 3;
  if (!Number.isInteger(count) || count < 1 || count > MAX_INSTRUCTIONS) return false;
  for (let pc = 0; pc < count; pc += 1) {
    const [op, out, argument] = code.slice(3 * pc, 3 * pc + 3) as unknown[];
    if (!isBelow(out, count) || !isBelow(argument, limitOf(op, count, sets, groups))) return false;
  }
  return true;
}

/** Below which an instruction's argument must be; 0: there is no such instruction. */
function limitOf(op: unknown, count: number, sets: number, groups: number): number {
  switch (op) {
    case Op.ALT:
      return count;
    case Op.CAPTURE:
      return 2 * groups + 2;
    case Op.ASSERT:
      return ALL_ASSERTIONS + 1;
    case Op.CHAR:
      return MAX_RUNE + 1;
    case Op.SET:
      return sets;
    case Op.FAIL:
    case Op.MATCH:
    case Op.ANY:
    case Op.ANY_IN_LINE:
      return 1;
    default:
      return 0;
  }
}

function isSet(value: unknown): boolean {
  if (!Array.isArray(value) || value.length % 2 !== 0) return false;
  let at = 0;
  for (const step of value as unknown[]) {
    if (!isBelow(step, MAX_RUNE + 1)) return false;
    at += step;
  }
  return at <= MAX_RUNE;
}

function isBelow(value: unknown, limit: number): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < limit;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A program made ready. */
export interface Code {
  readonly count: number;
  readonly ops: Uint8Array;
  readonly outs: Uint16Array;
  readonly args: Int32Array;
  /** First and last character of each range. */
  readonly sets: readonly Int32Array[];
  readonly groups: number;
  /** Assertions that hold wherever it begins. */
  readonly asserted: number;
}

/**
 * @param program one of those that `arePrograms` let pass
 * @param table of the sets that it names, maybe among others
 */
export function readCode({ code, groups }: Program, table: readonly CharacterSet[]): Code {
  const count = code.length / 3;
  const column = (of: number): number[] => Array.from({ length: count }, (_, pc) => code[3 * pc + of] ?? 0);
  const ops = Uint8Array.from(column(0));
  const outs = Uint16Array.from(column(1));
  const args = Int32Array.from(column(2));
  const named = [...new Set(args.filter((_, pc) => ops[pc] === Op.SET))];
  const sets = named.map((number) => readSet(table[number] ?? []));
  args.forEach((argument, pc) => {
    if (ops[pc] === Op.SET) args[pc] = named.indexOf(argument);
  });
  return { count, ops, outs, args, sets, groups, asserted: assertedBy(ops, outs, args) };
}

/** Each is read once, however many programs name it. */
const read = new WeakMap<CharacterSet, Int32Array>();

function readSet(steps: CharacterSet): Int32Array {
  let set = read.get(steps);
  let at = 0;
  if (set === undefined) read.set(steps, (set = Int32Array.from(steps, (step) => (at += step))));
  return set;
}

function assertedBy(ops: Uint8Array, outs: Uint16Array, args: Int32Array): number {
  let asserted = 0;
  for (let pc = 0, steps = 0; steps < ops.length; pc = outs[pc] ?? 0, steps += 1) {
    if (ops[pc] === Op.ASSERT) asserted |= args[pc] ?? 0;
    else if (ops[pc] !== Op.CAPTURE) break;
  }
  return asserted;
}

/** Whether a set holds a character. */
function isIn(set: Int32Array, rune: number): boolean {
  let [low, high] = [0, set.length >> 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rune > (set[2 * middle + 1] ?? 0)) low = middle + 1;
    else high = middle;
  }
  return 2 * low < set.length && rune >= (set[2 * low] ?? 0);
}

const LINE_FEED = 10;

/** Whether an instruction takes a character. */
export function takes({ ops, args, sets }: Code, pc: number, rune: number): boolean {
  const argument = args[pc] ?? 0;
  switch (ops[pc] ?? Op.FAIL) {
    case Op.CHAR:
      return rune === argument;
    case Op.SET: {
      const set = sets[argument];
      return set !== undefined && isIn(set, rune);
    }
    case Op.ANY:
      return true;
    case Op.ANY_IN_LINE:
      return rune !== LINE_FEED;
    default:
      return false;
  }
}

function isWord(code: number): boolean {
  return (code > 96 && code < 123) || (code > 64 && code < 91) || (code > 47 && code < 58) || code === 95;
}

/** Which assertions hold between two characters, -1 for either end of the text. */
export function between(before: number, after: number): number {
  const lines = (before < 0 ? 5 : before === LINE_FEED ? 1 : 0) | (after < 0 ? 10 : after === LINE_FEED ? 2 : 0);
  return lines | (isWord(before) === isWord(after) ? 32 : 16);
}
