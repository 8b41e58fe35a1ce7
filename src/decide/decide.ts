import { affinityOf, NO_AFFINITY } from "../balancing/affinity.ts";
import { type Authenticated, NO_TOKENS } from "../policy/request-authentication.ts";
import { changedHeaders, type HeaderChange } from "../request/changes.ts";
import { withoutParams } from "../request/credentials.ts";
import { DRAW, draw } from "../request/draws.ts";
import { ConclusionMissing, type RequestFacts } from "../request/facts.ts";
import { err, type Result } from "../result.ts";
import { type CanonicalPath, canonicalPath } from "../routing/canonical-path.ts";
import { filledOps, isTooLong, type LinkedOps } from "../routing/header-operations.ts";
import { rewritePath } from "../routing/rewrite.ts";
import { type LinkedMatch, matchRoute } from "../routing/route-match.ts";
import type { LinkedCluster, LinkedDestination, LinkedFront, LinkedRoute, LinkedSlice } from "../snapshot/link.ts";
import { type Answer, answerOf } from "./answers.ts";
import { check, checkDestination, type Checked, type Passed } from "./checks.ts";
import { tlsRefusal } from "./client-tls.ts";
import { dynamicOrigin } from "./dynamic-origin.ts";
import { OF_PROVIDER } from "./external-checks.ts";
import { filtered, refused } from "./filters.ts";
import { httpsRedirect, localAnswer } from "./local-answer.ts";
import { limited } from "./limits.ts";
import { drawMirrors } from "./mirrors.ts";
import { Notes } from "./notes.ts";
import type { Trace } from "./trace.ts";
import type { Decision, Forward, Mirrored, Need } from "./types.ts";

/**
 * The decision on one request: a pure function of slice and facts. Order: the Gateway's checks on the request as it came,
 * the route, the destination's checks on the request as it will be sent, then the route's filters. An exception is a denial (R18).
 *
 * @returns a `Need` where a fact is missing that costs I/O: get it and ask again
 * @throws ConclusionMissing where a recorded request says nothing about what a rule wants to know
 */
export function decide(slice: LinkedSlice, facts: RequestFacts, trace?: Trace): Decision | Need {
  try {
    if (!slice.isShadowed) return evaluate(slice, facts, trace);
    const notes = new Notes(trace);
    const decision = evaluate(slice, facts, notes);
    return decision.effect === "need" ? withoutPending(decision) : notes.of(decision);
  } catch (error) {
    if (error instanceof ConclusionMissing) throw error;
    return answerOf("decision_failed");
  }
}

function evaluate(slice: LinkedSlice, facts: RequestFacts, trace: Trace | undefined): Decision | Need {
  const { front } = slice;
  const entered: Passed | Answer | Need = front === null ? NO_TOKENS : enter(front, facts, trace);
  if ("effect" in entered) return entered;
  const decision = judge(slice, facts, entered, trace);
  return entered.toClient === undefined ? decision : withLines(decision, entered.toClient);
}

/** What providers of the Gateway give the client, whatever it is answered. */
function withLines(decision: Decision | Need, lines: readonly HeaderChange[]): Decision | Need {
  if (lines.length === 0) return decision;
  if (decision.effect === "need") return withoutPending(decision);
  if (decision.effect === "forward") return { ...decision, response: [...decision.response, ...lines] };
  const added = lines.flatMap((line) => ("value" in line ? [[line.name, line.value, OF_PROVIDER] as const] : []));
  return { ...decision, headers: [...decision.headers, ...added] };
}

/** Something is added to the decision behind the limits: only the whole way leads there. */
function withoutPending({ effect, needs, limits }: Need): Need {
  return { effect, needs, ...(limits !== undefined && { limits }) };
}

