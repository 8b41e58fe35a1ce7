import { type Affinity, linkAffinity } from "../balancing/affinity.ts";
import { type Callers, linkCallers } from "../balancing/locality.ts";
import { type Balancer, linkBalancer } from "../balancing/pick.ts";
import type { Peer } from "../identity/peer.ts";
import { linkWith } from "../match/machine.ts";
import type { HeaderChange } from "../request/changes.ts";
import { namedHeaders, type NamedHeaders, type NameTest } from "../request/header-names.ts";
import { isOpen, linkPolicies, type LinkedPolicies } from "../policy/authorization.ts";
import { keyHeadersOf, type LinkedKeys, linkKeys } from "../policy/api-keys.ts";
import { enforced } from "../policy/policy-set.ts";
import { type LinkedJwt, linkJwt, type LinkedPlace, outputHeaders } from "../policy/request-authentication.ts";
import {
  filledBy,
  filledByProviders,
  type LinkedAuthorizer,
  type LinkedCustom,
  linkAuthorizers,
  linkCustom,
  toldHeaders,
  toldByPatterns,
} from "../policy/external-authorization.ts";
import { type LinkedShadow, linkShadow } from "../policy/shadow.ts";
import { linkCors, type LinkedCors } from "../routing/cors.ts";
import { HostSet } from "../routing/host-set.ts";
import { type LinkedChange, type LinkedOps, linkOps, responseOps } from "../routing/header-operations.ts";
import { linkRewriter } from "../routing/rewrite.ts";
import { type LinkedRehearsal, linkRehearsals } from "../routing/rehearsal.ts";
import { type LinkedRetries, linkRetries } from "../routing/retries.ts";
import { linkRoutes, type RouteIndex } from "../routing/route-match.ts";
import { joinLimits, type LinkedLimit, linkLimit } from "../limits/link.ts";
import { base64ToBytes } from "./bytes.ts";
import { hopHash } from "./hash.ts";
import { claimNames, conditionHeaders, countedHeaders, headerNames, secretHeaders } from "./rule-names.ts";
import type { Cluster, Endpoint, Fault, Front, MtlsMode, PolicySet, Route, Slice } from "./model.ts";

/** A slice made ready: at request time nothing is parsed, and the cost does not grow with routes or policies. */
export interface LinkedSlice {
  readonly model: Slice;
  /** Null in the mesh. */
  readonly front: LinkedFront | null;
  readonly routes: RouteIndex<LinkedRoute>;
  readonly policySets: readonly LinkedPolicySet[];
  /** Where tokens are looked for, by number. */
  readonly places: readonly LinkedPlace[];
  /** Headers that some route, policy or change names: other spellings of them are dropped (R9). */
  readonly headers: NamedHeaders;
  /** Where API keys are looked for, lower case; null: nowhere. */
  readonly keyHeaders: readonly string[] | null;
  /** Claims that rules name, the outermost: no record holds others. */
  readonly claims: ReadonlySet<string>;
  /** Headers that may hold a credential beside those that are known for it: no record holds their values. */
  readonly secret: ReadonlySet<string>;
  /** Headers that limits count by, and nothing else looks at: records leave their values out. */
  readonly counted: ReadonlySet<string>;
  /** Some policy enforces nothing and wants to be told of. */
  readonly isShadowed: boolean;
  /** Where external authorizers are, by the id that they name. */
  readonly asked: ReadonlyMap<string, LinkedCluster>;
  /** Whether some external authorizer may fill a header; null: there is none. */
  readonly provided: NameTest | null;
}

export interface LinkedFront {
  readonly model: Front;
  /** The Gateway's own policies, which see the request and its peer as they came. */
  readonly policies: LinkedPolicySet;
  /** As whom what came through reaches the destination, as in Istio. */
  readonly arrivingPeer: Peer;
  /** It looks at the client's certificate, or at how TLS was negotiated. */
  readonly asksTls: boolean;
}

