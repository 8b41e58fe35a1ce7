import { SPACE_DELIMITED } from "../policy/claims.ts";
import type { LinkedPlace, TokenNeed } from "../policy/request-authentication.ts";
import { tokenAt } from "../request/credentials.ts";
import type { RequestFacts } from "../request/facts.ts";
import { copyHeaders } from "../request/headers.ts";
import type { RefusedToken, TokenFact, VerifiedToken } from "../request/token-fact.ts";
import type { JwtRule } from "../snapshot/model.ts";
import { type HypotheticalToken, toldToken } from "./told-token.ts";

/** Tokens that nobody signed, by the text that stands for each in the request. */
export interface PlacedTokens {
  readonly facts: RequestFacts;
  readonly byText: ReadonlyMap<string, HypotheticalToken>;
  /** Issuers that no rule of the host looks for. */
  readonly unwanted: readonly string[];
}

/** No token looks like it, and no record or header tells more of it. */
const STAND_IN = "hypothetical-token-";

/**
 * Puts each token where rules that name its issuer look for one: at the first such place where the request holds something,
 * else at the first one that is empty, by a text that stands for it.
 */
export function placeTokens(
  facts: RequestFacts,
  places: readonly LinkedPlace[],
  tokens: readonly HypotheticalToken[],
): PlacedTokens {
  const byText = new Map<string, HypotheticalToken>();
  const unwanted: string[] = [];
  let held = facts;
  for (const [at, token] of tokens.entries()) {
    const wanting = places.filter(({ rules }) => rules.some(({ issuer }) => issuer === token.issuer));
    const text = wanting
      .flatMap((place) => tokenAt(place, held.headers, held.query) ?? [])
      .find((found) => !byText.has(found));
    const empty = wanting.find((place) => tokenAt(place, held.headers, held.query) === null);
    if (text !== undefined) byText.set(text, token);
    else if (empty === undefined) unwanted.push(token.issuer);
    else {
      byText.set(`${STAND_IN}${at}`, token);
      held = withText(held, empty, `${STAND_IN}${at}`);
    }
  }
  return { facts: held, byText, unwanted };
}

function withText(facts: RequestFacts, { kind, name, prefix }: LinkedPlace, text: string): RequestFacts {
  if (kind === "param") {
    const pair = `${encodeURIComponent(name)}=${text}`;
    return { ...facts, query: facts.query === "" ? pair : `${facts.query}&${pair}` };
  }
  const headers = copyHeaders(facts.headers);
  if (kind === "header") headers[name] = `${prefix}${text}`;
  else headers["cookie"] = [headers["cookie"] ?? [], `${name}=${text}`].flat().join("; ");
  return { ...facts, headers };
}

/**
 * Verifies as the gateway does, but for the signature.
 *
 * @returns null where nobody told what this token is
 */
export function hypotheticalFact({ place, token: text }: TokenNeed, byText: PlacedTokens["byText"]): TokenFact | null {
  const token = byText.get(text);
  if (token !== undefined) return judge(token, place.rules);
  // Rules with another prefix see more than the token at the same place: a gateway cannot read that.
  return text.includes(STAND_IN) ? { ok: false, code: "jwt_invalid", detail: "token_malformed" } : null;
}

const NO_TOKEN: HypotheticalToken = { issuer: "", subject: "", audiences: [], presenter: null, claims: {} };

/** Reads the token that the request holds, and takes it as signed. @param now epoch seconds */
export function readFact({ place, token }: TokenNeed, now: number): TokenFact {
  return judge(toldToken(token, now) ?? NO_TOKEN, place.rules);
}

function judge(token: HypotheticalToken, rules: readonly JwtRule[]): TokenFact {
  let refused: RefusedToken = { ok: false, code: "jwt_invalid", detail: "token_issuer" };
  const by: number[] = [];
  for (const [index, rule] of rules.entries()) {
    if (rule.issuer !== token.issuer || (by.length > 0 && rule.required === undefined)) continue;
    if (token.refused !== undefined) return { ok: false, code: token.refused, detail: rule.name };
    const wanted = rule.audiences.length === 0 || rule.audiences.some((audience) => token.audiences.includes(audience));
    if (wanted) by.push(index);
    else refused = { ok: false, code: "jwt_audience", detail: rule.name };
  }
  const [first, ...alsoBy] = by;
  const rule = first === undefined ? undefined : rules[first];
  if (first === undefined || rule === undefined) return refused;
  return { ...factOf(token, rule, first), ...(alsoBy.length > 0 && { alsoBy }) };
}

function factOf(token: HypotheticalToken, rule: JwtRule, index: number): VerifiedToken {
  const { issuer, subject, audiences, presenter, claims } = token;
  return {
    ok: true,
    principal: `${issuer}/${subject}`,
    issuer,
    subject,
    audiences,
    presenter,
    claims: {
      ...claims,
      iss: issuer,
      ...(subject !== "" && { sub: subject }),
      ...(audiences.length > 0 && { aud: audiences }),
      ...(presenter !== null && { azp: presenter }),
    },
    spaceDelimited: [...SPACE_DELIMITED, ...rule.spaceDelimitedClaims],
    rule: index,
  };
}
