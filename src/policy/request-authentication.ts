import type { HeaderChange, HeaderView, TokenNeed, TokenFact } from "../decide/types.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import type { JwtRule } from "../snapshot/model.ts";
import { claimAt } from "./claims.ts";
import type { VerifiedToken } from "./request-view.ts";

/** A place where rules look for tokens, with all rules that do. */
interface Place {
  readonly kind: "header" | "param" | "cookie";
  readonly name: string;
  /** Of a header: what stands before the token. */
  readonly prefix: string;
  readonly rules: readonly JwtRule[];
  /** Names the rules, so that one verified token is not taken for verified by others. */
  readonly rulesId: string;
}

/** All rules of one workload. */
export interface LinkedJwt {
  readonly places: readonly Place[];
}

/** What authentication found, where nothing is missing. */
export interface Authenticated {
  readonly kind: "authenticated";
  readonly tokens: readonly VerifiedToken[];
  readonly changes: readonly HeaderChange[];
  /** Query parameters that held a token which is not passed on. */
  readonly dropParams: readonly string[];
}

export type Authentication =
  | Authenticated
  | { readonly kind: "need"; readonly tokens: readonly TokenNeed[] }
  | { readonly kind: "refused"; readonly fact: Extract<TokenFact, { ok: false }>; readonly rule: string };

const NO_TOKENS: Authenticated = { kind: "authenticated", tokens: [], changes: [], dropParams: [] };

/** Texts of rule lists and their short names; a name is never used twice, so forgetting one only loses cached tokens. */
const names = new Map<string, string>();
const REMEMBERED_LISTS = 1_000;
let lastName = 0;

function nameOf(rules: readonly JwtRule[]): string {
  const text = canonicalJson(rules);
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= REMEMBERED_LISTS) names.clear();
  lastName += 1;
  const name = `${lastName}`;
  names.set(text, name);
  return name;
}

export function linkJwt(rules: readonly JwtRule[]): LinkedJwt {
  const places = new Map<string, { kind: Place["kind"]; name: string; prefix: string; rules: JwtRule[] }>();
  const add = (kind: Place["kind"], name: string, prefix: string, rule: JwtRule): void => {
    const key = JSON.stringify([kind, name, prefix]);
    const place = places.get(key);
    if (place) place.rules.push(rule);
    else places.set(key, { kind, name, prefix, rules: [rule] });
  };
  for (const rule of rules) {
    for (const { name, prefix } of rule.from.headers) add("header", name.toLowerCase(), prefix, rule);
    for (const name of rule.from.params) add("param", name, "", rule);
    for (const name of rule.from.cookies) add("cookie", name, "", rule);
  }
  return { places: [...places.values()].map((place) => ({ ...place, rulesId: nameOf(place.rules) })) };
}

/** What authentication reads of a request. */
export interface TokenSource {
  readonly method: string;
  readonly headers: HeaderView;
  /** Raw query without `?`. */
  readonly query: string;
  token(key: string): TokenFact | undefined;
}

/**
 * Finds the tokens at the places that rules read, and judges the request by them. No token at all is fine (requiring one is
 * authorization's job); one that is there must be good, each of them (R13). A CORS preflight carries none and is not asked.
 */
export function authenticate({ places }: LinkedJwt, source: TokenSource): Authentication {
  if (places.length === 0 || isPreflight(source)) return NO_TOKENS;
  let found: { place: Place; token: string; key: string }[] | null = null;
  for (const place of places) {
    const token = tokenAt(place, source);
    if (token !== null) (found ??= []).push({ place, token, key: `${place.rulesId} ${token}` });
  }
  if (found === null) return withoutClaimedHeaders(places);

  const needs: TokenNeed[] = [];
  const tokens: VerifiedToken[] = [];
  for (const { place, token, key } of found) {
    const fact = source.token(key);
    if (fact === undefined) needs.push({ key, token, rules: place.rules });
    else if (fact.ok) tokens.push(fact);
    else return { kind: "refused", fact, rule: place.rules[0]?.name ?? "" };
  }
  if (needs.length > 0) return { kind: "need", tokens: needs };
  return effects(places, found, tokens);
}

/** Headers that only a verified token may fill are taken from the client also where there is no token. */
function withoutClaimedHeaders(places: readonly Place[]): Authenticated {
  const changes = claimedHeaders(places);
  return changes.length === 0 ? NO_TOKENS : { ...NO_TOKENS, changes };
}

function claimedHeaders(places: readonly Place[]): HeaderChange[] {
  const claimed = new Set<string>();
  for (const { rules } of places) {
    for (const { outputPayloadToHeader, outputClaimToHeaders } of rules) {
      if (outputPayloadToHeader !== undefined) claimed.add(outputPayloadToHeader);
      for (const { header } of outputClaimToHeaders) claimed.add(header);
    }
  }
  return [...claimed].map((name) => ({ op: "remove", name: name.toLowerCase() }));
}

function effects(
  places: readonly Place[],
  found: readonly { readonly place: Place; readonly token: string }[],
  tokens: readonly VerifiedToken[],
): Authenticated {
  const changes = claimedHeaders(places);
  const dropParams: string[] = [];
  for (const [at, { place }] of found.entries()) {
    const token = tokens[at];
    const rule = token && place.rules[token.rule];
    if (!token || !rule) continue;
    if (!rule.forwardOriginalToken) {
      if (place.kind === "header") changes.push({ op: "remove", name: place.name });
      else if (place.kind === "param") dropParams.push(place.name);
      else changes.push({ op: "remove-cookie", name: place.name });
    }
    const { outputPayloadToHeader } = rule;
    if (outputPayloadToHeader !== undefined)
      changes.push({ op: "set", name: outputPayloadToHeader.toLowerCase(), value: token.payload });
    for (const { header, claim } of rule.outputClaimToHeaders) {
      const value = claimAt(token.claims, claim.split("."));
      const plain = typeof value === "string" || typeof value === "boolean" || Number.isInteger(value);
      if (plain && isHeaderValue(String(value)))
        changes.push({ op: "set", name: header.toLowerCase(), value: String(value) });
    }
  }
  return changes.length === 0 && dropParams.length === 0
    ? { ...NO_TOKENS, tokens }
    : { kind: "authenticated", tokens, changes, dropParams };
}

/** What the platform takes as a header's value; others would make it throw. */
function isHeaderValue(value: string): boolean {
  return /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value);
}

function isPreflight({ method, headers }: TokenSource): boolean {
  return (
    method === "OPTIONS" && headers.get("origin") !== null && headers.get("access-control-request-method") !== null
  );
}

function tokenAt({ kind, name, prefix }: Place, { headers, query }: TokenSource): string | null {
  if (kind === "header") {
    const value = headers.get(name);
    if (value === null) return null;
    // The scheme of Authorization has no case (RFC 9110 §11.1); prefixes of other headers are compared as written.
    const begins =
      name === "authorization" ? value.toLowerCase().startsWith(prefix.toLowerCase()) : value.startsWith(prefix);
    return begins ? value.slice(prefix.length).trim() : null;
  }
  if (kind === "param") return query === "" ? null : new URLSearchParams(query).get(name);
  return cookieValue(headers.get("cookie"), name);
}

function cookieValue(header: string | null, name: string): string | null {
  if (header === null) return null;
  for (const pair of header.split(/[;,]/)) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return null;
}
