import { addressKey } from "../resources/address.ts";

const known = new WeakMap<readonly object[], ReadonlyMap<string, readonly object[]>>();

/**
 * Endpoints by the key of each of their addresses, worked out once for a list: each address of an object is asked about, and to look
 * through all of them each time would take quadratic time.
 */
export function byAddress<Endpoint extends object>(
  endpoints: readonly Endpoint[],
  addressesOf: (endpoint: Endpoint) => readonly string[],
): ReadonlyMap<string, readonly Endpoint[]> {
  const before = known.get(endpoints) as ReadonlyMap<string, readonly Endpoint[]> | undefined;
  if (before !== undefined) return before;
  const found = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    for (const key of new Set(addressesOf(endpoint).map(addressKey))) {
      const same = found.get(key);
      if (same === undefined) found.set(key, [endpoint]);
      else same.push(endpoint);
    }
  }
  known.set(endpoints, found);
  return found;
}
