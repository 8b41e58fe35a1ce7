import { answerOf } from "../../src/decide/answers.ts";
import { OF_PROVIDER } from "../../src/decide/external-checks.ts";
import type { Forward } from "../../src/decide/types.ts";
import { applyChange, changedHeaders, type HeaderChange } from "../../src/request/changes.ts";
import { payloadOf, tokenAt } from "../../src/request/credentials.ts";
import { emptyHeaders, type HeaderRecord, type MutableHeaders } from "../../src/request/headers.ts";
import type { Received } from "../../src/request/receive.ts";
import { retryAfterMs } from "../../src/resilience/backoff.ts";
import type { Result } from "../../src/routing/retries.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import { pickAgain } from "./admit.ts";
import { assertCall } from "./assert-call.ts";
import { Attempt } from "./attempt.ts";
import { type Backend, backendFor } from "./backend.ts";
import type { HttpCall } from "./http-call.ts";
import { toldLength } from "./kept-body.ts";
import { takeRetry } from "./retry.ts";
import { countHop, traceAttempt } from "./trace-request.ts";

/**
 * Steps 6 and 7: calls an endpoint, another where the route's policy says so, and passes the last one's answer on. What must happen
 * at the call's end hangs on its lease.
 */
export function sendRequest(call: HttpCall): Response | Promise<Response> {
  const { endpoint, forward, mesh } = call;
  if (call.lease.ended) return call.gone();
  if (endpoint.limit !== undefined && (call.view.active.get(endpoint.id) ?? 0) >= endpoint.limit)
    return call.answer(answerOf("overflow"));
  const now = Date.now();
  if (call.deadline === 0) call.deadline = now + (forward.route.model.timeoutMs ?? Number.POSITIVE_INFINITY);
  const backend = backendFor(endpoint.address, forward.origin, call.variant, mesh.env);
  call.journal.endpoint = endpoint;
  if (backend === null) return tryAgain(call, UNSENT, null) ?? call.answer(answerOf("binding_missing"));
  call.journal.attempts += 1;
  call.journal.sentAt = now;
  const headers = headersFor(call, forward, endpoint, backend);
  const asserted = assertCall(call, forward, endpoint, headers);
  return asserted === null ? perform(call, backend, headers, now) : performAsserted(call, backend, headers, asserted);
}

function perform(call: HttpCall, backend: Backend, headers: HeaderRecord, now: number): Promise<Response> {
  const init = initOf(call, headers, backend);
  call.journal.requestBytes = bodyLength(call, init);
  const attempt = new Attempt(call, call.endpoint, tryAgain);
  call.attempt = attempt;
  return attempt.perform(backend, urlOf(call.received, call.forward, backend), init, now);
}

/** A body that was kept has been counted; any other is as long as it tells. */
function bodyLength({ kept, received }: HttpCall, { body }: RequestInit): number | null {
  if (kept !== null) return kept.length;
  return body === null ? 0 : toldLength(received.headers);
}

/** @param asserted done when `headers` hold the assertion */
async function performAsserted(
  call: HttpCall,
  backend: Backend,
  headers: HeaderRecord,
  asserted: Promise<void>,
): Promise<Response> {
  try {
    await asserted;
    return call.lease.ended ? call.gone() : await perform(call, backend, headers, Date.now());
  } catch (error) {
    return call.broken(error);
  }
}

const UNSENT: Result = { kind: "unsent" };

/** The failed attempt is gone, with its answer, before the next begins. */
function tryAgain(call: HttpCall, result: Result, answer: Response | null): Promise<Response> | null {
  const { forward, received, body, kept } = call;
  // A switched protocol has no second beginning.
  if (forward.route.retries === null || received.webSocket) return null;
  const retryAfter = answer === null ? null : retryAfterMs(answer.headers.get("retry-after"), Date.now());
  const waitMs = takeRetry(call, result, body === null || kept !== null, retryAfter);
  if (waitMs === null) return null;
  answer?.body?.cancel().catch(() => undefined);
  return sendAgain(call, waitMs);
}

async function sendAgain(call: HttpCall, waitMs: number): Promise<Response> {
  try {
    await scheduler.wait(waitMs);
    // Where something of the request is pending elsewhere the client's abort does not stop it here.
    if (call.lease.ended) return call.gone();
    return pickAgain(call, Date.now()) ?? (await sendRequest(call));
  } catch (error) {
    return call.broken(error);
  }
}

