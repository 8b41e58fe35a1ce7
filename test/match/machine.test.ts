import { RE2JS } from "re2js";
import { describe, expect, it } from "vitest";
import { programsOf } from "../../src/compile/programs.ts";
import { linkWith, Machine, machineOf } from "../../src/match/machine.ts";
import { compilePattern } from "../../src/match/pattern-compiler.ts";
import { arePrograms } from "../../src/match/program.ts";
import { times } from "../support/scale.ts";

/** As it arrives at a gateway: by way of JSON. */
function machineFor(pattern: string): Machine {
  const program = compilePattern(pattern);
  if (program === null) throw new Error(`no program of ${pattern}`);
  const sent: unknown = JSON.parse(JSON.stringify({ sets: program.sets, code: { program } }));
  if (!arePrograms(sent)) throw new Error(`no gateway takes the program of ${pattern}`);
  return new Machine(sent.code["program"] ?? program, sent.sets ?? []);
}

/** All matches, one behind the other, with their groups. */
function matchesOf(machine: Machine, text: string): readonly (readonly number[])[] {
  const all: number[][] = [];
  for (let from = 0; from <= text.length;) {
    const found = machine.captures.search(text, from);
    if (found === null || found === undefined) break;
    all.push([...found]);
    const [start = 0, end = 0] = found;
    from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
  }
  return all;
}

function matchesOfRe2(pattern: RE2JS, text: string): readonly (readonly number[])[] {
  const all: number[][] = [];
  const matcher = pattern.matcher(text);
  while (matcher.find())
    all.push(
      Array.from({ length: 2 * pattern.groupCount() + 2 }, (_, at) =>
        at % 2 === 0 ? matcher.start(at / 2) : matcher.end((at - 1) / 2),
      ),
    );
  return all;
}

const said = (machine: Machine, text: string) => ({
  matches: machine.matches(text),
  finds: machine.finds(text),
  all: matchesOf(machine, text),
});
const saidByRe2 = (pattern: RE2JS, text: string) => ({
  matches: pattern.matches(text),
  finds: pattern.matcher(text).find(),
  all: matchesOfRe2(pattern, text),
});

