import { RE2JS } from "re2js";
import { z } from "zod";
import { strict } from "./fields.ts";

const MAX_REGEX_LENGTH = 1_024;
/** Instructions of the compiled program; matching costs at most this times the length of the value. */
const MAX_PROGRAM_SIZE = 2_000;

/** Without case each character of a range is looked up as the expression is compiled: of some millions it takes a second. */
const MAX_FOLDED = 250_000;

/** Of Unicode's characters the last that has another case. */
const LAST_WITH_CASE = 0x1e943;

/** A range of a class, in whatever place its characters are written. */
const RANGE = /(\\x\{[0-9a-f]{1,6}\}|\\x[0-9a-f]{2}|[^\\])-(\\x\{[0-9a-f]{1,6}\}|\\x[0-9a-f]{2}|[^\\])/giu;

/** Its characters are looked up one by one, too. */
const UNICODE_CLASS = /\\p/gi;
const CLASS_COST = 5_000;

/** @returns how many characters lie in ranges of an expression that asks for no case; 0 where it asks for case */
function foldedCharacters(regex: string): number {
  if (!/\(\?[a-z<>]*i/i.test(regex)) return 0;
  const codeOf = (text: string): number =>
    text.startsWith("\\x") ? Number.parseInt(text.replaceAll(/[^0-9a-f]/gi, ""), 16) : (text.codePointAt(0) ?? 0);
  const ranges = [...regex.matchAll(RANGE)].reduce(
    (sum, [, from = "", to = ""]) => sum + Math.max(0, Math.min(codeOf(to), LAST_WITH_CASE) - codeOf(from)),
    0,
  );
  return ranges + [...regex.matchAll(UNICODE_CLASS)].length * CLASS_COST;
}

/** @returns what is wrong with an RE2 expression, or null (R17) */
export function regexProblem(regex: string): string | null {
  if (regex === "") return "the regular expression is empty";
  if (regex.length > MAX_REGEX_LENGTH) return `the regular expression is longer than ${MAX_REGEX_LENGTH} characters`;
  if (foldedCharacters(regex) > MAX_FOLDED)
    return `the regular expression has more than ${MAX_FOLDED} characters in ranges without case (\`(?i)\`): name fewer`;
  try {
    const size = RE2JS.compile(regex).programSize();
    return size > MAX_PROGRAM_SIZE
      ? `the regular expression is too large: ${size} instructions of at most ${MAX_PROGRAM_SIZE}`
      : null;
  } catch {
    return `\`${regex.slice(0, 100)}\` is no regular expression of RE2, which has no look-around and no back-references`;
  }
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