/** Of the parts that were decided on, never of the request's URL: that may be another, raw form of it. */
export function urlOf({ scheme, target }: Received, { authority, path, query }: Forward, { origin }: Backend): string {
  // All parts of this text are canonical: the authority has been matched against a plain name, the path begins with `/`.
  return `${origin ?? `${scheme}://${authority ?? target.host}`}${path}${query === "" ? "" : `?${query}`}`;
}

export function initOf(
  { body, kept, received: { method } }: HttpCall,
  headers: HeaderRecord,
  backend: Backend,
): RequestInit {
  // The option for the answer's coding is the call's: a Request would not carry it.
  const init: RequestInit = {
    method,
    headers,
    body: kept ?? body,
    redirect: "manual",
    encodeResponseBody: "manual",
  };
  if (backend.cached) init.cache = "no-store";
  return init;
}

/** Ours, which a route may change all the same; who calls it can keep back alone (src/routing/header-operations.ts). */
const LATE = new Set(["x-forwarded-host", "x-forwarded-client-cert", "x-envoy-attempt-count"]);

/**
 * What the destination's policies saw, and what the gateway tells the endpoint.
 *
 * @param copy which of the mirrors it is for; absent: none
 */
export function headersFor(
  call: HttpCall,
  forward: Forward,
  endpoint: Endpoint,
  backend: Backend,
  copy?: number,
): MutableHeaders {
  const { received, peer, certificate, facts } = call;
  const { authority, request, bySet } = forward;
  const ofSet = bySet?.get(endpoint.policySet) ?? NO_CHANGES;
  const headers = copyWithout(forward.headers, ofSet);
  setOurs(headers, "x-forwarded-host", authority !== null || backend.ownHost !== null ? received.authority : null);
  if (authority === null && backend.ownHost !== null) headers["host"] = backend.ownHost;
  const { principal } = peer;
  const proof =
    principal === null || forward.cluster.model.anonymous
      ? null
      : clientCertificate(endpoint.workload.principal, principal, certificate);
  setOurs(headers, "x-forwarded-client-cert", proof);
  headers["x-envoy-attempt-count"] = String(call.journal.attempts);
  if (call.plan === null) countHop(call, forward.cluster, headers, copy);
  else traceAttempt(call, call.plan, forward.cluster, headers, copy);
  let payloads = null as Set<string> | null;
  for (const change of request) {
    if (change.op === "set-payload") (payloads ??= new Set()).add(change.name);
    else if (!LATE.has(change.name) && payloads?.has(change.name) !== true) continue;
    applyChange(headers, change, (place) => payloadAt(call, place, withProvided(facts.headers, request)));
  }
  for (const change of ofSet) {
    if (change.op !== "remove" || headers[change.name] !== undefined)
      applyChange(headers, change, (place) => payloadAt(call, place, withProvided(forward.headers, ofSet)));
  }
  return headers;
}

const NO_CHANGES: readonly HeaderChange[] = [];

/** A token may be one that a provider has brought. */
function withProvided(headers: HeaderRecord, changes: readonly HeaderChange[]): HeaderRecord {
  return changedHeaders(
    headers,
    changes.filter((change) => change.op === "set" && change.template === OF_PROVIDER),
  );
}

/** A route's changes of it are made anew, on top of ours: what they made of it before goes. */
function setOurs(headers: MutableHeaders, name: string, value: string | null): void {
  if (value !== null) headers[name] = value;
  else if (headers[name] !== undefined) delete headers[name];
}

/** A copy without what will be removed: to delete from an object costs the runtime more than to make it. */
function copyWithout(from: HeaderRecord, changes: readonly HeaderChange[]): MutableHeaders {
  const headers = emptyHeaders();
  if (changes.length === 0) for (const name in from) headers[name] = from[name] ?? "";
  else for (const name in from) if (!isRemoved(name, changes)) headers[name] = from[name] ?? "";
  return headers;
}

function isRemoved(name: string, changes: readonly HeaderChange[]): boolean {
  for (const change of changes) if (change.op === "remove" && change.name === name) return true;
  return false;
}

/** No fact holds a token's text: it is read again where it was found. */
function payloadAt({ slice, facts }: HttpCall, at: number, headers: HeaderRecord): string {
  const place = slice.places[at];
  const token = place === undefined ? null : tokenAt(place, headers, facts.query);
  if (token === null) throw new Error("a token that was verified is no longer there");
  return payloadOf(token);
}

/** Envoy's form: who was called by whom, and by which certificate. */
function clientCertificate(by: string | null, caller: string, hash: string | null): string {
  const shown = hash === null ? "" : `Hash=${hash};`;
  return `${by === null ? "" : `By=spiffe://${by};`}${shown}URI=spiffe://${caller}`;
}
