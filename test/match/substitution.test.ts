import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as substitution from "../../src/match/substitution.ts";
import { linkPart } from "../support/link-with.ts";

const { parseSubstitution } = substitution;

function linkReplaceAll(match: string, rewrite: string, longest: number): (text: string) => string | null {
  return linkPart({ match, rewrite }, () => substitution.linkReplaceAll(match, rewrite, longest));
}

describe("linkReplaceAll", () => {
  // From RE2's own tests of GlobalReplace (re2/testing/re2_test.cc), as far as the patterns are ours.
  it.each([
    ["(qu|[b-df-hj-np-tv-z]*)([a-z]+)", "\\2\\1ay", "the quick brown fox", "ethay ickquay ownbray oxfay"],
    ["\\w+", "\\0-NOSPAM", "abcd.efghi@google.com", "abcd-NOSPAM.efghi-NOSPAM@google-NOSPAM.com-NOSPAM"],
    ["^", "(START)", "foo", "(START)foo"],
    ["^", "(START)", "", "(START)"],
    ["$", "(END)", "", "(END)"],
    ["b", "bb", "ababababab", "abbabbabbabbabb"],
    ["b", "bb", "bbbbbb", "bbbbbbbbbbbb"],
    ["b+", "bb", "bbbbbb", "bb"],
    ["b*", "bb", "bbbbbb", "bb"],
    ["b*", "bb", "aaaaa", "bbabbabbabbabbabb"],
    ["a.*a", "(\\0)", "aba\naba", "(aba)\n(aba)"],
  ])("replaces %s by %s", (pattern, rewrite, text, want) => {
    expect(linkReplaceAll(pattern, rewrite, 1_000)(text)).toBe(want);
  });

  it.each([
    ["a group that took no part", "(x)|(y)", "<\\1\\2>", "y", "<y>"],
    ["a backslash", "a", "\\\\\\0", "a", "\\a"],
    ["a dollar sign", "a", "$1", "a", "$1"],
    ["nothing that matches", "z", "b", "a", "a"],
  ])("writes %s", (_, pattern, rewrite, text, want) => {
    expect(linkReplaceAll(pattern, rewrite, 1_000)(text)).toBe(want);
  });

  it("makes no text longer than it may be", () => {
    expect(linkReplaceAll("a", "bbbb", 8)("aa")).toBe("bbbbbbbb");
    expect(linkReplaceAll("a", "bbbb", 8)("aaa")).toBeNull();
  });

  it("gives up where each of many short matches looks through the whole text", () => {
    expect(linkReplaceAll("(.*)(.*)(.*)(.*)x|a", "b", 16_384)("a".repeat(4_000))).toBeNull();
    expect(linkReplaceAll("_", "-", 16_384)("a_".repeat(500))).toBe("a-".repeat(500));
  });

  it("makes nothing of a pattern that control could not compile, nor of a group that there is not", () => {
    expect(linkReplaceAll("(", "b", 8)("a")).toBeNull();
    expect(linkReplaceAll("(a)", "\\2", 8)("a")).toBeNull();
    expect(linkReplaceAll("(a)", "2", 8)("a")).toBe("2");
  });

  it("replaces plain texts as any other replacing does", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 12 });
    fc.assert(
      fc.property(letters, letters, (text, by) => linkReplaceAll("ab", by, 1_000)(text) === text.split("ab").join(by)),
    );
  });
});

describe("parseSubstitution", () => {
  it.each(["\\", "a\\", "\\a", "\\\\\\", "\\\\\\x"])("refuses %s", (text) => {
    expect(parseSubstitution(text)).toBeNull();
  });

  it("reads groups of one digit", () => {
    expect(parseSubstitution("a\\12\\\\3")).toEqual(["a", 1, "2", "\\", "3"]);
  });
});
