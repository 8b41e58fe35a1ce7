import { namedHeaders, type NamedHeaders } from "../match/header-names.ts";
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
  /** Headers that some route or policy looks at, sets or takes away. */
  readonly headerNames: NamedHeaders;
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

/** Whatever a rule does with a header: matches it, sets or removes it, reads a token from it, writes a claim into it. */
function headerNames({ routes, policySets }: Slice): NamedHeaders {
  return namedHeaders([...routes.flatMap(namesOfRoute), ...policySets.flatMap(namesOfSet)]);
}

function namesOfRoute({ matches, request, destinations }: Route): readonly string[] {
  const changes = [request, ...destinations.map((destination) => destination.request)];
  return [
    ...matches.flatMap(({ headers = [] }) => headers.map(({ name }) => name)),
    ...changes.flatMap((ops) => [
      ...(ops?.remove ?? []),
      ...(ops?.set ?? []).map(([name]) => name),
      ...(ops?.add ?? []).map(([name]) => name),
    ]),
  ];
}

function namesOfSet({ jwt, deny, allow }: PolicySet): readonly string[] {
  const rules = [...deny, ...allow].flatMap((policy) => policy.rules);
  return [
    ...rules.flatMap(({ when = [] }) => when.flatMap(({ key }) => (key.kind === "header" ? key.name : []))),
    ...jwt.flatMap(({ from, outputPayloadToHeader, outputClaimToHeaders }) => [
      ...from.headers.map(({ name }) => name),
      ...outputClaimToHeaders.map(({ header }) => header),
      ...(outputPayloadToHeader === undefined ? [] : [outputPayloadToHeader]),
    ]),
  ];
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
