import type { Peer } from "../identity/peer.ts";
import { authorize } from "../policy/authorization.ts";
import { authenticate, type Authenticated } from "../policy/request-authentication.ts";
import type { RequestView } from "../policy/request-view.ts";
import { canonicalPath } from "../routing/canonical-path.ts";
import { rewritePath } from "../routing/rewrite.ts";
import { matchRoute } from "../routing/route-match.ts";
import type { LinkedCluster, LinkedDestination, LinkedPolicySet, LinkedRoute, LinkedSlice } from "../snapshot/link.ts";
import { withChanges, withoutParams } from "./header-overlay.ts";
import type { Decision, Draws, Facts, HeaderChange, Need, Refusal, RefusalCode, TokenNeed } from "./types.ts";

/** Collects what was looked at, for whoever wants a decision explained. */
export interface Trace {
  saw(stage: "gateway" | "route" | "destination", name: string, outcome: string): void;
}

/**
 * The decision on one request: a pure function of slice, facts and draws. Order: the Gateway's checks on the request as it
 * came, the route, then the destination's checks on the request as it will be sent. An exception is a denial (R18).
 *
 * @returns a `Need` where a fact is missing that costs I/O: get it and ask again
 */
export function decide(slice: LinkedSlice, facts: Facts, draws: Draws, trace?: Trace): Decision | Need {
  try {
    return evaluate(slice, facts, draws, trace);
  } catch {
    return denied("decision_failed", null);
  }
}

/** A request on its way through the stages: as it is after those passed so far. */
interface Stage {
  readonly facts: Facts;
  readonly slice: LinkedSlice;
  readonly trace: Trace | undefined;
}

const NO_CHANGES: readonly HeaderChange[] = [];

function evaluate(slice: LinkedSlice, facts: Facts, draws: Draws, trace: Trace | undefined): Decision | Need {
  const stage: Stage = { facts, slice, trace };
  const entered = enter(stage);
  if ("effect" in entered) return entered;

  const { ports } = slice.model;
  if (ports && !ports.includes(facts.port)) return noRoute();
  const headers = withChanges(facts.headers, entered.changes);
  const query = withoutParams(facts.query, entered.dropParams);
  const matched = matchRoute(slice.routes, { ...routeView(facts), query, headers });
  trace?.saw("route", matched?.route.model.name ?? "none", matched ? "matched" : "no route");
  if (!matched) return noRoute();

  const { route } = matched;
  const destination = pickDestination(route, draws.destination);
  if (!destination) return noRoute();
  const { cluster, ops } = destination;
  const rewritten = rewritePath(facts.forwardPath, route.model.rewrite, matched.model);
  const path = rewritten === null ? { match: facts.path, forward: facts.forwardPath } : recanonical(rewritten, slice);
  if (path === null) return refusal("path_refused", 400, "", "", null, route, cluster);
  if (cluster.model.endpoints.length === 0)
    return refusal("no_endpoint", 503, "no healthy upstream", "UH", null, route, cluster);

  const request = entered.changes.length === 0 ? ops.request : [...entered.changes, ...ops.request];
  const authority = ops.authority?.toLowerCase() ?? facts.authority;
  const sent: Sent = {
    method: facts.method,
    host: ops.authority === null ? facts.host : hostOf(authority),
    authority,
    path: path.match,
    headers: withChanges(facts.headers, request),
    query,
    peer: arrivingPeer(facts, slice),
  };
  const checked = checkDestination(stage, route, cluster, sent);
  if ("effect" in checked) return checked;
  return {
    effect: "forward",
    route,
    cluster,
    path: path.forward,
    query: withoutParams(query, checked.dropParams),
    authority: ops.authority,
    request,
    response: ops.response,
    refusals: checked.refusals,
    bySet: checked.bySet,
    requestPrincipal: checked.principal ?? entered.tokens[0]?.principal ?? null,
  };
}

/** The Gateway's own checks: on the request as it came, with the public peer. In the mesh there are none. */
function enter({ facts, slice, trace }: Stage): Authenticated | Refusal | Need {
  const { front } = slice.model;
  if (!front) return NOTHING_FOUND;
  if (front.httpsRedirect && facts.scheme === "http") {
    const target = `https://${facts.host}${facts.forwardPath}${facts.query === "" ? "" : `?${facts.query}`}`;
    return { ...refusal("https_redirect", 301, "", "", front.gateway, null, null), headers: [["location", target]] };
  }
  if (front.clientCertificate === "required" && facts.peer.by !== "certificate")
    return denied("client_certificate_required", front.gateway);
  const set = slice.policySets[front.policySet];
  if (!set) throw new Error("the slice lacks its front's policies");
  const found = authenticate(set.jwt, facts);
  if (found.kind === "need") return { effect: "need", tokens: found.tokens };
  if (found.kind === "refused") return badToken(found.fact.code, found.rule, facts, null, null);
  const verdict = authorize(set.deny, set.allow, { ...requestView(facts), tokens: found.tokens });
  trace?.saw("gateway", verdict.policy ?? "none", verdict.code);
  return verdict.allowed || verdict.code === "allowed" ? found : denied(verdict.code, verdict.policy);
}

const NOTHING_FOUND: Authenticated = { kind: "authenticated", tokens: [], changes: NO_CHANGES, dropParams: [] };

interface Sent extends Omit<RequestView, "tokens"> {
  readonly query: string;
}

