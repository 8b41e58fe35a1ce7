import type { CharacterSet, Program, Programs } from "../snapshot/program-model.ts";
import { Automaton } from "./automaton.ts";
import { Captures } from "./captures.ts";
import { type Code, readCode } from "./program.ts";

/** Runs one pattern as RE2 does, in linear time. What a question needs is made when it is first asked. */
export class Machine {
  readonly #code: Code;
  #whole: Automaton | null = null;
  #anywhere: Automaton | null = null;
  #captures: Captures | null = null;

  /** @param sets those that the program names, maybe among others */
  constructor(program: Program, sets: readonly CharacterSet[]) {
    this.#code = readCode(program, sets);
  }

  /** The whole text. */
  matches(text: string): boolean {
    return (this.#whole ??= new Automaton(this.#code, false)).test(text);
  }

  /** Some part of the text. */
  finds(text: string): boolean {
    return (this.#anywhere ??= new Automaton(this.#code, true)).test(text);
  }

  get captures(): Captures {
    return (this.#captures ??= new Captures(this.#code));
  }
}

/** What is being linked: its programs, and the machines that were made of them. */
let linking: { readonly programs: Programs; readonly machines: Map<string, Machine> } | null = null;

/**
 * Links what names patterns, each of which is one machine however many matches name it: a delegation joins the same blocks with
 * many others.
 *
 * @param programs of what is linked; absent: it has no patterns
 * @param link synchronous
 */
export function linkWith<T>(programs: Programs | undefined, link: () => T): T {
  linking = { programs: programs ?? { code: {} }, machines: new Map() };
  try {
    return link();
  } finally {
    linking = null;
  }
}

/** @returns null where control could not compile the pattern */
export function machineOf(pattern: string): Machine | null {
  if (linking === null) throw new Error("a pattern is linked together with its programs");
  const { programs, machines } = linking;
  let machine = machines.get(pattern) ?? null;
  const program = Object.hasOwn(programs.code, pattern) ? programs.code[pattern] : undefined;
  if (machine === null && program !== undefined)
    machines.set(pattern, (machine = new Machine(program, programs.sets ?? [])));
  return machine;
}
