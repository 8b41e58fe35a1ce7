import { z } from "zod";
import {
  foldedCharacters,
  isAffordable,
  MAX_FOLDED,
  MAX_PROGRAM_SIZE,
  MAX_REGEX_LENGTH,
  MAX_WRITE_COST,
  measure,
} from "../match/regex-cost.ts";
import { strict } from "./fields.ts";

/** @returns what is wrong with an RE2 expression, or null (R17) */
export function regexProblem(regex: string): string | null {
  if (regex === "") return "the regular expression is empty";
  if (regex.length > MAX_REGEX_LENGTH) return `the regular expression is longer than ${MAX_REGEX_LENGTH} characters`;
  if (foldedCharacters(regex) > MAX_FOLDED)
    return `the regular expression has more than ${MAX_FOLDED} characters in ranges without case (\`(?i)\`): name fewer`;
  if (!isAffordable(regex))
    return `the regular expressions of this write cost more than ${MAX_WRITE_COST} instructions together: write it in parts, or make them simpler`;
  const { size } = measure(regex);
  if (size === null)
    return `\`${regex.slice(0, 100)}\` is no regular expression of RE2, which has no look-around and no back-references`;
  return size > MAX_PROGRAM_SIZE
    ? `the regular expression is too large: ${size} instructions of at most ${MAX_PROGRAM_SIZE}`
    : null;
}

const shape = {
  exact: z.string().exactOptional(),
  prefix: z.string().exactOptional(),
  regex: z.string().exactOptional(),
};
const fields = strict(shape);
type Written = z.infer<typeof fields>;

function problem(match: Written, allow: { readonly presence: boolean; readonly emptyPrefix: boolean }): string | null {
  const given = Object.values(match).filter((value) => value !== undefined).length;
  if (given > 1) return "set only one of `exact`, `prefix` and `regex`";
  if (given === 0) return allow.presence ? null : "set one of `exact`, `prefix` and `regex`";
  if (match.prefix === "" && !allow.emptyPrefix) return "an empty `prefix` matches everything; leave the match out";
  if (match.regex === undefined || (allow.presence && match.regex === "*")) return null;
  return regexProblem(match.regex);
}

function stringMatch(allow: { readonly presence: boolean; readonly emptyPrefix: boolean }): typeof fields {
  return strict(shape).superRefine((match, ctx) => {
    const message = problem(match, allow);
    if (message !== null) ctx.addIssue({ code: "custom", message });
  });
}

/** Exactly one of `exact`, `prefix`, `regex`. */
export const StringMatch = stringMatch({ presence: false, emptyPrefix: false });
/** As `StringMatch`; an empty `prefix` is every path. */
export const UriMatch = stringMatch({ presence: false, emptyPrefix: true });
/** At most one of the three; `{}` and the regex `*` mean: there, also when empty. */
export const PresenceMatch = stringMatch({ presence: true, emptyPrefix: false });

export type StringMatchSpec = Written;

/** Whether it asks for a header or parameter alone, whatever its value. */
export function isPresence({ exact, prefix, regex }: StringMatchSpec): boolean {
  return (exact ?? prefix ?? regex) === undefined || regex === "*";
}
