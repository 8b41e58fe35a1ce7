import { linkPolicies, type LinkedPolicies } from "../policy/authorization.ts";
import { type LinkedJwt, linkJwt } from "../policy/request-authentication.ts";
import { type LinkedOps, linkOps } from "../routing/rewrite.ts";
import { linkRoutes, type RouteIndex } from "../routing/route-match.ts";
import type { Cluster, MtlsMode, PolicySet, Route, Slice } from "./model.ts";

/** A slice made ready: at request time nothing is parsed, and the cost does not grow with routes or policies. */
export interface LinkedSlice {
  readonly model: Slice;
  readonly routes: RouteIndex<LinkedRoute>;
  readonly policySets: readonly LinkedPolicySet[];
  /** Headers that some route or policy looks at, lower case. */
  readonly headerNames: ReadonlySet<string>;
}

export interface LinkedRoute {
  readonly model: Route;
  readonly destinations: readonly LinkedDestination[];
}

export interface LinkedDestination {
  readonly cluster: LinkedCluster;
  /** Upper end of its share of [0, 1). */
  readonly upTo: number;
  readonly ops: LinkedOps;
}

export interface LinkedCluster {
  readonly model: Cluster;
  /** The different policy sets of its endpoints. */
  readonly sets: readonly number[];
}

export interface LinkedPolicySet {
  readonly mtls: MtlsMode;
  readonly jwt: LinkedJwt;
  readonly deny: LinkedPolicies;
  readonly allow: LinkedPolicies;
}

export function link(slice: Slice): LinkedSlice {
  const clusters = new Map(Object.entries(slice.clusters).map(([id, model]) => [id, linkCluster(model)]));
  const routes = slice.routes.map((route) => linkRoute(route, clusters));
  const policySets = slice.policySets.map(linkSet);
  return { model: slice, routes: linkRoutes(routes), policySets, headerNames: headerNames(slice) };
}

function headerNames({ routes, policySets }: Slice): ReadonlySet<string> {
  const inRoutes = routes.flatMap(({ matches }) =>
    matches.flatMap(({ headers = [] }) => headers.map(({ name }) => name)),
  );
  const rules = policySets.flatMap(({ deny, allow }) => [...deny, ...allow].flatMap((policy) => policy.rules));
  const inRules = rules.flatMap(({ when = [] }) => when.flatMap(({ key }) => (key.kind === "header" ? key.name : [])));
  return new Set([...inRoutes, ...inRules]);
}

function linkCluster(model: Cluster): LinkedCluster {
  return { model, sets: [...new Set(model.endpoints.map(({ policySet }) => policySet))] };
}

function linkRoute(model: Route, clusters: ReadonlyMap<string, LinkedCluster>): LinkedRoute {
  const single = model.destinations.length === 1;
  const total = model.destinations.reduce((sum, { weight }) => sum + weight, 0);
  let reached = 0;
  const destinations = model.destinations.flatMap((destination) => {
    const cluster = clusters.get(destination.cluster);
    if (!cluster) throw new Error(`the slice names a cluster that it does not hold: ${destination.cluster}`);
    const share = single ? 1 : destination.weight / total;
    reached += share;
    return share > 0 ? [{ cluster, upTo: reached, ops: linkOps(model, destination) }] : [];
  });
  return { model, destinations };
}

function linkSet({ mtls, jwt, deny, allow }: PolicySet): LinkedPolicySet {
  return { mtls, jwt: linkJwt(jwt), deny: linkPolicies(deny, true), allow: linkPolicies(allow, false) };
}
