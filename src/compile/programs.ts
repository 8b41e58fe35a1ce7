import { type CompiledPattern, compilePattern } from "../match/pattern-compiler.ts";
import { arePrograms } from "../match/program.ts";
import { templatePattern } from "../match/string-match.ts";
import { FORMAT, FORMAT_WITH_PROGRAMS, type Slice } from "../snapshot/model.ts";
import { type CharacterSet, Op, type Program, type Programs } from "../snapshot/program-model.ts";

/** Numbers of all programs that are kept: patterns stay the same while all else changes. */
const MAX_KEPT = 1_000_000;

const known = new Map<string, CompiledPattern | null>();
let kept = 0;

/** Programs of all patterns that some part of the model names, wherever they stand. @returns undefined where it names none */
export function programsOf(part: unknown): Programs | undefined {
  const numbers = new Map<string, number>();
  const sets: CharacterSet[] = [];
  const numberOf = (set: CharacterSet): number => {
    const text = set.join();
    const number = numbers.get(text) ?? sets.push(set) - 1;
    numbers.set(text, number);
    return number;
  };
  const code = [...patternsIn(part)].flatMap((pattern) => {
    const program = programFor(pattern);
    return program === null ? [] : [[pattern, withNumbers(program, program.sets.map(numberOf))] as const];
  });
  if (code.length === 0) return undefined;
  return { ...(sets.length > 0 && { sets }), code: Object.fromEntries(code) };
}

/** @param numbers of its sets among all, in its order */
function withNumbers({ code, groups }: CompiledPattern, numbers: readonly number[]): Program {
  const isSet = (at: number): boolean => at % 3 === 2 && code[at - 2] === Op.SET;
  return { code: code.map((number, at) => (isSet(at) ? (numbers[number] ?? 0) : number)), groups };
}

/** Patterns that some part of the model names, each once. */
export function patternsIn(part: unknown): ReadonlySet<string> {
  const patterns = new Set<string>();
  collect(part, patterns);
  return patterns;
}

/** A slice of an older control, as it is read now. */
export function withPrograms(slice: Slice): Slice {
  if (slice.format >= FORMAT_WITH_PROGRAMS) return slice;
  const programs = programsOf(slice);
  return { ...slice, format: FORMAT, ...(programs && { programs }) };
}

function collect(part: unknown, into: Set<string>): void {
  if (typeof part !== "object" || part === null) return;
  const pattern = Array.isArray(part) ? null : patternOf(part);
  if (pattern !== null) into.add(pattern);
  for (const each of Object.values(part)) collect(each, into);
}

interface MayHavePattern {
  readonly kind?: unknown;
  readonly value?: unknown;
  readonly regex?: unknown;
  readonly match?: unknown;
  readonly rewrite?: unknown;
}

/** `StringMatch`, `RegexRewrite` and `CompiledExpression` name one. */
function patternOf({ kind, value, regex, match, rewrite }: MayHavePattern): string | null {
  if (kind === "regex" && typeof value === "string") return value;
  if (kind === "template" && typeof value === "string") return templatePattern(value);
  if (kind === "matches" && typeof regex === "string") return regex;
  return typeof match === "string" && typeof rewrite === "string" ? match : null;
}

function programFor(pattern: string): CompiledPattern | null {
  const before = known.get(pattern);
  if (before !== undefined) return before;
  const program = runnable(compilePattern(pattern));
  for (const oldest of known.keys()) {
    if (kept + sizeOf(program) <= MAX_KEPT) break;
    kept -= sizeOf(known.get(oldest) ?? null);
    known.delete(oldest);
  }
  kept += sizeOf(program);
  known.set(pattern, program);
  return program;
}

/** One that gateways would not take is left out, as those that cannot be compiled: they would refuse all that it stands in. */
function runnable(program: CompiledPattern | null): CompiledPattern | null {
  return program !== null && arePrograms({ sets: program.sets, code: { program } }) ? program : null;
}

function sizeOf(program: CompiledPattern | null): number {
  return (program?.sets ?? []).reduce((sum, set) => sum + set.length, 20 + (program?.code.length ?? 0));
}