interface Checked {
  readonly refusals: ReadonlyMap<number, Refusal> | null;
  readonly bySet: ReadonlyMap<number, readonly HeaderChange[]> | null;
  readonly dropParams: readonly string[];
  readonly principal: string | null;
}

/**
 * The destination's checks, for each policy set that its endpoints have: policies follow the endpoint, not the name by
 * which it was called, so the verdict of one endpoint says nothing of another.
 */
function checkDestination(
  stage: Stage,
  route: LinkedRoute,
  cluster: LinkedCluster,
  sent: Sent,
): Checked | Refusal | Need {
  let refusals: Map<number, Refusal> | null = null;
  let bySet: Map<number, readonly HeaderChange[]> | null = null;
  let needs: TokenNeed[] | null = null;
  const dropParams: string[] = [];
  let principal: string | null = null;
  for (const index of cluster.sets) {
    const set = stage.slice.policySets[index];
    if (!set) throw new Error("the slice lacks an endpoint's policies");
    const checked = checkSet(stage, set, route, cluster, sent);
    if ("effect" in checked) {
      if (checked.effect === "need") (needs ??= []).push(...checked.tokens);
      else (refusals ??= new Map()).set(index, checked);
      continue;
    }
    principal ??= checked.tokens[0]?.principal ?? null;
    if (checked.changes.length > 0) (bySet ??= new Map()).set(index, checked.changes);
    dropParams.push(...checked.dropParams);
  }
  if (needs !== null) return { effect: "need", tokens: needs };
  if (refusals !== null && refusals.size === cluster.sets.length) {
    const [first] = refusals.values();
    if (first) return first;
  }
  return { refusals, bySet, dropParams, principal };
}

function checkSet(
  { facts, trace }: Stage,
  set: LinkedPolicySet,
  route: LinkedRoute,
  cluster: LinkedCluster,
  sent: Sent,
): Authenticated | Refusal | Need {
  if (set.mtls === "STRICT" && sent.peer.by === "none") return denied("mtls_required", null, route, cluster);
  const found = authenticate(set.jwt, { ...sent, token: (key) => facts.token(key) });
  if (found.kind === "need") return { effect: "need", tokens: found.tokens };
  if (found.kind === "refused") return badToken(found.fact.code, found.rule, facts, route, cluster);
  const verdict = authorize(set.deny, set.allow, { ...sent, tokens: found.tokens });
  trace?.saw("destination", verdict.policy ?? "none", verdict.code);
  if (verdict.code !== "allowed") return denied(verdict.code, verdict.policy, route, cluster);
  return found;
}

/** What came in by a Gateway reaches the destination as that Gateway's workload, as in Istio. */
function arrivingPeer({ peer }: Facts, { model }: LinkedSlice): Peer {
  const workload = model.front?.workload;
  if (!workload) return peer;
  const { principal, namespace } = workload;
  return { principal, namespace, trustDomain: principal?.split("/", 1)[0] ?? null, by: "gateway" };
}

function pickDestination({ destinations }: LinkedRoute, draw: number): LinkedDestination | undefined {
  if (destinations.length === 1) return destinations[0];
  return destinations.find(({ upTo }) => draw < upTo) ?? destinations.at(-1);
}

/** A rewrite may join a dot or a slash to what follows; the policies must see what the service will. */
function recanonical(path: string, { model }: LinkedSlice): { match: string; forward: string } | null {
  const canonical = canonicalPath(path.startsWith("/") ? path : `/${path}`, model.path);
  return canonical.ok ? canonical.value : null;
}

function routeView(facts: Facts) {
  const { method, scheme, authority, port, path, peer } = facts;
  return { method, scheme, authority, port, path, namespace: peer.namespace };
}

function requestView(facts: Facts) {
  const { method, host, authority, path, headers, peer } = facts;
  return { method, host, authority, path, headers, peer };
}

function hostOf(authority: string): string {
  return authority.replace(/:\d+$/, "").replace(/\.$/, "");
}

function noRoute(): Refusal {
  return refusal("no_route", 404, "", "NR", null, null, null);
}

/** One text whatever the reason: a peer learns no rule (R31). */
function denied(
  code: RefusalCode,
  policy: string | null,
  route: LinkedRoute | null = null,
  cluster: LinkedCluster | null = null,
): Refusal {
  return refusal(code, 403, "RBAC: access denied", "UAEX", policy, route, cluster);
}

function badToken(
  code: "jwt_invalid" | "jwt_audience" | "jwks_unavailable",
  rule: string,
  facts: Facts,
  route: LinkedRoute | null,
  cluster: LinkedCluster | null,
): Refusal {
  if (code === "jwt_audience")
    return refusal(code, 403, "Audiences in Jwt are not allowed", "UAEX", rule, route, cluster);
  const realm = `${facts.scheme}://${facts.authority}${facts.path}`;
  return {
    ...refusal(code, 401, "Jwt verification fails", "UAEX", rule, route, cluster),
    headers: [["www-authenticate", `Bearer realm="${realm.replace(/["\\]/g, "")}", error="invalid_token"`]],
  };
}

function refusal(
  code: RefusalCode,
  status: number,
  body: string,
  flag: string,
  policy: string | null,
  route: LinkedRoute | null,
  cluster: LinkedCluster | null,
): Refusal {
  return { effect: "refuse", code, status, body, flag, policy, route, cluster };
}
