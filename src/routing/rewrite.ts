import type { RequestFacts } from "../request/facts.ts";
import type { HeaderChange } from "../request/changes.ts";
import { linkReplaceAll } from "../match/substitution.ts";
import { MAX_PATH } from "./canonical-path.ts";
import { withCapitalEscapes } from "./unreserved.ts";
import type { HeaderOps, Route, RouteMatch, WeightedDestination } from "../snapshot/model.ts";

/**
 * What a route makes of a path: where the uri matched by prefix that prefix is swapped, else the whole path. A match that
 * names no uri holds for the prefix `/`, as in Istio.
 */
export function rewritePath(
  { forwardPath }: Pick<RequestFacts, "forwardPath">,
  rewrite: Route["rewrite"],
  { uri: matched }: RouteMatch,
): string | null {
  const uri = rewrite?.uri;
  if (uri === undefined) return null;
  if (matched === undefined) return uri + forwardPath.slice(1);
  return matched.kind === "prefix" ? uri + behind(forwardPath, matched.value.length) : uri;
}

/**
 * What `rewrite.regex` makes of a path, whose escapes are in capitals for it as for other patterns.
 *
 * @returns null where there is none; a path that would be too long becomes none, which is refused
 */
export function linkRewriter({ rewrite }: Route): ((path: string) => string) | null {
  const regex = rewrite?.regex;
  if (regex === undefined) return null;
  const replace = linkReplaceAll(regex.match, regex.rewrite, MAX_PATH);
  return (path) => replace(withCapitalEscapes(path)) ?? "";
}

/** What follows the first characters of a path. Its `;params` are no part of what was matched, so they do not count. */
function behind(path: string, characters: number): string {
  if (!path.includes(";")) return path.slice(characters);
  let at = 0;
  for (let left = characters; left > 0 && at < path.length; left -= 1) {
    if (path[at] === ";") at = path.indexOf("/", at);
    at += 1;
  }
  return path.slice(at);
}

/** Header changes of a route and its chosen destination, ready. `authority` is what `Host` in them asks for. */
export interface LinkedOps {
  readonly request: readonly HeaderChange[];
  readonly response: readonly HeaderChange[];
  readonly authority: string | null;
}

/**
 * Joins the operations of route and destination in Istio's order: with several destinations the destination's run first, so
 * that the route's `set` wins; with one the route's run first. The authority is the route's when both set it.
 */
export function linkOps(route: Route, destination: WeightedDestination): LinkedOps {
  const single = route.destinations.length === 1;
  const order = <T>(own: T, chosen: T): readonly T[] => (single ? [own, chosen] : [chosen, own]);
  const authority = route.rewrite?.authority ?? authorityOf(route.request) ?? authorityOf(destination.request);
  const request = order(route.request, destination.request).flatMap((ops) => changesOf(ops, true));
  return {
    // The destination's policies see the Host that will be sent.
    request: authority === null ? request : [...request, { op: "set", name: "host", value: authority.toLowerCase() }],
    response: order(route.response, destination.response).flatMap((ops) => changesOf(ops, false)),
    authority,
  };
}

/** What a route changes of an answer that the gateway gives by itself. */
export function responseOps(route: Route): readonly HeaderChange[] {
  return changesOf(route.response, false);
}

function changesOf(ops: HeaderOps | undefined, request: boolean): HeaderChange[] {
  if (!ops) return [];
  const isHeader = (name: string): boolean => !name.startsWith(":") && !(request && name === "host");
  return [
    ...(ops.remove ?? []).map((name) => ({ op: "remove" as const, name })),
    ...(ops.set ?? []).map(([name, value]) => ({ op: "set" as const, name, value })),
    ...(ops.add ?? []).map(([name, value]) => ({ op: "add" as const, name, value })),
  ].filter(({ name }) => isHeader(name));
}

function authorityOf(ops: HeaderOps | undefined): string | null {
  for (const [name, value] of [...(ops?.set ?? []), ...(ops?.add ?? [])]) {
    if (name === "host" || name === ":authority") return value;
  }
  return null;
}