/** What becomes of a request that passed the Gateway's own checks. */
function judge(slice: LinkedSlice, facts: RequestFacts, entered: Passed, trace: Trace | undefined): Decision | Need {
  const { front } = slice;
  const { ports } = slice.model;
  if (ports && !ports.includes(facts.port)) {
    trace?.saw("route", slice.model.host, `no port ${facts.port}`);
    return answerOf("no_route");
  }

  const routed = asRouted(facts, entered);
  const matched = matchRoute(slice.routes, routed, entered.tokens);
  trace?.routed(slice, routed, entered.tokens, matched);
  trace?.saw("route", matched?.route.model.name ?? "none", matched ? "matched" : "no route");
  if (!matched) return answerOf("no_route");
  const { route } = matched;
  if (route.answer !== null) {
    const answer = filtered(route, null, routed, localAnswer(route, route.answer, routed, matched.model), trace);
    return route.limits === null ? answer : limited(route.limits, route, routed, entered.tokens, answer, trace);
  }
  const destination = pickDestination(route, facts.seed);
  if (!destination) return answerOf("no_route");
  const { cluster, rehearsals } = destination;

  const path = rewrittenPath(slice, matched, facts);
  if (path !== null && !path.ok) return answerOf("path_refused", null, route, cluster);
  // The service's policies would be asked about another method than is called.
  if (path !== null && facts.protocol === "workers-rpc" && path.value.forward !== facts.forwardPath)
    return answerOf("rpc_rewritten", null, route, cluster);
  if (cluster.model.endpoints.length === 0) return filtered(route, rehearsals, routed, nobody(route, cluster), trace);

  const ops = filled(destination, route, routed);
  if (ops === null) return answerOf("headers_too_large", null, route, cluster);
  const headers = changedHeaders(routed.headers, ops.request);
  const sent = asSent(routed, front, ops.authority, path === null ? null : path.value, headers);
  const checked = checkDestination(slice, route, cluster, sent, trace);
  if ("effect" in checked)
    return checked.effect === "need" ? checked : refused(route, rehearsals, routed, checked, trace);
  const sending = sendTo(route, cluster, ops, sent, entered, checked);
  if (sending.effect === "answer") return sending;
  if (route.mirrors === null && destination.limits === null) return filtered(route, rehearsals, routed, sending, trace);
  const mirrors =
    route.mirrors === null
      ? NO_MIRRORS
      : drawMirrors(route.mirrors, facts.seed, (to) =>
          copyTo(slice, route, to, copied(destination, route, routed, { ops, sent }), entered),
        );
  for (const { cluster: to, copy } of mirrors)
    trace?.saw("mirror", to.model.id, copy.effect === "answer" ? copy.code : copy.effect);
  const whole = mirrors === NO_MIRRORS ? sending : { ...sending, mirrors };
  const decision = filtered(route, rehearsals, routed, whole, trace);
  // A preflight that is answered here and an abort call nobody.
  if (destination.limits === null || decision.effect === "answer") return decision;
  const tokens = entered.tokens.length === 0 ? checked.tokens : [...entered.tokens, ...checked.tokens];
  const counted = checked.apiKey === null ? routed : { ...routed, apiKey: checked.apiKey };
  return limited(destination.limits, route, counted, tokens, decision, trace);
}

/** @returns null where they are too long */
function filled({ ops, cluster }: LinkedDestination, route: LinkedRoute, routed: RequestFacts): LinkedOps | null {
  if (ops.formatted === null) return ops;
  const context = { facts: routed, route: route.model.name, cluster: cluster.model.id };
  const { request, response, ...rest } = filledOps(ops, context);
  const tooLong = isTooLong("request", request, context) || isTooLong("response", response, context);
  return tooLong ? null : { ...rest, request, response };
}

/** A request as it is sent, and what was changed of it. */
interface Sent {
  readonly ops: LinkedOps;
  readonly sent: RequestFacts;
}

/**
 * What of a request goes into copies: the API key that its destination takes is none of theirs, nor what a route fills from it.
 *
 * @returns null where that is too long
 */
function copied(destination: LinkedDestination, route: LinkedRoute, routed: RequestFacts, whole: Sent): Sent | null {
  if (route.copyWithout.length === 0) return whole;
  // What is concluded of the request itself is not of its copies.
  const keyless = { ...routed, headers: changedHeaders(routed.headers, route.copyWithout), conclusions: null };
  const ops = filled(destination, route, keyless);
  return ops && { ops, sent: { ...whole.sent, headers: changedHeaders(keyless.headers, ops.request) } };
}

/** A copy has the same changes as the request, and is judged as the request would be that went there. */
function copyTo(
  slice: LinkedSlice,
  route: LinkedRoute,
  cluster: LinkedCluster,
  copy: Sent | null,
  entered: Authenticated,
): Forward | Answer | Need {
  if (copy === null) return answerOf("headers_too_large", null, route, cluster);
  const { ops, sent } = copy;
  if (cluster.model.endpoints.length === 0) return nobody(route, cluster);
  const checked = checkDestination(slice, route, cluster, sent, undefined);
  return "effect" in checked ? checked : sendTo(route, cluster, ops, sent, entered, checked);
}

function sendTo(
  route: LinkedRoute,
  cluster: LinkedCluster,
  ops: LinkedOps,
  sent: RequestFacts,
  entered: Authenticated,
  checked: Checked,
): Forward | Answer {
  const origin = cluster.dynamic === null ? null : dynamicOrigin(cluster, sent.host);
  if (cluster.dynamic !== null && origin === null) return answerOf("host_not_allowed", null, route, cluster);
  return forward(route, cluster, ops, sent, origin, entered, checked);
}

function nobody(route: LinkedRoute, cluster: LinkedCluster): Answer {
  return answerOf(cluster.model.unknown ? "cluster_not_found" : "no_endpoint", null, route, cluster);
}

