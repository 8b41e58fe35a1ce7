import { type Rule, RuleIndex } from "../match/rule-index.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { AuthorizationPolicyModel } from "../snapshot/model.ts";
import { anchorsOf } from "./anchors.ts";
import type { LinkContext } from "./conditions.ts";
import { linkRule } from "./rules.ts";

interface LinkedRule extends Rule {
  readonly policy: string;
}

/** The policies of one action on one workload, found by path and principal. */
export interface LinkedPolicies {
  /** How many policies there are: an ALLOW without rules allows nothing, yet closes what it selects. */
  readonly count: number;
  /** `ns/name` of each. */
  readonly names: readonly string[];
  readonly rules: RuleIndex<LinkedRule>;
}

export interface Verdict {
  readonly allowed: boolean;
  readonly code: "rbac_denied_matched_policy" | "rbac_denied_no_allow" | "allowed";
  /** `ns/name` of the policy that decided. */
  readonly policy: string | null;
}

const OPEN: Verdict = { allowed: true, code: "allowed", policy: null };
const NO_ALLOW: Verdict = { allowed: false, code: "rbac_denied_no_allow", policy: null };

/** Whether nothing can be refused. */
export function isOpen(deny: LinkedPolicies, allow: LinkedPolicies): boolean {
  return deny.rules.size === 0 && allow.count === 0;
}

/** DENY before ALLOW; a workload without ALLOW policies is open, as in Istio. */
export function authorize(
  deny: LinkedPolicies,
  allow: LinkedPolicies,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
): Verdict {
  const denied = firstPolicy(deny, facts, tokens);
  if (denied !== null) return { allowed: false, code: "rbac_denied_matched_policy", policy: denied };
  if (allow.count === 0) return OPEN;
  const allowed = firstPolicy(allow, facts, tokens);
  return allowed === null ? NO_ALLOW : { allowed: true, code: "allowed", policy: allowed };
}

/** `ns/name` of the first policy of which a rule holds; null: none does. */
export function firstPolicy(
  { rules }: LinkedPolicies,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
): string | null {
  return rules.size === 0 ? null : (rules.find(facts, tokens)?.policy ?? null);
}

/** @param deny what is unsure (a pattern that fails, one value of several) then counts as a match */
export function linkPolicies(
  policies: readonly AuthorizationPolicyModel[],
  deny: boolean,
  context: LinkContext,
): LinkedPolicies {
  const rules = policies.flatMap(({ name, rules: list }) =>
    list.map((rule) => ({ anchors: anchorsOf(rule), rule: { policy: name, holds: linkRule(rule, deny, context) } })),
  );
  return { count: policies.length, names: policies.map(({ name }) => name), rules: new RuleIndex(rules) };
}
