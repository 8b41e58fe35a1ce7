import type { Peer } from "../identity/peer.ts";
import type { RequestFacts } from "../request/facts.ts";

/** A caller's peer is the same object from request to request. */
const accounts = new WeakMap<Peer, string | null>();

/** Who calls as `namespace/account`; null where that is not proven. Only whole names are compared; those of federated trust domains have no namespace here. */
export function accountOf({ peer }: RequestFacts): string | null {
  const known = accounts.get(peer);
  if (known !== undefined) return known;
  const account = accountIn(peer);
  accounts.set(peer, account);
  return account;
}

function accountIn({ principal, namespace, trustDomain }: Peer): string | null {
  if (principal === null || namespace === null || trustDomain === null) return null;
  const before = `${trustDomain}/ns/${namespace}/sa/`;
  return principal.startsWith(before) ? `${namespace}/${principal.slice(before.length)}` : null;
}