/** @returns null where the path stays as it came */
function rewrittenPath(
  { model }: LinkedSlice,
  { route, model: matched }: LinkedMatch<LinkedRoute>,
  facts: RequestFacts,
): Result<CanonicalPath, unknown> | null {
  const { rewriter } = route;
  const path = rewriter === null ? rewritePath(facts, route.model.rewrite, matched) : rewriter(facts.forwardPath);
  if (path === null) return null;
  return path.startsWith("/") ? canonicalPath(path, model.path) : err("no path");
}

function forward(
  route: LinkedRoute,
  cluster: LinkedCluster,
  ops: LinkedOps,
  sent: RequestFacts,
  origin: string | null,
  entered: Authenticated,
  checked: Checked,
): Forward {
  const { hash, cookie } = cluster.affinity === null ? NO_AFFINITY : affinityOf(cluster.affinity, sent);
  return {
    effect: "forward",
    route,
    cluster,
    hash,
    origin,
    path: sent.forwardPath,
    query: withoutParams(sent.query, checked.dropParams),
    authority: ops.authority,
    headers: sent.headers,
    request: entered.changes.length === 0 ? ops.request : [...entered.changes, ...ops.request],
    response: responseOf(cookie, ops, checked),
    cors: NO_CHANGES,
    refusals: checked.refusals,
    bySet: checked.bySet,
    requestPrincipal: checked.principal ?? entered.tokens[0]?.principal ?? null,
    delayMs: 0,
    heldMs: 0,
    mirrors: NO_MIRRORS,
  };
}

function responseOf(cookie: HeaderChange | null, ops: LinkedOps, { toClient }: Checked): readonly HeaderChange[] {
  if (cookie === null && toClient.length === 0) return ops.response;
  return [...(cookie === null ? NO_CHANGES : [cookie]), ...ops.response, ...toClient];
}

const NO_CHANGES: readonly HeaderChange[] = [];
const NO_MIRRORS: readonly Mirrored[] = [];

/** The Gateway's own checks: on the request as it came, with the public peer. In the mesh there are none. */
function enter(front: LinkedFront, facts: RequestFacts, trace: Trace | undefined): Passed | Answer | Need {
  const { model, policies } = front;
  if (model.httpsRedirect && facts.scheme === "http") {
    trace?.saw("gateway", model.gateway, "https_redirect");
    return httpsRedirect(front, facts);
  }
  const refusal = front.asksTls ? tlsRefusal(model, facts) : null;
  if (refusal !== null) {
    trace?.saw("gateway", model.gateway, refusal);
    return answerOf(refusal, model.gateway);
  }
  return check(policies, facts, "gateway", null, null, trace);
}

/** The request after the Gateway's own changes: a key or a token taken out, claims put in. */
function asRouted(facts: RequestFacts, { changes, dropParams, apiKey }: Passed): RequestFacts {
  if (changes.length === 0 && dropParams.length === 0) return facts;
  const routed = {
    ...facts,
    headers: changedHeaders(facts.headers, changes),
    query: withoutParams(facts.query, dropParams),
  };
  return apiKey === undefined ? routed : { ...routed, apiKey };
}

/** The request as the service will get it: what came in by a Gateway comes from that Gateway's workload, as in Istio. */
function asSent(
  routed: RequestFacts,
  front: LinkedFront | null,
  authority: string | null,
  path: { readonly match: string; readonly forward: string } | null,
  headers: RequestFacts["headers"],
): RequestFacts {
  if (front === null && authority === null && path === null && headers === routed.headers) return routed;
  const called = authority === null ? routed.authority : authority.toLowerCase();
  return {
    protocol: routed.protocol,
    method: routed.method,
    scheme: routed.scheme,
    host: authority === null ? routed.host : hostOf(called),
    authority: called,
    port: routed.port,
    path: path === null ? routed.path : path.match,
    forwardPath: path === null ? routed.forwardPath : path.forward,
    query: routed.query,
    headers,
    entrance: routed.entrance,
    sourceIp: routed.sourceIp,
    clientIp: routed.clientIp,
    peer: front === null ? routed.peer : front.arrivingPeer,
    tls: null,
    startedAt: routed.startedAt,
    seed: routed.seed,
    tokens: routed.tokens,
    checks: routed.checks,
    apiKeys: routed.apiKeys,
    apiKey: routed.apiKey,
    conclusions: routed.conclusions,
  };
}

function pickDestination({ destinations }: LinkedRoute, seed: number): LinkedDestination | undefined {
  if (destinations.length === 1) return destinations[0];
  const drawn = draw(seed, DRAW.destination, 0);
  for (const destination of destinations) if (drawn < destination.upTo) return destination;
  return destinations.at(-1);
}

function hostOf(authority: string): string {
  return authority.replace(/:\d+$/, "").replace(/\.$/, "");
}
