import { isPresence, type StringMatchSpec } from "../resources/string-match.ts";
import type { StringMatch } from "../snapshot/model.ts";

/** Of a match that must have a value; the checks saw to that. */
export function stringModel({ exact, prefix, regex }: StringMatchSpec): StringMatch {
  if (exact !== undefined) return { kind: "exact", value: exact };
  if (prefix !== undefined) return { kind: "prefix", value: prefix };
  if (regex !== undefined) return { kind: "regex", value: regex };
  throw new Error("a string match passed the checks without a value");
}

/** Of a match that may ask for a header or parameter alone. */
export function presenceModel(spec: StringMatchSpec): StringMatch {
  return isPresence(spec) ? { kind: "present" } : stringModel(spec);
}

/** @param name in small letters */
export function headerModel(
  name: string,
  spec: StringMatchSpec,
): { readonly name: string; readonly match: StringMatch } {
  const isHost = name === "host" || name === ":authority";
  return { name, match: isHost && !isPresence(spec) ? authorityModel(spec) : presenceModel(spec) };
}

/** Hosts have no case, and a request's is in small letters. */
export function authorityModel({ exact, prefix, regex }: StringMatchSpec): StringMatch {
  if (regex !== undefined) return { kind: "regex", value: `(?i)${regex}` };
  return exact === undefined
    ? { kind: "prefix", value: (prefix ?? "").toLowerCase() }
    : { kind: "exact", value: exact.toLowerCase() };
}
