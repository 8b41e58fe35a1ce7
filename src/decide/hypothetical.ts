import type { ClientTls } from "../identity/client-tls.ts";
import { NO_PEER, type Peer } from "../identity/peer.ts";
import { parseSpiffeId } from "../identity/spiffe-id.ts";
import { peerOf } from "../identity/svid.ts";
import type { Entrance } from "../request/entrance.ts";
import type { RequestFacts } from "../request/facts.ts";
import { dropAliases } from "../request/headers.ts";
import { EVERY_ACCOUNT, meshScope, type Place, placesOf } from "../request/places.ts";
import { type Incoming, receive, type Received } from "../request/receive.ts";
import { err, ok, type Result } from "../result.ts";
import { canonicalPath } from "../routing/canonical-path.ts";
import type { LinkedSlice } from "../snapshot/link.ts";
import { type Answer, answerOf } from "./answers.ts";
import type { HypotheticalFacts, Problem } from "./hypothetical-facts.ts";
import { rpcProblem } from "./hypothetical-rpc.ts";

/** A request in its canonical form, before its host was looked up: as the gateway has it then. */
export interface HypotheticalRequest {
  readonly protocol: RequestFacts["protocol"];
  readonly received: Received;
  /** Where the host is looked up, best first. */
  readonly places: readonly Place[];
  readonly entrance: Entrance["kind"];
  readonly peer: Peer;
  readonly tls: ClientTls;
}

const GATEWAY_SCOPE = /^gw\/([a-z0-9.-]+\/[a-z0-9.-]+)\/(\d{1,5})$/;
/** Set by the platform or the gateway, whatever a client says. */
const OTHER_FIELDS: Readonly<Record<string, string>> = { host: "host", "cf-connecting-ip": "clientIp" };

/**
 * Makes a request of what was told, by the gateway's own code.
 *
 * @param scope where the host is looked up; null: the mesh, as the peer sees it
 * @returns the gateway's answer where it would not even look for the host; a problem where no such request can come
 */
export function hypotheticalRequest(
  facts: HypotheticalFacts,
  scope: string | null,
): Result<HypotheticalRequest | Answer, Problem> {
  const { protocol = "http" } = facts;
  const misfit = protocol === "workers-rpc" ? rpcProblem(facts, scope) : null;
  if (misfit !== null) return err(misfit);
  const entrance = entranceOf(facts, scope);
  if (!entrance.ok) return entrance;
  const peer = peerIn(facts, entrance.value.kind);
  if (!peer.ok) return peer;
  const incoming = incomingOf(facts, entrance.value);
  if (!incoming.ok) return incoming;
  const received = receive(incoming.value, entrance.value);
  if (!received.ok) return ok(answerOf(received.error.code));
  const places = placesOf(received.value, entrance.value, peer.value, EVERY_ACCOUNT);
  const seen = meshScope(peer.value, null);
  if (scope !== null && entrance.value.kind === "mesh" && seen !== scope && places.at(0)?.scope !== scope)
    return problem("", `this caller sees \`${seen}\`, not \`${scope}\`: leave \`scope\` out, or change \`peer\``);
  if (protocol === "http") introduce(received.value);
  const tls = facts.tls ?? tlsOf(peer.value, received.value);
  return ok({ protocol, received: received.value, places, entrance: entrance.value.kind, peer: peer.value, tls });
}

function tlsOf({ by, principal }: Peer, { scheme }: Received): ClientTls {
  const certificate = { verified: true, hash: "", spki: "", names: [`spiffe://${principal}`] };
  return {
    version: scheme === "https" ? "TLSv1.3" : null,
    cipher: null,
    certificate: by === "certificate" ? certificate : null,
  };
}

function problem(field: string, message: string): Result<never, Problem> {
  return err({ field, message });
}

function entranceOf({ port, scheme, clientIp }: HypotheticalFacts, scope: string | null): Result<Entrance, Problem> {
  if (scope === null || scope.startsWith("mesh/")) {
    if (clientIp !== null)
      return problem("clientIp", "nothing tells it in the mesh; leave it out, or name a Gateway's scope");
    return ok({ kind: "mesh", props: {} });
  }
  const [, gateway = null, listener] = GATEWAY_SCOPE.exec(scope) ?? [];
  if (listener !== undefined && port !== undefined && port !== Number(listener))
    return problem("port", `the scope's listener is at port ${listener}; leave it out`);
  const at = listener === undefined ? (port ?? (scheme === "https" ? 443 : 80)) : Number(listener);
  return ok({
    kind: "public",
    listener: { gateway, port: at, mesh: false, sni: null, scope },
    clientAuth: undefined,
    whereabouts: { colo: null, country: null, continent: null },
    tlsVersion: undefined,
    tlsCipher: undefined,
    scheme: scheme ?? (at === 443 ? "https" : "http"),
  });
}

