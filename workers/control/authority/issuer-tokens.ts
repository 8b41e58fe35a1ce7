import { candidates, endOf, isSigned, readToken, type ReadToken } from "../../../src/identity/jwt.ts";
import {
  checkEnrolmentToken,
  type Entitled,
  type Entitlement,
  entitlementOf,
  notMadeBefore,
  onceOf,
  type TokenRefusal,
} from "../../../src/resources/enrolment-token.ts";
import type { EnrolmentRuleSpec } from "../../../src/resources/enrolment-rule.ts";
import { err, ok, type Result } from "../../../src/result.ts";
import type { IssuerKeys, KeySource } from "./issuer-keys.ts";

/** An EnrolmentRule, by its name. */
export interface NamedRule {
  readonly name: string;
  readonly spec: EnrolmentRuleSpec;
}

/** What of the mesh's settings counts. */
export interface EnrolmentSettings {
  readonly rules: readonly NamedRule[];
  readonly allowedHosts: readonly string[];
  readonly rootNamespaces: readonly string[];
}

/** Why a token enrols nobody, and whose it says that it is; for the operator alone. */
export interface IssuerTokenRefusal {
  readonly reason: TokenRefusal | "issuer_unknown" | "token_keys" | "token_signature" | "token_used";
  /** Of no proof. */
  readonly subject: string | null;
}

export interface Judged {
  readonly entitled: Entitled;
  /** For `SingleUse`. */
  readonly once: string;
  /** Epoch ms: it was not made before. */
  readonly madeAt: number;
  readonly endsAt: number;
}

/**
 * Judges a token of an issuer. The rules are asked before its keys are: whoever no rule could ever fit makes control fetch
 * nothing.
 */
export async function judgeIssuerToken(
  text: string,
  { rules, allowedHosts, rootNamespaces }: EnrolmentSettings,
  trustDomain: string,
  keys: IssuerKeys,
  now: () => number,
): Promise<Result<Judged, IssuerTokenRefusal>> {
  const read = readToken(text);
  if (!read.ok) return err({ reason: "token_form", subject: null });
  const token = read.value;
  const { iss, sub } = token.claims;
  const refuse = (reason: IssuerTokenRefusal["reason"]) =>
    err({ reason, subject: typeof sub === "string" ? sub.slice(0, 1_024) : null });
  const ofIssuer = rules.filter(({ spec }) => spec.issuer === iss);
  if (ofIssuer.length === 0) return refuse("issuer_unknown");
  const problem = checkEnrolmentToken(token, trustDomain, now());
  if (problem !== null) return refuse(problem);
  const roots = new Set(rootNamespaces);
  const fitting = ofIssuer.filter((rule) => {
    const one = entitlementOf(String(sub), [entitlementIn(rule)], roots);
    return one.ok || one.error === "root_namespace";
  });
  if (fitting.length === 0) return refuse("rule_none");
  const proven = await provenBy(token, fitting, allowedHosts, keys, now);
  if (proven === null) return refuse("token_keys");
  if (proven.length === 0) return refuse("token_signature");
  const entitled = entitlementOf(String(sub), proven.map(entitlementIn), roots);
  if (!entitled.ok) return refuse(entitled.error);
  return ok({ entitled: entitled.value, once: onceOf(token), madeAt: notMadeBefore(token), endsAt: endOf(token) });
}

function entitlementIn({ name, spec }: NamedRule): Entitlement {
  return { name, subject: spec.subject, namespace: spec.namespace, serviceAccount: spec.serviceAccount };
}

/** The rules by whose own keys the token is signed; null: no keys are to be had. */
async function provenBy(
  token: ReadToken,
  rules: readonly NamedRule[],
  allowedHosts: readonly string[],
  keys: IssuerKeys,
  now: () => number,
): Promise<readonly NamedRule[] | null> {
  const verdicts = new Map<string, boolean>();
  let found = false;
  for (const { spec } of rules) {
    const source = sourceOf(spec);
    const id = JSON.stringify(source);
    if (verdicts.has(id)) continue;
    const set = await keys.get(source, allowedHosts, (some) => candidates(token, some).length > 0, now);
    found ||= set !== null;
    verdicts.set(id, set !== null && (await isSigned(token, candidates(token, set))));
  }
  return found ? rules.filter(({ spec }) => verdicts.get(JSON.stringify(sourceOf(spec)))) : null;
}

function sourceOf({ issuer, jwks, jwksUri }: EnrolmentRuleSpec): KeySource {
  if (jwks !== undefined) return { kind: "inline", jwks };
  return jwksUri === undefined ? { kind: "discovered", issuer } : { kind: "remote", uri: jwksUri };
}
