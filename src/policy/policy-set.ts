import type { AuthorizationPolicyModel, PolicySet } from "../snapshot/model.ts";

/** Every authorization policy of a set, whatever comes of it. */
export function policiesOf({ deny, allow, custom = [], audit = [] }: PolicySet): readonly AuthorizationPolicyModel[] {
  return [...deny, ...allow, ...custom, ...audit];
}

/** Those that count. */
export function enforced<P extends AuthorizationPolicyModel>(policies: readonly P[]): readonly P[] {
  return policies.some(isTried) ? policies.filter((policy) => !isTried(policy)) : policies;
}

/** Those that are only tried out: a workload whose only ALLOW policies are such has none that counts. */
export function tried<P extends AuthorizationPolicyModel>(policies: readonly P[]): readonly P[] {
  return policies.filter(isTried);
}

function isTried({ dryRun }: AuthorizationPolicyModel): boolean {
  return dryRun === true;
}