function peerIn({ peer }: HypotheticalFacts, entrance: Entrance["kind"]): Result<Peer, Problem> {
  if (peer === null) return ok(NO_PEER);
  const { principal } = peer;
  const id = parseSpiffeId(principal.startsWith("spiffe://") ? principal : `spiffe://${principal}`);
  if (!id.ok) return problem("peer.principal", `is no SPIFFE ID: ${id.error.rule}`);
  const { trustDomain } = id.value;
  const trust = { domain: trustDomain, aliases: [], authorities: [] };
  return ok(peerOf(id.value, trust, entrance === "mesh" ? "binding" : "certificate"));
}

/** The request as the runtime would hand it over. */
function incomingOf(facts: HypotheticalFacts, entrance: Entrance): Result<Incoming, Problem> {
  const { method, authority, path, query } = facts;
  const dialled = entrance.kind === "mesh" ? dialledBy(facts) : ok(facts.host);
  if (!dialled.ok) return dialled;
  const scheme = entrance.kind === "public" ? entrance.scheme : (facts.scheme ?? "http");
  const headers = new Map([["host", authority ?? dialled.value]]);
  for (const [given, values] of Object.entries(facts.headers)) {
    const name = given.toLowerCase();
    const field = Object.hasOwn(OTHER_FIELDS, name) ? OTHER_FIELDS[name] : undefined;
    if (field !== undefined) return problem(`headers[${given}]`, `say it as \`${field}\``);
    // Lines of one name come joined, as the runtime joins them.
    const lines = [headers.get(name) ?? [], values].flat();
    if (lines.length > 0) headers.set(name, lines.join(", "));
  }
  if (facts.clientIp !== null) headers.set("cf-connecting-ip", facts.clientIp);
  return ok({
    url: `${scheme}://${dialled.value}${path}${query === "" ? "" : `?${query}`}`,
    method,
    headers: {
      get: (name) => headers.get(name) ?? null,
      forEach: (callback) => headers.forEach((value, name) => callback(value, name)),
    },
    body: null,
  });
}

function dialledBy({ host, port }: HypotheticalFacts): Result<string, Problem> {
  const [, named] = /:(\d+)$/.exec(host) ?? [];
  if (port === undefined) return ok(host);
  if (named !== undefined && Number(named) !== port) return problem("port", `\`host\` names port ${named}`);
  return ok(named === undefined ? `${host}:${port}` : host);
}

const NO_ID = "00000000-0000-4000-8000-000000000000";
const NO_TRACE = `00-${"0".repeat(31)}1-${"0".repeat(15)}1-00`;

/** The headers that every request gets from the gateway; ids stand for those that it would draw. */
function introduce({ headers, scheme, clientIp }: Received): void {
  headers["x-request-id"] ??= NO_ID;
  headers["traceparent"] ??= NO_TRACE;
  headers["x-forwarded-proto"] = scheme;
  if (clientIp !== null) headers["x-forwarded-for"] = clientIp;
}

/**
 * The facts of a request whose host's slice was found, canonical as that slice wants them.
 *
 * @param port of the place that lists the host
 * @returns the gateway's answer where the path cannot be read in one way only
 */
export function factsFor(
  slice: LinkedSlice,
  { protocol, received, entrance, peer, tls }: HypotheticalRequest,
  port: number,
  { startedAt, seed }: Pick<RequestFacts, "startedAt" | "seed">,
): Result<RequestFacts, Answer> {
  const { method, scheme, host, authority, headers, odd, target, sourceIp, clientIp } = received;
  dropAliases(headers, odd, slice.headers);
  const path = canonicalPath(target.pathname, slice.model.path);
  if (!path.ok) return err(answerOf(path.error.code));
  return ok({
    protocol,
    method,
    scheme,
    host,
    authority,
    port,
    path: path.value.match,
    forwardPath: path.value.forward,
    query: target.query,
    headers,
    entrance,
    sourceIp,
    clientIp,
    // A listener that asks for no certificate looks at none.
    peer: slice.front?.model.clientCertificate === "none" ? NO_PEER : peer,
    tls: slice.front?.asksTls === true ? tls : null,
    startedAt,
    seed,
    tokens: [],
    conclusions: null,
  });
}
