import { decide } from "../../src/decide/decide.ts";
import type { Decision, Facts, TokenFact } from "../../src/decide/types.ts";
import { NO_PEER } from "../../src/identity/peer.ts";
import { type Result, err, ok } from "../../src/result.ts";
import { canonicalPath } from "../../src/routing/canonical-path.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import { formatTraceparent, type TraceContext, traceContext } from "../../src/telemetry/trace-context.ts";
import { admit } from "./admit.ts";
import { gone } from "./attempt.ts";
import { Call, callerOf } from "./call.ts";
import { choose } from "./choose.ts";
import type { Entrance } from "./entrance.ts";
import type { ServingRoot } from "./exchange.ts";
import { type Wanted, wanted } from "./find.ts";
import { learnLocation, type Mesh } from "./mesh.ts";
import { randomHex } from "./random.ts";
import { type Received, receive } from "./receive.ts";
import { record } from "./record.ts";
import {
  BUG,
  DECISION_FAILED,
  type LocalAnswer,
  NO_CONFIGURATION,
  NO_HEALTHY_ENDPOINT,
  NO_ROUTE,
  OVERFLOW,
  refuse,
  TIMEOUT,
} from "./refuse.ts";
import { send } from "./send.ts";

/** The order is the security model: a request reaches `send` only past every line above it. */
export async function handle(
  request: Request,
  entrance: Entrance,
  ctx: ExecutionContext,
  mesh: Mesh,
): Promise<Response> {
  const call = new Call(request, entrance, ctx, mesh.env.HOLD_CALLS !== undefined, (ended, how) =>
    record(ended, how, mesh),
  );
  learnLocation(mesh, entrance);
  mesh.configuration.arm(call.lease);
  try {
    return await proceed(call, mesh);
  } catch (error) {
    console.error({ event: "gateway_error", request_id: call.requestId, message: String(error) });
    return refuse(call, BUG);
  }
}

async function proceed(call: Call, mesh: Mesh): Promise<Response> {
  const { request, entrance } = call;
  const received = receive(request, entrance);
  if (!received.ok) {
    unreadable(call);
    return refuse(call, received.error);
  }
  introduce(call, received.value);

  const identified = await identify(call, mesh, received.value);
  if (!identified.ok) return refuse(call, identified.error);

  const found = await findSlice(call, mesh, received.value);
  if (!found.ok) return refuse(call, found.error);
  const { slice, place } = found.value;

  received.value.headers.dropAliases(slice.headerNames);
  const path = canonicalPath(received.value.target.pathname, slice.model.path);
  if (!path.ok) return refuse(call, { code: path.error.code, status: 400 });
  call.journal.path = path.value.forward;

  const decision = await decided(call, mesh, slice, factsOf(call, received.value, place, path.value));
  call.cluster = decision.cluster;
  call.journal.route = decision.route?.model ?? null;
  call.journal.cluster = decision.cluster?.model ?? null;
  if (decision.effect === "refuse") return refuse(call, decision);
  call.journal.requestPrincipal = decision.requestPrincipal;

  const now = Date.now();
  const { model } = decision.cluster;
  const pickNow = () =>
    choose(
      decision,
      (endpoint) => mesh.configuration.isEjected(callerOf(call), model.id, endpoint.id, now),
      mesh.turns,
      mesh.active,
    );
  let choice = pickNow();
  if (choice.kind === "endpoint") {
    const admitted = await admit(call, model, decision.route.model.timeoutMs, mesh.pools);
    if (admitted === "overflow") return refuse(call, OVERFLOW);
    if (admitted === "timeout") return refuse(call, TIMEOUT);
    if (admitted === "gone") return gone(call);
    // Meanwhile the endpoint may have been ejected, by those that ran before.
    if (admitted === "waited") choice = pickNow();
  }
  if (choice.kind === "refused") return refuse(call, choice.refusal);
  if (choice.kind === "none_healthy") return refuse(call, NO_HEALTHY_ENDPOINT);
  if (request.signal.aborted) return gone(call);

  call.endpoint = choice.endpoint;
  call.journal.endpoint = choice.endpoint;
  return send(call, received.value, decision, choice.endpoint, mesh);
}