export interface LinkedRoute {
  readonly model: Route;
  readonly destinations: readonly LinkedDestination[];
  /** What `rewrite.regex` makes of a path; null: there is none. */
  readonly rewriter: ((path: string) => string) | null;
  /** Null: nothing is tried again. */
  readonly retries: LinkedRetries | null;
  /** Set where the gateway answers by itself. */
  readonly answer: LinkedAnswer | null;
  /** Null: nothing stands between the destination's policies and its endpoints. */
  readonly filters: LinkedFilters | null;
  /** Null: nobody gets copies. */
  readonly mirrors: readonly LinkedMirror[] | null;
  /** Takes out of copies the API keys that one of its destinations takes: they are that one's. */
  readonly copyWithout: readonly HeaderChange[];
  /** Of what it answers by itself; null: none. */
  readonly limits: readonly LinkedLimit[] | null;
}

export interface LinkedMirror {
  readonly cluster: LinkedCluster;
  /** Part of [0, 1]. */
  readonly share: number;
}

export interface LinkedAnswer {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly response: readonly LinkedChange[];
}

interface LinkedFilters {
  readonly fault: Fault | null;
  readonly cors: LinkedCors | null;
}

export interface LinkedDestination {
  readonly cluster: LinkedCluster;
  /** Upper end of its share of [0, 1). */
  readonly upTo: number;
  readonly ops: LinkedOps;
  /** Those of the Gateway, of the route and of what is called; null: none. */
  readonly limits: readonly LinkedLimit[] | null;
  /** Of what is called, by this route; those that end last first. Null: none. */
  readonly rehearsals: readonly LinkedRehearsal[] | null;
}

export interface LinkedCluster {
  readonly model: Cluster;
  /** Short name of its service, for what counts hops. */
  readonly hop: string;
  /** The different policy sets of its endpoints. */
  readonly sets: readonly number[];
  /** Its endpoints that are probed; null: none. */
  readonly probed: readonly Endpoint[] | null;
  readonly balancer: Balancer;
  /** By what of a request its endpoint is picked; null: by nothing. */
  readonly affinity: Affinity | null;
  /** Its endpoint is the host that is asked for, if it is one of these; null: its endpoints are told. */
  readonly dynamic: { readonly hosts: HostSet; readonly except: HostSet } | null;
}

export interface LinkedPolicySet {
  readonly model: PolicySet;
  readonly mtls: MtlsMode;
  readonly jwt: LinkedJwt;
  /** API keys that it takes; null: it looks for none. */
  readonly keys: LinkedKeys | null;
  readonly deny: LinkedPolicies;
  readonly allow: LinkedPolicies;
  /** Providers that are asked first; null: none. */
  readonly custom: LinkedCustom | null;
  /** Policies that enforce nothing, and tell what they would have done; null: none. */
  readonly shadow: LinkedShadow | null;
  /** What it would refuse is told and passes. */
  readonly observes: boolean;
  /** Some policy looks at a header that a token fills. */
  readonly judgesOutputs: boolean;
  /** It can refuse nothing and changes nothing. */
  readonly isOpen: boolean;
}

export function link(slice: Slice): LinkedSlice {
  return linkWith(slice.programs, () => linkParts(slice));
}

