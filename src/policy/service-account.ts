import type { RequestFacts } from "../request/facts.ts";

/** Who calls as `namespace/account`; null where that is not proven. Only whole names are compared; those of federated trust domains have no namespace here. */
export function accountOf({ peer }: RequestFacts): string | null {
  const { principal, namespace, trustDomain } = peer;
  if (principal === null || namespace === null || trustDomain === null) return null;
  const before = `${trustDomain}/ns/${namespace}/sa/`;
  return principal.startsWith(before) ? `${namespace}/${principal.slice(before.length)}` : null;
}