/** Request id and trace context: continued where the caller is of the mesh, begun where it is anybody. */
function introduce(call: Call, received: Received): void {
  const { headers, clientIp, scheme } = received;
  const inMesh = call.entrance.kind === "mesh";
  const id = inMesh ? headers.get("x-request-id") : null;
  if (id !== null && /^[\w.:-]{1,128}$/.test(id)) call.requestId = id;
  const trace = traceContext(headers.get("traceparent"), headers.get("tracestate"), inMesh, randomHex(48));
  write(call, received, trace);
  headers.set("x-request-id", call.requestId);
  headers.set("traceparent", formatTraceparent(trace));
  if (trace.state === null) headers.drop("tracestate");
  headers.set("x-forwarded-proto", scheme);
  if (clientIp !== null) headers.set("x-forwarded-for", clientIp);
}

/** What the journal tells of a request in its canonical form. */
function write({ journal, requestId }: Call, received: Received, trace: TraceContext): void {
  journal.requestId = requestId;
  journal.traceId = trace.traceId;
  journal.spanId = trace.spanId;
  journal.scheme = received.scheme;
  journal.authority = received.authority;
  journal.path = received.target.pathname;
  journal.query = received.target.query;
  journal.userAgent = received.headers.get("user-agent");
  journal.clientIp = received.clientIp;
}

/** What the journal tells of a request that has no canonical form. */
function unreadable({ journal, request }: Call): void {
  journal.authority = request.headers.get("host") ?? "";
  journal.userAgent = request.headers.get("user-agent");
}

/** Step 3, before the slice is looked for: what a caller sees depends on who it is. */
async function identify(call: Call, mesh: Mesh, received: Received): Promise<Result<null, LocalAnswer>> {
  const { configuration, peers } = mesh;
  const { entrance, lease } = call;
  const trust = configuration.trust ?? (await configuration.awaitTrust(wanted(received, entrance, NO_PEER), lease));
  if (trust === null) return err(NO_CONFIGURATION);
  const judged =
    entrance.kind === "mesh"
      ? peers.binding(entrance.props, trust)
      : peers.certificate(entrance.clientAuth, trust, Date.now());
  const { peer, refused } = judged instanceof Promise ? await judged : judged;
  call.peer = peer;
  call.journal.peer = peer;
  call.journal.peerRefused = refused;
  return ok(null);
}

/** Step 2: the first place that lists the host; 404 only where the root does not. */
async function findSlice(
  call: Call,
  mesh: Mesh,
  received: Received,
): Promise<Result<{ readonly slice: LinkedSlice; readonly place: Wanted }, LocalAnswer>> {
  const { configuration } = mesh;
  for (const place of wanted(received, call.entrance, call.peer)) {
    const { scope, host } = place;
    const found = configuration.lookup(scope, host) ?? (await configuration.resolve(scope, host, call.lease));
    if (found.kind === "unavailable") return err(NO_CONFIGURATION);
    call.journal.generation = found.root.generation;
    if (found.kind === "no_host") continue;
    call.journal.scope = scope;
    enter(call, found.slice, found.root);
    return ok({ slice: found.slice, place });
  }
  return err(NO_ROUTE);
}

function enter(call: Call, { model: { front } }: LinkedSlice, root: ServingRoot): void {
  call.journal.generation = root.generation;
  if (front === undefined) return;
  call.source = front.workload;
  call.journal.gateway = front.workload;
  // This listener asks for no certificate: one that came counts for nothing.
  if (front.clientCertificate !== "none") return;
  call.peer = NO_PEER;
  call.journal.peer = NO_PEER;
}

function factsOf(
  call: Call,
  received: Received,
  { port }: Wanted,
  path: { readonly match: string; readonly forward: string },
): Omit<Facts, "token"> {
  const { method, scheme, authority, authorityHost, headers, target } = received;
  return {
    method,
    scheme,
    host: authorityHost,
    authority,
    port,
    path: path.match,
    forwardPath: path.forward,
    query: target.query,
    headers,
    peer: call.peer,
  };
}

/** Most requests need one round: a token that was seen before is a fact already. */
const MAX_ROUNDS = 4;

/** Step 4: decides, and gets what is missing, until nothing is. */
async function decided(call: Call, mesh: Mesh, slice: LinkedSlice, known: Omit<Facts, "token">): Promise<Decision> {
  let verified: Map<string, TokenFact> | null = null;
  const facts: Facts = { ...known, token: (key) => verified?.get(key) ?? mesh.tokens.cached(key) };
  const draws = { destination: Math.random() };
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const decision = decide(slice, facts, draws);
    if (decision.effect !== "need") return decision;
    verified ??= new Map();
    for (const need of decision.tokens) {
      // A token that rules of several workloads read is verified once for each.
      if (!verified.has(need.key)) verified.set(need.key, await mesh.tokens.verify(need, call.lease));
    }
  }
  return { ...DECISION_FAILED, effect: "refuse", policy: null, route: null, cluster: null };
}
