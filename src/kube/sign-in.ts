import { audiencesOf, checkTimes, type ReadToken } from "../identity/jwt.ts";
import { ANY_NAMESPACE, isCloudflareAccess, signInClaim, type SignInSpec } from "../resources/sign-in.ts";
import type { Account } from "./access.ts";

/** Whom an issuer's token names, and what of it rules may ask for. */
export interface Identity {
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  /** Claim as rules name it -> its values. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
}

export type Rights = Pick<Account, "role" | "namespace" | "permissions">;

/** Why a token lets nobody in. */
export type SignInProblem =
  | "token_form"
  | "token_kind"
  | "token_issuer"
  | "token_audience"
  | "token_times"
  | "token_subject"
  | "token_keys"
  | "token_signature"
  | "token_used"
  | "no_rule";

const LEEWAY_S = 60;
/**
 * An ID token older than this lets nobody in, whatever its own end: it makes one session, and that is known for so long (OpenID Connect
 * Core §3.1.3.7, 10). Access sends one token with all requests, as long as it holds.
 */
const MAX_AGE_S = 86_400;

/**
 * What a token must be, apart from its signature, to count for an entry of `signIn`.
 *
 * @param type `typ` of its header
 * @param now epoch ms
 */
export function signInProblem(
  token: ReadToken,
  type: unknown,
  { issuer, audience }: SignInSpec,
  now: number,
): SignInProblem | null {
  const { claims } = token;
  if (claims["iss"] !== issuer) return "token_issuer";
  const audiences = audiencesOf(token);
  if (!audiences.includes(audience)) return "token_audience";
  // A token for several was made for the one that `azp` names (OpenID Connect Core §3.1.3.7).
  const { azp, iat } = claims;
  if ((audiences.length > 1 || azp !== undefined) && azp !== audience) return "token_audience";
  if (!isIdToken(type, claims, issuer)) return "token_kind";
  if (checkTimes(token, now) !== null) return "token_times";
  const age = typeof iat === "number" ? now / 1_000 - iat : Number.NaN;
  const oldest = isCloudflareAccess(issuer) ? Infinity : MAX_AGE_S + LEEWAY_S;
  if (!(age >= -LEEWAY_S && age <= oldest)) return "token_times";
  return subjectOf(claims, issuer) === null ? "token_subject" : null;
}

/** Access tokens (RFC 9068), logout tokens and Access's session tokens are signed by the same keys, and meant for others. */
function isIdToken(type: unknown, claims: ReadToken["claims"], issuer: string): boolean {
  if (type !== undefined && !(typeof type === "string" && type.toUpperCase() === "JWT")) return false;
  // What they open stands in access tokens (RFC 9068 §2.2.3; Entra's `scp`), whose audience may be the same program.
  if (["events", "scope", "scp"].some((name) => Object.hasOwn(claims, name))) return false;
  // Keycloak and Cognito say the kind in claims of their own, with `JWT` in every header.
  const { typ = "ID", token_use: use = "id" } = claims;
  if (typ !== "ID" || use !== "id") return false;
  return !isCloudflareAccess(issuer) || claims["type"] === "app";
}

const SUBJECT = /^[\x21-\x7e]{1,255}$/;

/** Who it is (OpenID Connect Core §2); a service token of Access has its name elsewhere. */
export function subjectOf(claims: ReadToken["claims"], issuer: string): string | null {
  const { sub, common_name: service } = claims;
  if (isCloudflareAccess(issuer) && sub === "" && typeof service === "string")
    return SUBJECT.test(service) ? `service:${service}` : null;
  return typeof sub === "string" && SUBJECT.test(sub) ? sub : null;
}

/** @returns what rules of the entry ask for, and no more: the rest is nobody's business here */
export function claimsOf({ rules, issuer }: SignInSpec, claims: ReadToken["claims"]): Identity["claims"] {
  const names = new Set(rules.flatMap((rule) => rule.claims.map(({ name }) => name)));
  return Object.fromEntries([...names].map((name) => [name, valuesOf(claims, name, issuer)]));
}

function valuesOf(claims: ReadToken["claims"], name: string, issuer: string): readonly string[] {
  // Many providers let their users write any address there. Access asks the provider (its documentation, "application token").
  if (name === "email" && claims["email_verified"] !== true && !isCloudflareAccess(issuer)) return [];
  let value: unknown = claims;
  for (const part of signInClaim(name) ?? []) {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (!isObject || !Object.hasOwn(value as object, part)) return [];
    value = (value as Readonly<Record<string, unknown>>)[part];
  }
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}

/**
 * What somebody may do by the rules as they are now: the first rule whose claims they all have. No rule, no access.
 *
 * @param wish the only namespace that they want to reach; null: what the rule gives
 */
export function rightsOf(entries: readonly SignInSpec[], identity: Identity, wish: string | null): Rights | null {
  for (const { issuer, audience, rules } of entries) {
    if (issuer !== identity.issuer || audience !== identity.audience) continue;
    for (const { claims, role, namespace, permissions } of rules) {
      const reaches = wish === null || namespace === ANY_NAMESPACE || namespace === wish;
      if (!reaches || !claims.every(({ name, values }) => holds(identity, name, values))) continue;
      return {
        role,
        namespace: wish ?? (namespace === ANY_NAMESPACE ? null : namespace),
        ...(permissions !== undefined && { permissions }),
      };
    }
  }
  return null;
}

function holds({ claims }: Identity, name: string, values: readonly string[]): boolean {
  const has = Object.hasOwn(claims, name) ? (claims[name] ?? []) : [];
  return has.some((value) => values.includes(value));
}

/** As Kubernetes names users of an issuer: `sub` alone is one's own choice at many issuers. */
export function userName({ issuer, subject }: Pick<Identity, "issuer" | "subject">): string {
  return `${issuer}#${subject}`;
}
