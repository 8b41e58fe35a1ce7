import { changedHeaders, type HeaderChange } from "../request/changes.ts";
import { isProofOfCaller } from "../request/header-names.ts";
import { tokenAt, type TokenPlace } from "../request/credentials.ts";
import type { RequestFacts } from "../request/facts.ts";
import { isPreflight } from "../request/preflight.ts";
import type { RefusedToken, VerifiedToken } from "../request/token-fact.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import type { JwtRule } from "../snapshot/model.ts";
import { claimAt } from "./claims.ts";

/** A place where the rules of one workload look for tokens, ready. */
export interface LinkedPlace extends TokenPlace {
  /** Its number in the slice: where `RequestFacts.tokens` holds what is known of its token. */
  readonly index: number;
  /** Names it in a record. */
  readonly key: string;
  readonly rules: readonly JwtRule[];
  /** Names the rules, so that one verified token is not taken for verified by others. */
  readonly rulesId: string;
  /** No header change of the slice fills it: what the client sent there is what will be judged. */
  readonly stable: boolean;
  /** What an accepted token does, by the rule that accepted it. */
  readonly effects: readonly TokenEffects[];
}

interface TokenEffects {
  readonly changes: readonly HeaderChange[];
  /** Query parameters that are not passed on. */
  readonly dropParams: readonly string[];
  readonly claims: readonly { readonly header: string; readonly path: readonly string[] }[];
}

/** All rules of one workload. */
export interface LinkedJwt {
  readonly places: readonly LinkedPlace[];
  /** Headers that only a verified token may fill are taken from the client, whether a token is there or not. */
  readonly claimed: readonly HeaderChange[];
  /** What authentication finds where no token is. */
  readonly withoutToken: Authenticated;
  /** Rules that ask for a token; null: none does. */
  readonly required: readonly RequiredRule[] | null;
}

interface RequiredRule {
  readonly name: string;
  /** Where its token may stand: number of the place in the slice, and of the rule there. */
  readonly at: readonly { readonly place: number; readonly rule: number }[];
}

/** What authentication found, where nothing is missing. */
export interface Authenticated {
  readonly kind: "authenticated";
  readonly tokens: readonly VerifiedToken[];
  readonly changes: readonly HeaderChange[];
  /** Query parameters that held a token which is not passed on. */
  readonly dropParams: readonly string[];
}

/** A token that was found and must be verified against the rules of its place. */
export interface TokenNeed {
  readonly kind: "token";
  readonly place: LinkedPlace;
  readonly token: string;
}

export type Authentication =
  | Authenticated
  | { readonly kind: "need"; readonly needs: readonly TokenNeed[] }
  | { readonly kind: "refused"; readonly code: RefusedToken["code"] | "jwt_missing"; readonly rule: string };

const NOTHING: readonly never[] = [];
export const NO_TOKENS: Authenticated = {
  kind: "authenticated",
  tokens: NOTHING,
  changes: NOTHING,
  dropParams: NOTHING,
};

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

/** The headers in which rules look for tokens, lower case. */
export function tokenHeaders(rules: readonly JwtRule[]): string[] {
  return rules.flatMap(({ from }) => from.headers.map(({ name }) => name.toLowerCase()));
}

/** The headers that rules fill from tokens, lower case. */
export function outputHeaders(rules: readonly JwtRule[]): string[] {
  const names = rules.flatMap(({ outputPayloadToHeader, outputClaimToHeaders }) => [
    ...(outputPayloadToHeader === undefined ? [] : [outputPayloadToHeader.toLowerCase()]),
    ...outputClaimToHeaders.map(({ header }) => header.toLowerCase()),
  ]);
  // Who calls is the mesh's to say, whatever a token holds.
  return names.filter((name) => !isProofOfCaller(name));
}

/**
 * @param first number of the first place in the slice
 * @param stage who asks: names the places in a record
 * @param filled headers that some change of the slice fills before these rules look, lower case
 * @param asked policies of the workload by which providers are asked first: they may bring other tokens than others find there
 */
export function linkJwt(
  rules: readonly JwtRule[],
  first: number,
  stage: "gateway" | "destination",
  filled: Pick<ReadonlySet<string>, "has">,
  asked: readonly string[] = [],
): LinkedJwt {
  const byKey = new Map<string, { place: TokenPlace; rules: JwtRule[] }>();
  for (const rule of rules) {
    for (const place of placesOf(rule)) {
      const key = JSON.stringify([place.kind, place.name, place.prefix]);
      const known = byKey.get(key);
      if (known) known.rules.push(rule);
      else byKey.set(key, { place, rules: [rule] });
    }
  }
  const claimed = [...new Set(outputHeaders(rules))].map((name) => ({ op: "remove" as const, name }));
  const places = [...byKey.values()].map(({ place, rules: list }, at): LinkedPlace => {
    const header = place.kind === "header" ? place.name : "cookie";
    return {
      ...place,
      index: first + at,
      key: canonicalJson({ stage, ...place, rules: list.map(({ name }) => name), ...(asked.length > 0 && { asked }) }),
      rules: list,
      rulesId: nameOf(list),
      stable: place.kind === "param" || !filled.has(header),
      effects: list.map((rule) => effectsOf(rule, place, first + at)),
    };
  });
  const withoutToken = claimed.length === 0 ? NO_TOKENS : { ...NO_TOKENS, changes: claimed };
  return { places, claimed, withoutToken, required: requiredRules(rules, places) };
}

function requiredRules(rules: readonly JwtRule[], places: readonly LinkedPlace[]): readonly RequiredRule[] | null {
  const required = rules.filter((rule) => rule.required);
  if (required.length === 0) return null;
  return required.map((rule) => ({
    name: rule.name,
    at: places.flatMap(({ index, rules: here }) =>
      here.includes(rule) ? [{ place: index, rule: here.indexOf(rule) }] : [],
    ),
  }));
}

