import { HostIndex } from "../routing/host.ts";
import type { Scope } from "../snapshot/model.ts";
import type { CompiledSlice } from "./slices.ts";

type Scopes = ReadonlyMap<Scope, ReadonlyMap<string, CompiledSlice>>;

/** What does not change between two changes of the configuration is made ready once. */
const indexes = new WeakMap<Scopes, HostIndex>();

/**
 * Looks a host up among all that is compiled, as a gateway does in its root.
 *
 * @param host lower case, without port
 * @returns null where the scope does not list it
 */
export function lookupSlice(scopes: Scopes, scope: Scope, host: string): CompiledSlice | null {
  let index = indexes.get(scopes);
  if (index === undefined) indexes.set(scopes, (index = new HostIndex(named(scopes))));
  const [of, name] = index.lookup(scope, host)?.split(" ") ?? [];
  return of === undefined || name === undefined ? null : (scopes.get(of)?.get(name) ?? null);
}

/** In the place of ids: where each slice stands. Neither scope nor host holds a blank. */
function named(scopes: Scopes): Record<Scope, Record<string, string>> {
  const lists = Array.from(scopes, ([scope, hosts]) => {
    const list = Array.from(hosts.keys(), (host) => [host, `${scope} ${host}`] as const);
    return [scope, Object.fromEntries(list)] as const;
  });
  return Object.fromEntries(lists);
}
