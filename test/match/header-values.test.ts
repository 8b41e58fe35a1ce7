import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linkAnyValue, linkEveryValue } from "../../src/match/header-values.ts";
import type { StringMatch } from "../../src/snapshot/model.ts";
import { times } from "../support/scale.ts";

const exact = (value: string): StringMatch => ({ kind: "exact", value });
const prefix = (value: string): StringMatch => ({ kind: "prefix", value });
const suffix = (value: string): StringMatch => ({ kind: "suffix", value });

describe("a header's values", () => {
  it.each<{ why: string; name?: string; match: StringMatch; text: string; any: boolean; every: boolean }>([
    { why: "a list written whole", match: exact("zh-CN,zh;q=0.9"), text: "zh-CN,zh;q=0.9", any: true, every: true },
    { why: "the same with blanks", match: exact("zh-CN,zh;q=0.9"), text: "zh-CN, zh;q=0.9", any: true, every: true },
    { why: "blanks in the policy", match: exact("a, b"), text: "a, b", any: true, every: true },
    { why: "a line of it among others", match: exact("a,b"), text: "x, a,b, y", any: true, every: false },
    { why: "a line of it at the end", match: exact("a,b"), text: "x, a,b", any: true, every: false },
    { why: "no line of it", match: exact("a,b"), text: "xa,b", any: false, every: false },
    { why: "only its beginning", match: exact("a,b"), text: "a,bc", any: false, every: false },
    { why: "the beginning of a list", match: prefix("text/html,"), text: "text/html,*/*", any: true, every: true },
    { why: "of a later line", match: prefix("text/html,"), text: "x, text/html,*/*", any: true, every: false },
    { why: "one value of the list", match: prefix("text/html,"), text: "text/html", any: false, every: false },
    { why: "the end of a list", match: suffix(",*/*"), text: "text/html,*/*", any: true, every: true },
    { why: "the end of an earlier line", match: suffix(",*/*"), text: "text/html,*/*, x", any: true, every: false },
    { why: "JSON", match: exact('{"a":1,"b":2}'), text: '{"a":1,"b":2}', any: true, every: true },
    { why: "JSON on a second line", match: exact('{"a":1,"b":2}'), text: 'x, {"a":1,"b":2}', any: true, every: false },
    { why: "empty members", match: exact("a,b"), text: "a,,b", any: true, every: false },
    { why: "a beginning without separator", match: prefix("admin"), text: "admin, root", any: true, every: false },
    { why: "an end without separator", match: suffix("min"), text: "root, admin", any: true, every: false },
    { why: "anything that is not empty", match: { kind: "nonempty" }, text: "a, b", any: true, every: true },
    { why: "an empty header", match: { kind: "nonempty" }, text: "", any: false, every: false },
    {
      why: "a date, which is whole",
      name: "if-modified-since",
      match: exact("Sun, 06 Nov 1994 08:49:37 GMT"),
      text: "Sun, 06 Nov 1994 08:49:37 GMT",
      any: true,
      every: true,
    },
    { why: "two agents", name: "user-agent", match: exact("bad"), text: "good, bad", any: true, every: false },
    { why: "one agent", name: "user-agent", match: prefix("Mo"), text: "Mo/5 (a, b)", any: true, every: true },
    { why: "a comma in an agent", name: "user-agent", match: exact("b"), text: "a,b", any: false, every: false },
    { why: "a Cookie line", name: "cookie", match: exact("a=1; b=2"), text: "a=1; b=2", any: true, every: true },
    { why: "one cookie", name: "cookie", match: exact("b=2"), text: "a=1; b=2", any: true, every: false },
    { why: "some cookies", name: "cookie", match: exact("b=2; c=3"), text: "a=1; b=2;c=3", any: true, every: false },
    { why: "a comma in a cookie", name: "cookie", match: exact("a=1,2"), text: "a=1,2", any: true, every: true },
  ])("$why: `$match.value` of `$text`: denied $any, allowed $every", ({ name = "x-a", match, text, any, every }) => {
    expect(linkAnyValue(name, [match], true)(text)).toBe(any);
    expect(linkEveryValue(name, [match], false)(text)).toBe(every);
  });

  it("that are not there are neither", () => {
    expect(linkAnyValue("x-a", [exact("")], true)(null)).toBe(false);
    expect(linkEveryValue("x-a", [exact("")], false)(null)).toBe(false);
  });

  it("are found behind any number of blanks", () => {
    const text = `a,${" ".repeat(60_000)}b`;
    expect(linkAnyValue("x-a", [exact("a,b")], true)(text)).toBe(true);
  });
});

/** As Istio compares one line, or all of them joined by `,`. */
function plainly(match: StringMatch, text: string): boolean {
  if (match.kind === "exact") return text === match.value;
  if (match.kind === "prefix") return text.startsWith(match.value);
  return match.kind === "suffix" && text.endsWith(match.value);
}

const piece = fc.constantFrom("a", "b", "ab", ",", ", ", " ", "", "a,b", "b, a");
const line = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join("").trim());
const match = fc.record({
  kind: fc.constantFrom("exact", "prefix", "suffix"),
  value: line.filter((text) => text !== ""),
});
const matches = fc.array(match, { minLength: 1, maxLength: 3 });
const lines = fc.array(line, { minLength: 1, maxLength: 4 });

describe("whatever lines a client adds", () => {
  it("a denial holds for each line, each member and all of them joined that a plain comparison matches", () => {
    fc.assert(
      fc.property(matches, lines, (list, sent) => {
        const joined = sent.join(", ");
        const forms = [
          ...sent,
          sent.join(","),
          joined,
          ...sent.flatMap((text) => text.split(",").map((m) => m.trim())),
        ];
        const plain = list.some((one) => forms.some((form) => plainly(one, form)));
        return !plain || linkAnyValue("x-a", list, true)(joined);
      }),
      { numRuns: times(1_000, 20_000) },
    );
  });

  it("a permission holds only where every member matches, or the whole does that was written as a list", () => {
    fc.assert(
      fc.property(matches, lines, (list, sent) => {
        const joined = sent.join(", ");
        const members = joined.split(",").map((member) => member.trim());
        const given = members.filter((member) => member !== "");
        const every = (given.length === 0 ? [""] : given).every((one) => list.some((m) => plainly(m, one)));
        const wholes = [joined, joined.replaceAll(", ", ",")];
        const written = list.filter((m) => "value" in m && m.value.includes(","));
        const whole = joined.includes(",") && written.some((m) => wholes.some((text) => plainly(m, text)));
        return linkEveryValue("x-a", list, false)(joined) === (every || whole);
      }),
      { numRuns: times(1_000, 20_000) },
    );
  });

  it("what a permission takes a denial of the same values takes too", () => {
    fc.assert(
      fc.property(fc.constantFrom("x-a", "cookie", "user-agent"), matches, lines, (name, list, sent) => {
        const text = sent.join(", ");
        return !linkEveryValue(name, list, false)(text) || linkAnyValue(name, list, true)(text);
      }),
      { numRuns: times(1_000, 20_000) },
    );
  });
});