function linkParts(slice: Slice): LinkedSlice {
  const authorizers = linkAuthorizers(slice);
  const named = headerNames(slice);
  const asked = [...authorizers.values()];
  const provided = asked.length === 0 ? null : filledBy(asked);
  const secret = secretHeaders(slice, provided === null ? [] : named.filter(provided));
  const callers = linkCallers(slice.callers ?? []);
  const clusters = new Map(
    Object.entries(slice.clusters).map(([id, model]) => [id, linkCluster(model, callers, secret)]),
  );
  const limits = (slice.limits ?? []).map(linkLimit);
  const limitsOf = ({ limits: numbers = [] }: Limited) => numbers.map((number) => limitIn(limits, number));
  const rehearsalsOf = linkRehearsals(slice.rehearsals ?? [], secret);
  const routes = slice.routes.map((route) => linkRoute(slice, route, clusters, limitsOf, rehearsalsOf));
  const sets = linkSets(slice, secret, authorizers);
  return {
    model: slice,
    routes: linkRoutes(routes, secret),
    headers: namedHeaders(named, toldHeaders(asked), toldByPatterns(asked)),
    keyHeaders: slice.keyHeaders ?? null,
    claims: claimNames(slice),
    secret,
    counted: countedHeaders(slice),
    isShadowed:
      limits.some(({ model }) => model.audit) ||
      sets.policySets.some(({ shadow, observes }) => observes || shadow !== null),
    asked: new Map(asked.map(({ model: { cluster: id } }) => [id, clusterIn(clusters, id)])),
    provided,
    ...sets,
  };
}

type LinkedSets = Pick<LinkedSlice, "front" | "policySets" | "places">;

/** A set that a Gateway and a workload share is linked for each: they look at the request before and after its changes. */
function linkSets(
  { front, policySets: models, routes }: Slice,
  secret: ReadonlySet<string>,
  authorizers: ReadonlyMap<string, LinkedAuthorizer>,
): LinkedSets {
  const places: LinkedPlace[] = [];
  const own = front === undefined ? undefined : models[front.policySet];
  const linkSet = (set: PolicySet, stage: "gateway" | "destination", before: ReadonlySet<string>): LinkedPolicySet => {
    const { mtls, deny, allow } = set;
    // What a Gateway's provider fills is there when the destination looks.
    const provided = [set, own].map((one) => filledByProviders(one?.custom, authorizers));
    const filled = { has: (name: string) => before.has(name) || provided.some((fills) => fills(name)) };
    const asked = enforced(set.custom ?? []).map(({ name }) => name);
    const jwt = linkJwt(set.jwt, places.length, stage, filled, asked);
    places.push(...jwt.places);
    const context = { stage, secretHeaders: secret };
    const linked = {
      model: set,
      mtls,
      jwt,
      keys: linkKeys(set.keys ?? []),
      deny: linkPolicies(enforced(deny), true, context),
      allow: linkPolicies(enforced(allow), false, context),
      custom: linkCustom(set, authorizers, context),
      shadow: linkShadow(set, context),
      observes: set.observe === true && stage === "destination",
      judgesOutputs: jwt.claimed.some(({ name }) => conditionHeaders([set]).includes(name)),
    };
    const isUnasked = set.jwt.length === 0 && linked.keys === null && linked.custom === null;
    const isIdle = mtls !== "STRICT" && isUnasked && linked.shadow === null;
    return { ...linked, isOpen: isIdle && isOpen(linked.deny, linked.allow) };
  };
  if (front !== undefined && own === undefined) throw new Error("the slice lacks its front's policies");
  const filled = new Set([...routes.flatMap(filledHeaders), ...outputHeaders(own?.jwt ?? [])]);
  return {
    front:
      front === undefined || own === undefined
        ? null
        : {
            model: front,
            policies: linkSet(own, "gateway", new Set()),
            arrivingPeer: arrivingPeer(front),
            asksTls: front.clientCertificate !== "none" || front.tls !== undefined,
          },
    policySets: models.map((set) => linkSet(set, "destination", filled)),
    places,
  };
}

function arrivingPeer({ workload: { principal, namespace } }: Front): Peer {
  return { principal, namespace, trustDomain: principal?.split("/", 1)[0] ?? null, by: "gateway" };
}

function filledHeaders(route: Route): string[] {
  return [route, ...route.destinations].flatMap(({ request }) =>
    [...(request?.set ?? []), ...(request?.add ?? [])].map(([name]) => name),
  );
}

/** Of a cluster that is in no slice: whom the mesh itself calls. */
export function linkAlone(model: Cluster): LinkedCluster {
  return linkCluster(model, linkCallers([]), new Set());
}

