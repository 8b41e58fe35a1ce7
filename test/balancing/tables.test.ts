import { describe, expect, it } from "vitest";
import { keptTable } from "../../src/balancing/tables.ts";
import { groupOf, weighing } from "./balancers.ts";

const ALL_BYTES = 32 * 1_048_576;

describe("the tables of consistent hashing", () => {
  const key = { kind: "sourceIp" } as const;
  const others = (bytes: number): void =>
    void keptTable(
      () => new Uint8Array(bytes),
      ({ byteLength }) => byteLength,
    )();

  it.each([
    { name: "ring", group: () => groupOf(weighing(1, 2), { ring: 1_024, key }), of: "ring" },
    { name: "Maglev table", group: () => groupOf(weighing(1, 2), { maglev: 1_021, key }), of: "maglev" },
  ] as const)("take a bounded part of memory: the oldest $name makes room, and is made again", ({ group, of }) => {
    const made = group();
    const table = made[of]();
    others(ALL_BYTES / 2);
    expect(made[of]()).toBe(table);
    others(ALL_BYTES);
    const again = made[of]();
    expect(again).not.toBe(table);
    expect(again).toEqual(table);
    expect(made[of]()).toBe(again);
  });
});
