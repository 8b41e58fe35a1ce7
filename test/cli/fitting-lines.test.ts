import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Column, fittingLines, foldedLines } from "../../cli/tulle/output.ts";

const COLUMNS: readonly Column[] = [
  { head: "FROM", shrinks: "front", cells: ["istio-system/istio-ingressgateway", "a/b"] },
  { head: "TO", shrinks: "front", cells: ["default/productpage-v1", "c/d"] },
  { head: "RPS", cells: ["12.0", "1"] },
  { head: "P50", rank: 2, cells: ["12ms", "1ms"] },
  { head: "P99", rank: 1, cells: ["112ms", { text: "1ms", style: "red" }] },
];

it("drops the columns of the highest rank first, then cuts names at their front", () => {
  expect(fittingLines(COLUMNS, 200)[1]).toBe(
    "istio-system/istio-ingressgateway   default/productpage-v1   12.0   12ms   112ms",
  );
  expect(fittingLines(COLUMNS, 78)[0]).not.toContain("P50");
  expect(fittingLines(COLUMNS, 50)[1]).toMatch(/^….*ingressgateway {3}.*productpage-v1 {3}12\.0$/);
});

describe("a line that is folded", () => {
  it("goes on below, indented, and keeps words whole", () => {
    expect(foldedLines("   - path: `/a`, wanted `/b`, `/c`", 5, 20)).toEqual([
      "   - path: `/a`,",
      "     wanted `/b`,",
      "     `/c`",
    ]);
    expect(foldedLines("   a-word-that-is-too-long b", 5, 12)).toEqual(["   a-word-that-is-too-long", "     b"]);
  });

  it("loses nothing, and is too wide for one word alone", () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { minLength: 1 });
    fc.assert(
      fc.property(words, fc.integer({ min: 10, max: 60 }), fc.nat({ max: 6 }), (of, width, indent) => {
        const lines = foldedLines(`${" ".repeat(indent)}${of.join(" ")}`, indent, width);
        expect(lines.flatMap((line) => line.trim().split(" "))).toEqual(of);
        for (const line of lines) expect(line.length <= width || !line.trim().includes(" ")).toBe(true);
      }),
    );
  });
});

it("is never wider than the terminal, from 40 columns on", () => {
  fc.assert(
    fc.property(fc.integer({ min: 40, max: 120 }), fc.array(fc.string({ maxLength: 60 })), (width, names) => {
      const cells = names.map((name) => `x${name}`);
      const columns: readonly Column[] = [
        { head: "FROM", shrinks: "front", cells },
        { head: "TO", shrinks: "front", cells: cells.toReversed() },
        { head: "RPS", cells: cells.map(() => "1") },
        { head: "P99", rank: 1, cells: cells.map(() => "1ms") },
      ];
      for (const line of fittingLines(columns, width)) expect(line.length).toBeLessThanOrEqual(width);
    }),
  );
});
