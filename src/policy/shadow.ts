import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { PolicySet } from "../snapshot/model.ts";
import { firstPolicy, type LinkedPolicies, linkPolicies } from "./authorization.ts";
import type { LinkContext } from "./conditions.ts";
import { enforced, tried } from "./policy-set.ts";

/**
 * What a policy that enforces nothing has to tell of a request: AUDIT, any action under `istio.io/dry-run`, and (OBSERVE) what would
 * have refused it where its namespace did not observe.
 */
export interface ShadowNote {
  readonly stage: "gateway" | "destination";
  readonly action: "AUDIT" | "ALLOW" | "DENY" | "CUSTOM" | "OBSERVE";
  readonly dryRun: boolean;
  /** What would have come of it. An AUDIT policy matches; a CUSTOM one would have asked its provider. */
  readonly result: "allowed" | "denied" | "matched" | "asked";
  /** `ns/name` of the policy that matches; null: none does. */
  readonly policy: string | null;
  /** Of OBSERVE: why it would have been refused, as the log's `details` have it. */
  readonly code?: string;
}

/** The policies of a workload that only tell, by action. */
export interface LinkedShadow {
  readonly stage: ShadowNote["stage"];
  readonly audit: LinkedPolicies;
  readonly tried: readonly { readonly action: ShadowNote["action"]; readonly policies: LinkedPolicies }[];
}

/** @returns null where all policies of the set count: then nothing of this costs anything */
export function linkShadow(set: PolicySet, context: LinkContext): LinkedShadow | null {
  const audit = linkPolicies(enforced(set.audit ?? []), true, context);
  const actions = [
    { action: "CUSTOM", list: set.custom ?? [], deny: true },
    { action: "AUDIT", list: set.audit ?? [], deny: true },
    { action: "DENY", list: set.deny, deny: true },
    { action: "ALLOW", list: set.allow, deny: false },
  ] as const;
  const dryRun = actions.flatMap(({ action, list, deny }) => {
    const policies = tried(list);
    return policies.length === 0 ? [] : [{ action, policies: linkPolicies(policies, deny, context) }];
  });
  return audit.count === 0 && dryRun.length === 0 ? null : { stage: context.stage, audit, tried: dryRun };
}

/** What they tell of a request, as the policies that count see it. */
export function shadowNotes(
  { stage, audit, tried: dryRun }: LinkedShadow,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
): readonly ShadowNote[] {
  const notes: ShadowNote[] = [];
  const audited = firstPolicy(audit, facts, tokens);
  if (audited !== null) notes.push({ stage, action: "AUDIT", dryRun: false, result: "matched", policy: audited });
  for (const { action, policies } of dryRun) {
    const policy = firstPolicy(policies, facts, tokens);
    const result = resultOf(action, policy !== null);
    if (result !== null) notes.push({ stage, action, dryRun: true, result, policy });
  }
  return notes;
}

/** @returns null where there is nothing to tell */
function resultOf(action: ShadowNote["action"], matches: boolean): ShadowNote["result"] | null {
  switch (action) {
    case "ALLOW":
      return matches ? "allowed" : "denied";
    case "DENY":
      return matches ? "denied" : "allowed";
    case "AUDIT":
      return matches ? "matched" : null;
    case "CUSTOM":
      return matches ? "asked" : null;
    case "OBSERVE":
      return matches ? "denied" : null;
  }
}
