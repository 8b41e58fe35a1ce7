import type { StringMatch } from "../snapshot/model.ts";
import { machineOf } from "./machine.ts";

/** Tests one value; null is "not there". */
export type Matcher = (value: string | null) => boolean;

/**
 * Makes a match ready, so that a request costs a comparison. Plain values become string operations; only what an author
 * wrote as a regex or template runs on RE2 (linear time, whole value).
 *
 * @param onError what a pattern answers that control could not compile: a denial must match then, a permission must not
 */
export function linkMatch(match: StringMatch, onError: boolean): Matcher {
  switch (match.kind) {
    case "exact":
    case "prefix":
    case "suffix":
      return linkPlain(match.kind, match.value, match.ignoreCase === true);
    case "present":
      return (value) => value !== null;
    case "nonempty":
      return (value) => value !== null && value !== "";
    case "wildcard":
      return linkWildcard(match.value);
    case "template":
      return linkPattern(templatePattern(match.value), onError);
    case "regex":
      return linkPattern(match.value, onError);
  }
}

/** So many values are as soon compared as looked up, and take far less room: most rules name one or two. */
const FEW = 4;

/** Holds when any of the matches does. Exact values are one look-up, however many there are. */
export function linkAny(matches: readonly StringMatch[], onError: boolean): Matcher {
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return linkMatch(only, onError);
  const exact = linkExact(matches.flatMap((match) => (isPlainExact(match) ? [match.value] : [])));
  const others = matches.filter((match) => !isPlainExact(match)).map((match) => linkMatch(match, onError));
  if (others.length === 0) return exact;
  return (value) => exact(value) || others.some((other) => other(value));
}

function linkExact(values: readonly string[]): Matcher {
  if (values.length <= FEW) return (value) => value !== null && values.includes(value);
  const known = new Set(values);
  return (value) => value !== null && known.has(value);
}

export function isPlainExact(match: StringMatch): match is { kind: "exact"; value: string } {
  return match.kind === "exact" && match.ignoreCase === undefined;
}

function linkPlain(kind: "exact" | "prefix" | "suffix", wanted: string, ignoreCase: boolean): Matcher {
  if (ignoreCase) {
    const test = linkPlain(kind, wanted.toLowerCase(), false);
    return (value) => value !== null && test(value.toLowerCase());
  }
  if (kind === "exact") return (value) => value === wanted;
  if (kind === "prefix") return (value) => value !== null && value.startsWith(wanted);
  return (value) => value !== null && value.endsWith(wanted);
}

/** Each part is looked for behind the one before it: what is found first leaves the most to the others. */
function linkWildcard(pattern: string): Matcher {
  const [first = "", ...others] = pattern.split("*");
  const end = others.pop();
  if (end === undefined) return (value) => value === first;
  return (value) => {
    if (value === null || !value.startsWith(first)) return false;
    let at = first.length;
    for (const part of others) {
      const found = value.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return value.length - end.length >= at && value.endsWith(end);
  };
}

function linkPattern(pattern: string, onError: boolean): Matcher {
  const machine = machineOf(pattern);
  if (machine === null) return () => onError;
  return (value) => value !== null && machine.matches(value);
}

/** `{*}` is one segment that is not empty, `{**}` any characters over segments; the slash before either must be there. */
export function templatePattern(template: string): string {
  return template
    .split(/(\{\*\*?\})/)
    .map((part) => (part === "{*}" ? "[^/]+" : part === "{**}" ? ".*" : quoted(part)))
    .join("");
}

function quoted(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
}