/** Numbers that look random and are the same in each run. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor(((this.#state >>> 8) / 2 ** 24) * limit);
  }

  pick(list: readonly string[]): string {
    return list[this.below(list.length)] ?? "";
  }
}

const PLAIN = [
  "a",
  "b",
  "B",
  "k",
  "K",
  "s",
  "S",
  "_",
  "0",
  ".",
  "é",
  "É",
  "ß",
  "ſ",
  "\u212A",
  "σ",
  "😀",
  "𐐀",
  "\uD83D",
  "\uDE00",
];
const CLASSES = [
  "\\d",
  "\\w",
  "\\W",
  "\\s",
  "\\pL",
  "\\PL",
  "\\p{Greek}",
  "[a-c]",
  "[^a]",
  "[^\\n]",
  "[k-s]",
  "[[:alpha:]]",
  "[😀a]",
  "(?s).",
  "\\n",
  "\\x{10428}",
  "[\\x{d800}-\\x{dfff}]",
  "(?i)b",
  "(?i)k",
  "(?i)s",
  "(?i)[a-k]",
  "(?i)ß",
  "(?i)σ",
  "(?i)𐐀",
];
const PLACES = ["^", "$", "\\A", "\\z", "\\b", "\\B", "(?m)^", "(?m)$", ""];
const REPEATED = ["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,3}?"];
const TEXT = [...PLAIN, "A", "\n", " ", "9", "-", "c", "ς", "Σ", "ẞ", "𐐨"];

function randomPattern(dice: Dice, depth: number): string {
  const inner = (): string => randomPattern(dice, depth - 1);
  switch (dice.below(depth > 0 ? 10 : 3)) {
    case 0:
      return dice.pick(PLAIN);
    case 1:
      return dice.pick(CLASSES);
    case 2:
      return dice.pick(PLACES);
    case 3:
      return `(${inner()})`;
    case 4:
      return `(?:${inner()}|${inner()})`;
    case 5:
      return `(${inner()}|${inner()})`;
    case 6:
      return `(?i:${inner()})`;
    case 7:
      return `(?:${inner()})${dice.pick(REPEATED)}`;
    default:
      return inner() + inner();
  }
}

describe("a program", () => {
  const COUNT = times(2_000, 20_000);
  it(`matches as RE2 does: ${COUNT} random patterns and texts`, { timeout: 60_000 }, () => {
    const dice = new Dice(20_261_130);
    const counts = { matches: 0, groups: 0 };
    for (let tried = 0; tried < COUNT;) {
      const pattern = randomPattern(dice, 4);
      const re2 = RE2JS.compile(pattern);
      const machine = machineFor(pattern);
      for (let texts = 0; texts < 5; texts += 1, tried += 1) {
        const text = Array.from({ length: dice.below(9) }, () => dice.pick(TEXT)).join("");
        const want = saidByRe2(re2, text);
        const got = said(machine, text);
        if (JSON.stringify(got) !== JSON.stringify(want))
          expect({ pattern, text, ...got }).toEqual({ pattern, text, ...want });
        if (want.matches) counts.matches += 1;
        if (want.all.some((groups) => groups.length > 2)) counts.groups += 1;
      }
    }
    // The sample is worth something: it holds what can be told.
    expect(counts.matches).toBeGreaterThan(COUNT / 50);
    expect(counts.groups).toBeGreaterThan(COUNT / 10);
  });

  it.each([
    // What versions of RE2JS before 2.9 matched wrongly.
    ["(B\\B|(?i)b)", ["b", "B", "Bb", "bB", ""]],
    ["(?i)k", ["k", "K", "\u212A", "j"]],
    ["(?i)ſ", ["s", "S", "ſ"]],
    ["(a|ab)(c|bcd)(d*)", ["abcd", "acd"]],
    ["(a*)*", ["", "aa", "b"]],
    ["(|a)+", ["", "aaa"]],
    ["(a*?)*?b", ["aab"]],
    ["(?:)", ["", "a"]],
    ["[^\\x00-\\x{10FFFF}]", ["", "a"]],
    ["a\\z\\b", ["a"]],
    ["^(a+)+$", [`${"a".repeat(5_000)}b`]],
    ["\\pL+|(?i)[^a-z]", ["Ωmega", "1", "😀😀"]],
  ])("of %j is as RE2 has it", (pattern, texts) => {
    const re2 = RE2JS.compile(pattern);
    for (const text of texts) expect(said(machineFor(pattern), text)).toEqual(saidByRe2(re2, text));
  });

  it("of many states matches as RE2 does, also where they are forgotten, or not kept at all", () => {
    const dice = new Dice(7);
    for (const pattern of ["(a|b)*a(a|b){9}", "(?:a|b)*a(?:a|b){60}b", "(\\pL|b)*a\\w{200}(a|b)"]) {
      const [re2, machine] = [RE2JS.compile(pattern), machineFor(pattern)];
      for (const length of [300, 1_000, 60, 300])
        for (const last of ["a", "b"]) {
          const text = Array.from({ length }, () => dice.pick(["a", "b"])).join("") + last;
          expect([machine.matches(text), machine.finds(text)]).toEqual([re2.matches(text), re2.test(text)]);
        }
    }
  });
});

describe("the programs of a part of the model", () => {
  it("are one for each pattern, wherever it stands", () => {
    const programs = programsOf({
      routes: [{ uri: { kind: "regex", value: "a" } }, { uri: { kind: "regex", value: "a" } }],
      path: { kind: "template", value: "/{*}.x/{**}" },
      rewrite: { regex: { match: "b", rewrite: "\\0" } },
      filter: { kind: "not", of: { kind: "matches", of: { kind: "value", value: "x" }, regex: "c" } },
      other: [{ kind: "exact", value: "d" }, { kind: "regex", value: "(" }, null],
    });
    expect(Object.keys(programs?.code ?? {}).sort()).toEqual(["/[^/]+\\.x/.*", "a", "b", "c"]);
    expect(programsOf({ kind: "exact", value: "d" })).toBeUndefined();
  });

  it("name each set of characters once, however many of them have it", () => {
    const alone = programsOf([{ kind: "regex", value: "\\pL+" }]);
    const patterns = ["\\pL+", "\\pL\\d", "[a-z]\\pL", "x\\d"];
    const programs = programsOf(patterns.map((value) => ({ kind: "regex", value })));
    expect(programs?.sets?.length).toBe(3);
    expect(JSON.stringify(programs).length).toBeLessThan(JSON.stringify(alone).length + 600);
    for (const pattern of patterns) {
      const machine = linkWith(programs, () => machineOf(pattern));
      for (const text of ["é", "é1", "aé", "x1", "1", ""])
        expect([pattern, text, machine?.matches(text)]).toEqual([pattern, text, RE2JS.compile(pattern).matches(text)]);
    }
  });

  const PROGRAM = { code: [6, 1, 0, 4, 0, 0], sets: [[48, 9]], groups: 0 };
  it.each([
    ["no list of numbers", { ...PROGRAM, code: "645" }],
    ["half an instruction", { ...PROGRAM, code: [6, 1, 0, 4] }],
    ["no instruction", { ...PROGRAM, code: [] }],
    ["an instruction that there is not", { ...PROGRAM, code: [9, 0, 0] }],
    ["a way out of it", { ...PROGRAM, code: [6, 2, 0, 4, 0, 0] }],
    ["a way in front of it", { ...PROGRAM, code: [6, -1, 0, 4, 0, 0] }],
    ["a second way out of it", { ...PROGRAM, code: [1, 1, 2, 4, 0, 0] }],
    ["a set that there is not", { ...PROGRAM, code: [6, 1, 1, 4, 0, 0] }],
    ["no set", { ...PROGRAM, sets: [] }],
    ["a set of one end", { ...PROGRAM, sets: [[48]] }],
    ["a set that goes back", { ...PROGRAM, sets: [[48, -1]] }],
    ["a set beyond Unicode", { ...PROGRAM, sets: [[0x10ffff, 1]] }],
    ["a group that there is not", { ...PROGRAM, code: [2, 1, 2, 4, 0, 0] }],
    ["a number with a fraction", { ...PROGRAM, code: [6, 0.5, 0, 4, 0, 0] }],
    ["more instructions than any has", { ...PROGRAM, code: Array.from({ length: 15_000 }, () => 0) }],
    ["no groups", { code: PROGRAM.code, sets: PROGRAM.sets }],
    ["nothing", null],
  ])("are refused with %s", (_, program) => {
    const { sets } = PROGRAM;
    const own = program !== null && "sets" in program ? program.sets : sets;
    expect(arePrograms({ sets, code: { a: PROGRAM } })).toBe(true);
    expect(arePrograms({ sets: own, code: { a: PROGRAM, b: program } })).toBe(false);
    expect(arePrograms({ sets, code: [PROGRAM] })).toBe(false);
    expect(arePrograms({ sets, a: PROGRAM })).toBe(false);
    expect(arePrograms({ sets: {}, code: {} })).toBe(false);
  });

  it("end whatever they say: one that goes round and round matches nothing", () => {
    const program = { code: [1, 0, 1, 2, 0, 0], groups: 0 };
    expect(arePrograms({ code: { program } })).toBe(true);
    expect(said(new Machine(program, []), "ab")).toEqual({ matches: false, finds: false, all: [] });
  });
});
