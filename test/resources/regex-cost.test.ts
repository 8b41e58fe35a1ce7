import { describe, expect, it } from "vitest";
import { MAX_WRITE_COST, measure, underOneBudget } from "../../src/match/regex-cost.ts";
import { regexProblem } from "../../src/resources/string-match.ts";

describe("a regular expression whose ranges have no case", () => {
  it.each([
    ["(?i)[a-zà-ÿ0-9_-]+"],
    ["(?i)[\\x{0}-\\x{10FFF}]+"],
    ["[\\x{0}-\\x{10FFFF}]{1,50}"],
    ["[é-\uFFFD]".repeat(200)],
    ["(?i)[a-z\\x{80}-\\x{10FFFF}]+"],
    ["(?i)\\p{L}+-\\p{N}+"],
  ])("may be %s", (regex) => {
    expect(regexProblem(regex)).toBeNull();
  });

  it.each([
    [`(?i)${"[é-\uFFFD]".repeat(200)}`],
    [`(?si)${"[a-\\x{1F000}]".repeat(3)}`],
    [`(?i)${"\\pL\\PL".repeat(50)}`],
    [`a(?s:b)(?i:${"[a-\\x{1F000}]".repeat(3)})`],
  ])("takes every gateway too long as %s, and is refused", (regex) => {
    expect(regexProblem(regex)).toContain("more than 250000 characters in ranges without case");
  });
});

describe("the regular expressions of one write", () => {
  const costly = (index: number): string => `(?i)${"[\\x{0}-\\x{3000}]".repeat(18)}${index}`;
  const fitting = Math.floor(MAX_WRITE_COST / measure(costly(10)).cost);

  it("cost what their instructions, classes and ranges without case do, and no more than a write may", () => {
    const problems = underOneBudget(() => Array.from({ length: 100 }, (_, index) => regexProblem(costly(index + 10))));
    expect(fitting).toBeGreaterThan(50);
    expect(problems.slice(0, fitting)).toEqual(Array.from({ length: fitting }, () => null));
    for (const problem of problems.slice(fitting))
      expect(problem).toContain(`more than ${MAX_WRITE_COST} instructions`);
  });

  it("are paid once where one is there many times, and each write begins anew", () => {
    const same = (): readonly (string | null)[] => Array.from({ length: 200 }, () => regexProblem(costly(10)));
    expect(underOneBudget(same).filter((problem) => problem !== null)).toEqual([]);
    expect(underOneBudget(same).filter((problem) => problem !== null)).toEqual([]);
  });

  it("that are simple are thousands", () => {
    const paths = underOneBudget(() =>
      Array.from({ length: 3_000 }, (_, index) => regexProblem(`/api/v[0-9]+/items${index}/.*`)),
    );
    expect(paths.every((problem) => problem === null)).toBe(true);
  });
});
