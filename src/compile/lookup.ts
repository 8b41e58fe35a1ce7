import { HostIndex, widerScope } from "../routing/host.ts";
import type { Scope } from "../snapshot/model.ts";
import type { Scopes } from "./compiler.ts";
import type { CompiledSlice } from "./slices.ts";

/** What does not change between two changes of the configuration is made ready once. */
const indexes = new WeakMap<Scopes, HostIndex>();

/**
 * Looks a host up among all that is compiled, as a gateway does in its root.
 *
 * @param host lower case, without port
 * @returns null where the scope does not list it
 */
export function lookupSlice(scopes: Scopes, scope: Scope, host: string): CompiledSlice | null {
  const [of, name] = indexOf(scopes).lookup(scope, host)?.split(" ") ?? [];
  return of === undefined || name === undefined ? null : (scopes.get(of)?.get(name) ?? null);
}

/** The scope by which a caller is served that may have one of its own: that of its namespace where it has none. */
export function servingScope(scopes: Scopes, scope: Scope): Scope {
  const wider = widerScope(scope);
  return wider === null || wider === "mesh/*" || scopes.has(scope) ? scope : wider;
}

function indexOf(scopes: Scopes): HostIndex {
  let index = indexes.get(scopes);
  if (index === undefined) indexes.set(scopes, (index = new HostIndex(named(scopes))));
  return index;
}

/** In the place of ids: where each slice stands. Neither scope nor host holds a blank. */
function named(scopes: Scopes): Record<Scope, Record<string, string | null>> {
  const lists = Array.from(scopes, ([scope, hosts]) => {
    const list = Array.from(hosts, ([host, slice]) => [host, slice && `${scope} ${host}`] as const);
    return [scope, Object.fromEntries(list)] as const;
  });
  return Object.fromEntries(lists);
}
