import { err, ok, type Result } from "../result.ts";
import { audiencesOf, checkTimes, endOf, type ReadToken } from "../identity/jwt.ts";
import { fillTemplate, matchSubject, takesParts } from "./subject-pattern.ts";

/** Why a token of an issuer enrols nobody; for the operator. Whoever sent it hears one text for all. */
export type TokenRefusal =
  | "token_form"
  | "token_times"
  | "token_life"
  | "token_audience"
  | "token_subject"
  | "rule_none"
  | "rules_ambiguous"
  | "root_namespace";

/** What of an EnrolmentRule says whose tokens are whose. */
export interface Entitlement {
  /** Of the object. */
  readonly name: string;
  readonly subject: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export interface Entitled {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly rule: string;
  readonly subject: string;
}

/** Its use is remembered until it ends: a token without an end in sight would be remembered for ever. */
const MAX_LIFE_MS = 24 * 3_600_000;
const LEEWAY_MS = 60_000;

/** The audience of tokens that are meant for enrolling in a mesh. */
export function audienceOf(trustDomain: string): string {
  return `tulle://${trustDomain}`;
}

/** The audiences that API servers of Kubernetes ask for, and so every service account has. */
export function isOfKubernetes(audience: string): boolean {
  return (
    /^(https?:\/\/)?kubernetes(\.default)?(\.svc)?(\.[a-z0-9.-]+)?(:\d+)?\/?$/i.test(audience) ||
    /^https:\/\/(container\.googleapis\.com|oidc\.eks\.[a-z0-9-]+\.amazonaws\.com|[a-z0-9.-]+\.azmk8s\.io)(\/|:|$)/i.test(
      audience,
    ) ||
    audience === "api"
  );
}

/** Times, audience: what is asked of a token whatever the rules say. @param now epoch ms */
export function checkEnrolmentToken(token: ReadToken, trustDomain: string, now: number): TokenRefusal | null {
  const { iat, exp, sub, jti } = token.claims;
  if (checkTimes(token, now) !== null) return "token_times";
  if (typeof iat !== "number" || !Number.isFinite(iat) || iat * 1_000 - LEEWAY_MS > now) return "token_times";
  if (typeof exp !== "number" || endOf(token) - now > MAX_LIFE_MS + LEEWAY_MS || exp <= iat) return "token_life";
  if (typeof sub !== "string" || sub === "") return "token_subject";
  if (jti !== undefined && (typeof jti !== "string" || jti === "" || jti.length > 1_024)) return "token_form";
  // One that others take too could be sent here by them.
  const audiences = audiencesOf(token);
  return audiences.length === 1 && audiences[0] === audienceOf(trustDomain) && isWhole(token) ? null : "token_audience";
}

/** Epoch ms before which a token that passed was not made: its issuer's clock may be ahead. */
export function notMadeBefore({ claims }: ReadToken): number {
  return Number(claims["iat"]) * 1_000 - LEEWAY_MS;
}

/** A list may hold what is no text, which is left out of what was compared. */
function isWhole({ claims: { aud } }: ReadToken): boolean {
  return typeof aud === "string" || (Array.isArray(aud) && aud.length === 1);
}

/**
 * Which workload a subject is. Rules that would make two of it make none: which one is meant nobody has said.
 *
 * @param rules of the token's issuer
 * @param roots namespaces whose workloads stand for the mesh itself: only a rule that writes them out makes one of theirs
 */
export function entitlementOf(
  subject: string,
  rules: readonly Entitlement[],
  roots: ReadonlySet<string>,
): Result<Entitled, TokenRefusal> {
  const found: Entitled[] = [];
  let isRoot = false;
  for (const rule of rules) {
    const matched = matchSubject(rule.subject, subject);
    const namespace = matched && fillTemplate(rule.namespace, matched);
    const serviceAccount = matched && fillTemplate(rule.serviceAccount, matched);
    if (namespace === null || serviceAccount === null) continue;
    if (roots.has(namespace) && (takesParts(rule.namespace) || takesParts(rule.serviceAccount))) isRoot = true;
    else found.push({ namespace, serviceAccount, rule: rule.name, subject });
  }
  const [first, ...more] = found;
  if (first === undefined) return err(isRoot ? "root_namespace" : "rule_none");
  const isOther = (one: Entitled): boolean =>
    one.namespace !== first.namespace || one.serviceAccount !== first.serviceAccount;
  return more.some(isOther) ? err("rules_ambiguous") : ok(first);
}

/**
 * What makes a token itself, for it to be used once: its `jti`, or else all that was signed. The signature is no part of it:
 * of ECDSA there are two for one text.
 */
export function onceOf({ text, claims }: ReadToken): string {
  const { iss, jti } = claims;
  return typeof jti === "string" ? `jti ${JSON.stringify([iss, jti])}` : `text ${text.slice(0, text.lastIndexOf("."))}`;
}
