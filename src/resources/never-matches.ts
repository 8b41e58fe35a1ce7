import { RE2JS } from "re2js";
import { METHODS } from "../match/methods.ts";
import type { StringMatchSpec } from "./string-match.ts";

const SCHEMES = new Set(["http", "https"]);

/** @returns why no request has such a method, or null */
export function neverMethod(match: StringMatchSpec): string | null {
  if (someMatches(METHODS, match)) return null;
  const text = match.exact ?? match.prefix ?? match.regex ?? "";
  if (text !== text.toUpperCase() && match.regex === undefined)
    return "never matches: methods are compared as they are sent, in capitals";
  return `never matches: no request with \`${text}\` reaches a service; the runtime carries ${[...METHODS].join(", ")}`;
}

/** @returns why no request has such a scheme, or null */
export function neverScheme(match: StringMatchSpec): string | null {
  return someMatches(SCHEMES, match) ? null : "never matches: a scheme is `http` or `https`, in small letters";
}

/** @returns whether one of all the values that there are matches */
function someMatches(values: ReadonlySet<string>, { exact, prefix, regex }: StringMatchSpec): boolean {
  if (exact !== undefined) return values.has(exact);
  if (prefix !== undefined) return [...values].some((value) => value.startsWith(prefix));
  const pattern = RE2JS.compile(regex ?? "");
  return [...values].some((value) => pattern.matches(value));
}

/** What a URL's parser escapes in a query, and what ends a parameter or the query. */
const NOT_IN_QUERY = /[^!-~]|["#&'<>]/u;

/** @returns why no parameter of a query is, or begins, like this, or null */
export function neverInQuery(text: string): string | null {
  const odd = NOT_IN_QUERY.exec(text)?.[0];
  if (odd === undefined) return null;
  const escape = odd === "'" ? "%27" : encodeURIComponent(odd.toWellFormed());
  return `never matches: a query is compared as it stands, escapes and all; write \`${escape}\` for the first such character`;
}