function linkCluster(model: Cluster, callers: Callers, secret: ReadonlySet<string>): LinkedCluster {
  const address = model.endpoints.map((endpoint) => endpoint.address).find(({ kind }) => kind === "dynamic");
  const probed = model.endpoints.filter(({ probe }) => probe !== undefined);
  return {
    model,
    hop: hopHash(model.service.host),
    probed: probed.length === 0 ? null : probed,
    sets: [...new Set(model.endpoints.map(({ policySet }) => policySet))],
    balancer: linkBalancer(model, callers),
    affinity: linkAffinity(model.loadBalancer, secret),
    dynamic:
      address?.kind === "dynamic" ? { hosts: new HostSet(address.hosts), except: new HostSet(address.except) } : null,
  };
}

function linkRoute(
  slice: Slice,
  model: Route,
  clusters: ReadonlyMap<string, LinkedCluster>,
  limitsOf: (of: Limited) => readonly LinkedLimit[],
  rehearsalsOf: ReturnType<typeof linkRehearsals>,
): LinkedRoute {
  const single = model.destinations.length === 1;
  const total = model.destinations.reduce((sum, { weight }) => sum + weight, 0);
  const own = [...limitsOf(slice.front ?? {}), ...limitsOf(model)];
  let reached = 0;
  const destinations = model.destinations.flatMap((destination) => {
    const cluster = clusterIn(clusters, destination.cluster);
    const share = single ? 1 : destination.weight / total;
    reached += share;
    const limits = joinLimits([...own, ...limitsOf(cluster.model)]);
    const rehearsals = rehearsalsOf(destination.rehearsals);
    return share > 0 ? [{ cluster, upTo: reached, ops: linkOps(model, destination), limits, rehearsals }] : [];
  });
  const mirrors =
    model.mirrors?.map(({ cluster, share }) => ({ cluster: clusterIn(clusters, cluster), share })) ?? null;
  return {
    model,
    destinations,
    rewriter: linkRewriter(model),
    retries: model.retries === undefined ? null : linkRetries(model.retries),
    answer: linkAnswer(model),
    filters: linkFilters(model),
    mirrors,
    copyWithout: mirrors === null ? [] : takeKeys(destinations, slice.policySets),
    limits: joinLimits(own),
  };
}

function takeKeys(destinations: readonly LinkedDestination[], sets: readonly PolicySet[]): readonly HeaderChange[] {
  const policies = destinations.flatMap(({ cluster }) => cluster.sets.flatMap((index) => sets[index]?.keys ?? []));
  return keyHeadersOf(policies).map((name) => ({ op: "remove", name }));
}

/** What names its limits by number. */
type Limited = Pick<Route, "limits">;

function limitIn(limits: readonly LinkedLimit[], number: number): LinkedLimit {
  const limit = limits[number];
  if (!limit) throw new Error(`the slice names a limit that it does not hold: ${number}`);
  return limit;
}

function clusterIn(clusters: ReadonlyMap<string, LinkedCluster>, id: string): LinkedCluster {
  const cluster = clusters.get(id);
  if (!cluster) throw new Error(`the slice names a cluster that it does not hold: ${id}`);
  return cluster;
}

function linkFilters({ fault, cors: policy, redirect, direct }: Route): LinkedFilters | null {
  // As in Envoy: a route that answers by itself has no part in CORS.
  const cors = policy === undefined || redirect !== undefined || direct !== undefined ? null : linkCors(policy);
  return fault === undefined && cors === null ? null : { fault: fault ?? null, cors };
}

function linkAnswer(model: Route): LinkedAnswer | null {
  const { redirect, direct } = model;
  if (redirect === undefined && direct === undefined) return null;
  const body = direct?.base64 === true ? base64ToBytes(direct.body) : (direct?.body ?? "");
  if (body === null) throw new Error("the slice holds a body that is no base64");
  return { body, response: responseOps(model) };
}
