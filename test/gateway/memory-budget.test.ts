import { describe, expect, it } from "vitest";
import { MemoryBudget } from "../../workers/gateway/memory-budget.ts";

const MIB = 1_048_576;

describe("the memory of an isolate that requests hold", () => {
  it("is 12 MiB for what they can do without: clients that are slow there close nothing that asks an authorizer", () => {
    const memory = new MemoryBudget();
    expect([memory.take(12 * MIB), memory.take(1)]).toEqual([true, false]);
    expect([memory.takeNeeded(4 * MIB), memory.takeNeeded(1)]).toEqual([true, false]);
  });

  it("is 16 MiB for what they cannot do without", () => {
    const memory = new MemoryBudget();
    expect([memory.takeNeeded(16 * MIB), memory.take(0)]).toEqual([true, false]);
  });

  it("is there again once it is given back", () => {
    const memory = new MemoryBudget();
    expect(memory.take(12 * MIB)).toBe(true);
    memory.give(MIB);
    expect([memory.take(MIB), memory.take(1)]).toEqual([true, false]);
  });
});
