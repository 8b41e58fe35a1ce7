import { describe, expect, it } from "vitest";
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
