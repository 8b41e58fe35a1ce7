import { AddressSet, readAddress } from "../match/address-set.ts";
import type { Test } from "../match/rule-index.ts";
import type { RequestFacts } from "../request/facts.ts";

/**
 * Whether an address is one of those that are wanted, and none of those that are not (R11). What cannot be read as an address
 * matches no permission and every denial. A call of a binding has none: it is in no range, and no permission that names some
 * is for it, whichever it leaves out.
 */
export function linkAddresses(
  wanted: readonly string[] | undefined,
  unwanted: readonly string[] | undefined,
  addressOf: (facts: RequestFacts) => string | null,
  deny: boolean,
): Test {
  const some = wanted ? new AddressSet(wanted) : null;
  const none = unwanted ? new AddressSet(unwanted) : null;
  return (facts) => {
    const text = addressOf(facts);
    const address = text === null ? null : readAddress(text);
    if (address === null) return deny && (facts.entrance === "public" || some === null);
    return (some === null || some.has(address)) && (none === null || !none.has(address));
  };
}
