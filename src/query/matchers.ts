import { RE2JS } from "re2js";
import { foldedCharacters, MAX_FOLDED } from "../match/regex-cost.ts";
import { type LabelMatcher, QueryFailure } from "./syntax.ts";

/** Instructions of one expression: what matching a value costs is this times its length. */
const MAX_PROGRAM_SIZE = 1_000;
const MAX_LENGTH = 1_024;
/** Steps of matching that take about as long as reading one sample. */
const STEPS_A_POINT = 10;
/** Of larger programs a step costs more, by so many times as they are larger. */
const USUAL_SIZE = 100;

/**
 * Tests a label's value; a label that is not there is the empty string. Each value is looked at once: series share most of them.
 *
 * @param spend is told what looking at one more value costs, in points of a query's budget
 * @throws QueryFailure where the expression is none, or costs too much
 */
export function linkMatcher(
  { operator, value: wanted, label }: LabelMatcher,
  spend: (points: number) => void = () => undefined,
): (value: string) => boolean {
  switch (operator) {
    case "=":
      return (value) => value === wanted;
    case "!=":
      return (value) => value !== wanted;
    case "=~":
      return memoised(matcherOf(wanted, label, spend));
    case "!~": {
      const matches = memoised(matcherOf(wanted, label, spend));
      return (value) => !matches(value);
    }
  }
}

/** RE2, the whole value. */
function matcherOf(regex: string, label: string, spend: (points: number) => void): (value: string) => boolean {
  const tooLarge = (): QueryFailure =>
    new QueryFailure(
      "query_too_large",
      `the expression for \`${label}\` costs too much; write it shorter, with less repetition`,
    );
  if (regex.length > MAX_LENGTH || foldedCharacters(regex) > MAX_FOLDED) throw tooLarge();
  const compiled = compile(regex, label);
  const size = compiled.programSize();
  if (size > MAX_PROGRAM_SIZE) throw tooLarge();
  return (value) => {
    spend(Math.ceil((value.length * size * Math.max(1, size / USUAL_SIZE)) / STEPS_A_POINT));
    return compiled.matches(value);
  };
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
