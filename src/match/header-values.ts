import type { StringMatch } from "../snapshot/model.ts";
import { linkAny } from "./string-match.ts";

/** Headers that are one value whatever commas they hold (RFC 9110: dates, and fields defined as a single value). */
const SINGLE = new Set([
  "authorization",
  "content-length",
  "content-type",
  "date",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "origin",
  "referer",
  "retry-after",
  "server",
  "user-agent",
]);

/** Tests a header: all its lines joined by `, `, as the platform gives them; null where it is not there. */
export type HeaderTest = (text: string | null) => boolean;

/** What stands around a member of a list (RFC 9110 section 5.6.1). Other blanks are part of the value. */
function trimmed(member: string): string {
  let start = 0;
  let end = member.length;
  while (start < end && isBlank(member[start])) start += 1;
  while (end > start && isBlank(member[end - 1])) end -= 1;
  return member.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

function membersOf(text: string, separator: string | RegExp): readonly string[] {
  const members = text.split(separator).map(trimmed);
  const given = members.filter((member) => member !== "");
  return given.length === 0 ? [""] : given;
}

/**
 * What a denial asks of a header (R6): whether its whole value, any member of it, or any run of members matches. The client
 * may add lines before and after the one that the policy means, and a service may read any of them; so what is unsure is a
 * match, also in headers that should have one line only.
 *
 * @param onError what a pattern that cannot be compiled answers
 */
export function linkAnyValue(name: string, matches: readonly StringMatch[], onError: boolean): HeaderTest {
  const matcher = linkAny(matches, onError);
  const cookie = name === "cookie";
  // Lines are joined by a comma and a blank; the commas of a header that is no list are its own otherwise.
  const separator = cookie ? /[;,]/ : SINGLE.has(name) ? ", " : ",";
  const holdsSeparator = cookie ? /[;,]/ : /,/;
  const runs = matches.flatMap((match) => runTest(match, holdsSeparator));
  return (text) => {
    if (text === null) return false;
    if (matcher(text)) return true;
    if (!holdsSeparator.test(text)) return matcher(trimmed(text));
    if (membersOf(text, separator).some(matcher)) return true;
    if (runs.length === 0) return false;
    const tight = withoutBlanks(text, holdsSeparator);
    const full = withoutEmpty(tight);
    return runs.some((run) => run(tight, full));
  };
}

/**
 * What a permission asks of a header (R6): whether every member matches, or its whole value matches one that was written
 * with a separator in it. A pattern without a separator never covers several members: `admin*` is not `admin, root`.
 */
export function linkEveryValue(name: string, matches: readonly StringMatch[], onError: boolean): HeaderTest {
  const matcher = linkAny(matches, onError);
  if (SINGLE.has(name)) return (text) => text !== null && matcher(text);
  const separator = name === "cookie" ? ";" : ",";
  const whole = linkAny(
    matches.filter((match) => plainText(match)?.includes(separator)),
    onError,
  );
  return (text) => {
    if (text === null) return false;
    if (!text.includes(separator)) return matcher(trimmed(text));
    // Istio joins lines by the separator alone, the platform by one and a blank.
    return (
      membersOf(text, separator).every(matcher) || whole(text) || whole(text.replaceAll(`${separator} `, separator))
    );
  };
}

function plainText(match: StringMatch): string | null {
  return match.kind === "exact" || match.kind === "prefix" || match.kind === "suffix" ? match.value : null;
}

/** Tests the text without blanks around separators, and the same without empty members. */
type RunTest = (tight: string, full: string) => boolean;

/** Whether some run of members is the value that a policy wrote with a separator in it, begins or ends with it. */
function runTest(match: StringMatch, separator: RegExp): readonly RunTest[] {
  const value = plainText(match);
  if (value === null || !separator.test(value)) return [];
  const fold = "ignoreCase" in match;
  const cased = (text: string): string => (fold ? text.toLowerCase() : text);
  const tight = withoutBlanks(cased(value), separator);
  const full = withoutEmpty(tight);
  const starts = match.kind !== "suffix";
  const ends = match.kind !== "prefix";
  return [(a, b) => holdsRun(cased(a), tight, starts, ends) || holdsRun(cased(b), full, starts, ends)];
}

/** @param starts whether the run begins where a member does; @param ends whether it ends where one does */
function holdsRun(text: string, run: string, starts: boolean, ends: boolean): boolean {
  for (let at = text.indexOf(run); at >= 0; at = text.indexOf(run, at + 1)) {
    const end = at + run.length;
    const begins = !starts || at === 0 || text[at - 1] === ",";
    if (begins && (!ends || end === text.length || text[end] === ",")) return true;
  }
  return false;
}

function withoutBlanks(text: string, separator: RegExp): string {
  return text.split(separator).map(trimmed).join(",");
}

function withoutEmpty(tight: string): string {
  return tight.replace(/,{2,}/g, ",");
}
