import { describe, expect, it } from "vitest";
import { ROOM } from "../../src/match/automaton.ts";
import { Machine } from "../../src/match/machine.ts";
import { compilePattern } from "../../src/match/pattern-compiler.ts";
import { LAST_ROUND, Reached } from "../../src/match/reached.ts";
import { Room, StateTable } from "../../src/match/state-table.ts";

function machineFor(pattern: string): Machine {
  const program = compilePattern(pattern);
  if (program === null) throw new Error(`no program of ${pattern}`);
  return new Machine(program, program.sets);
}

const state = (...threads: number[]) => ({ threads: Int32Array.from(threads), before: 32 });

describe("the instructions that a round reached", () => {
  it("are told from those of all rounds before it, also where rounds are counted anew", () => {
    const reached = new Reached(4, 3);
    for (let round = 0; round < 20; round += 1) {
      reached.begin();
      // Those of each round differ, so that a number that comes again would be taken for this round's.
      const some = [0, 1, 2, 3].filter((pc) => ((round >> pc) & 1) === 0);
      expect(some.map((pc) => reached.add(pc))).toEqual(some.map(() => true));
      expect(some.map((pc) => reached.add(pc))).toEqual(some.map(() => false));
    }
  });

  it("are counted anew before a round is too large for what keeps it", () => {
    expect(Int32Array.of(LAST_ROUND)[0]).toBe(LAST_ROUND);
  });
});

describe("the states that are known", () => {
  it("of all automata take no more room than there is: those that have not grown for longest are forgotten", () => {
    const room = new Room(200);
    const tables = Array.from({ length: 10 }, () => new StateTable(3, room));
    for (let round = 0; round < 50; round += 1)
      for (const table of tables) {
        const row = table.rowOf(state(round, round + 1));
        expect(table.at(row)?.threads).toEqual(Int32Array.of(round, round + 1));
        expect(room.taken).toBeLessThanOrEqual(200);
        expect(room.taken).toBe(tables.reduce((sum, { taken }) => sum + taken, 0));
      }
    expect(tables.at(0)?.isEmpty).toBe(true);
    expect(tables.at(-1)?.isEmpty).toBe(false);
  });

  it("of many patterns stay within the isolate's room, and the patterns match as before", () => {
    const machines = Array.from({ length: 60 }, (_, at) => machineFor(`[ab]*a[ab]{14}x${at}`));
    let seed = 7;
    const letter = (): string => (((seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 16) & 1 ? "a" : "b");
    for (let round = 0; round < 8; round += 1) {
      const text = Array.from({ length: 150 }, letter).join("");
      for (const [at, machine] of machines.entries()) {
        expect(machine.matches(text)).toBe(false);
        if (round === 0) expect(machine.matches(`${text}a${"b".repeat(14)}x${at}`)).toBe(true);
        expect(ROOM.taken).toBeLessThanOrEqual(ROOM.cells);
      }
    }
    // What is told is worth something: without a bound it would have been more.
    expect(ROOM.taken).toBeGreaterThan(ROOM.cells / 2);
  });
});
