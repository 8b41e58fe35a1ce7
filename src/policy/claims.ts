import type { VerifiedToken } from "../request/token-fact.ts";

/** Claims that are lists written as one string, separated by blanks (RFC 8693, Istio). */
export const SPACE_DELIMITED = ["scope", "permission"];

/**
 * The values of a claim as policies match it: a string, or the strings of a list.
 *
 * @param path names from the outside in
 * @returns null where the claim is not there or is of another type, which never matches
 */
export function claimValues(token: VerifiedToken, path: readonly string[]): readonly string[] | null {
  const value = claimAt(token.claims, path);
  if (Array.isArray(value)) return value.filter((member): member is string => typeof member === "string");
  if (typeof value !== "string") return null;
  const [name] = path;
  const delimited = path.length === 1 && name !== undefined && token.spaceDelimited.includes(name);
  return delimited ? wordsOf(value) : [value];
}

/** Many tokens say the same: their words are split once. */
const words = new Map<string, readonly string[]>();
const REMEMBERED_TEXTS = 1_000;
const REMEMBERED_LENGTH = 512;

function wordsOf(text: string): readonly string[] {
  const before = words.get(text);
  if (before !== undefined) return before;
  const split = text.split(" ").filter((member) => member !== "");
  if (text.length > REMEMBERED_LENGTH) return split;
  if (words.size >= REMEMBERED_TEXTS) words.clear();
  words.set(text, split);
  return split;
}

export function claimAt(claims: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
