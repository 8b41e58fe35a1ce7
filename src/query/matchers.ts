import { RE2JS } from "re2js";
import { foldedCharacters, MAX_FOLDED } from "../match/regex-cost.ts";
import { type LabelMatcher, QueryFailure } from "./syntax.ts";

/** Instructions of one expression: what matching a value costs is this times its length. */
const MAX_PROGRAM_SIZE = 1_000;
const MAX_LENGTH = 1_024;

/**
 * Tests a label's value; a label that is not there is the empty string. Each value is looked at once: series share most of them.
 *
 * @throws QueryFailure where the expression is none, or costs too much
 */
export function linkMatcher({ operator, value: wanted, label }: LabelMatcher): (value: string) => boolean {
  switch (operator) {
    case "=":
      return (value) => value === wanted;
    case "!=":
      return (value) => value !== wanted;
    case "=~":
      return memoised(matcherOf(wanted, label));
    case "!~": {
      const matches = memoised(matcherOf(wanted, label));
      return (value) => !matches(value);
    }
  }
}

/** RE2, the whole value. */
function matcherOf(regex: string, label: string): (value: string) => boolean {
  const tooLarge = (): QueryFailure =>
    new QueryFailure(
      "query_too_large",
      `the expression for \`${label}\` costs too much; write it shorter, with less repetition`,
    );
  if (regex.length > MAX_LENGTH || foldedCharacters(regex) > MAX_FOLDED) throw tooLarge();
  const compiled = compile(regex, label);
  if (compiled.programSize() > MAX_PROGRAM_SIZE) throw tooLarge();
  return (value) => compiled.matches(value);
}

function compile(regex: string, label: string): RE2JS {
  try {
    return RE2JS.compile(regex);
  } catch {
    throw new QueryFailure("query_invalid", `\`${regex}\`, for \`${label}\`, is no expression of RE2`);
  }
}

function memoised(test: (value: string) => boolean): (value: string) => boolean {
  const known = new Map<string, boolean>();
  return (value) => {
    const before = known.get(value);
    if (before !== undefined) return before;
    const matches = test(value);
    known.set(value, matches);
    return matches;
  };
}