function placesOf({ from }: JwtRule): TokenPlace[] {
  return [
    ...from.headers.map(({ name, prefix }) => ({ kind: "header" as const, name: name.toLowerCase(), prefix })),
    ...from.params.map((name) => ({ kind: "param" as const, name, prefix: "" })),
    ...from.cookies.map((name) => ({ kind: "cookie" as const, name, prefix: "" })),
  ];
}

function effectsOf(rule: JwtRule, place: TokenPlace, index: number): TokenEffects {
  const { forwardOriginalToken, outputPayloadToHeader, outputClaimToHeaders } = rule;
  const changes: HeaderChange[] = [];
  const taken = !forwardOriginalToken;
  if (taken && place.kind === "header") changes.push({ op: "remove", name: place.name });
  if (taken && place.kind === "cookie") changes.push({ op: "remove-cookie", name: place.name });
  if (outputPayloadToHeader !== undefined && !isProofOfCaller(outputPayloadToHeader))
    changes.push({ op: "set-payload", name: outputPayloadToHeader.toLowerCase(), place: index });
  return {
    changes,
    dropParams: taken && place.kind === "param" ? [place.name] : [],
    claims: outputClaimToHeaders
      .filter(({ header }) => !isProofOfCaller(header))
      .map(({ header, claim }) => ({ header: header.toLowerCase(), path: claim.split(".") })),
  };
}

/**
 * Finds the tokens at the places that rules read, and judges the request by them. No token at all is fine, unless a rule asks
 * for one; one that is there must be good, each of them (R13). A CORS preflight carries none and is not asked.
 */
export function authenticate(jwt: LinkedJwt, facts: RequestFacts): Authentication {
  if (jwt.places.length === 0 || isPreflight(facts)) return jwt.withoutToken;
  const tokens: VerifiedToken[] = [];
  let accepted: LinkedPlace[] | null = null;
  let needs: TokenNeed[] | null = null;
  for (const place of jwt.places) {
    const fact = facts.tokens[place.index];
    if (fact === null) continue;
    if (fact === undefined) {
      const token = tokenAt(place, facts.headers, facts.query);
      if (token !== null) (needs ??= []).push({ kind: "token", place, token });
    } else if (isThere(place, facts)) {
      if (!fact.ok) return { kind: "refused", code: fact.code, rule: place.rules[0]?.name ?? "" };
      tokens.push(fact);
      (accepted ??= []).push(place);
    }
  }
  if (needs !== null) return { kind: "need", needs };
  const missing = jwt.required === null ? null : missingRule(jwt.required, accepted ?? NOTHING, tokens);
  if (missing !== null) return { kind: "refused", code: "jwt_missing", rule: missing.name };
  return accepted === null ? jwt.withoutToken : accept(jwt, accepted, tokens);
}

function missingRule(
  required: readonly RequiredRule[],
  places: readonly LinkedPlace[],
  tokens: readonly VerifiedToken[],
): RequiredRule | null {
  const isThereFor = ({ place, rule }: RequiredRule["at"][number]): boolean => {
    const token = tokens[places.findIndex(({ index }) => index === place)];
    return token !== undefined && (token.rule === rule || token.alsoBy?.includes(rule) === true);
  };
  return required.find(({ at }) => !at.some(isThereFor)) ?? null;
}

/** An earlier stage may have taken the token out. Its value is not asked for: a record holds none. */
function isThere(place: LinkedPlace, { headers, query }: RequestFacts): boolean {
  return place.kind === "header" ? headers[place.name] !== undefined : tokenAt(place, headers, query) !== null;
}

function accept(jwt: LinkedJwt, places: readonly LinkedPlace[], tokens: readonly VerifiedToken[]): Authenticated {
  const [place] = places;
  const [token] = tokens;
  const only =
    places.length === 1 && place && token && token.alsoBy === undefined ? place.effects[token.rule] : undefined;
  if (only && only.claims.length === 0 && jwt.claimed.length === 0)
    return { kind: "authenticated", tokens, changes: only.changes, dropParams: only.dropParams };
  const changes: HeaderChange[] = [...jwt.claimed];
  const dropParams: string[] = [];
  for (const [at, accepted] of places.entries()) {
    const verified = tokens[at];
    if (!verified) continue;
    for (const rule of [verified.rule, ...(verified.alsoBy ?? NOTHING)]) {
      const effects = accepted.effects[rule];
      if (!effects) continue;
      changes.push(...effects.changes, ...claimHeaders(effects, verified));
      dropParams.push(...effects.dropParams);
    }
  }
  return { kind: "authenticated", tokens, changes, dropParams };
}

/** Of strings, whole numbers and booleans, as in Istio; a number beyond what is exact here would be another one. */
function claimHeaders({ claims }: TokenEffects, token: VerifiedToken): HeaderChange[] {
  return claims.flatMap(({ header, path }) => {
    const value = claimAt(token.claims, path);
    const plain = typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value);
    const text = plain ? String(value) : "";
    return text !== "" && isHeaderValue(text) ? [{ op: "set", name: header, value: text }] : [];
  });
}

/** The request with the headers that tokens fill as the service will get them: what a client wrote there is no claim. */
export function withOutputs(
  facts: RequestFacts,
  { claimed }: LinkedJwt,
  changes: readonly HeaderChange[],
): RequestFacts {
  const outputs = changes.filter(({ op, name }) => op !== "remove-cookie" && claimed.some((one) => one.name === name));
  return { ...facts, headers: changedHeaders(facts.headers, outputs) };
}

/** What the platform takes as a header's value; others would make it throw. */
function isHeaderValue(value: string): boolean {
  return /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value);
}
