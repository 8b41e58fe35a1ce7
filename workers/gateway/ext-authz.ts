import { pickEndpoint } from "../../src/decide/attempts.ts";
import type { CheckNeed } from "../../src/decide/types.ts";
import type { LinkedAuthorizer } from "../../src/policy/external-authorization.ts";
import { checkHeaders, checkPath, verdictOf } from "../../src/policy/external-exchange.ts";
import type { CheckFact } from "../../src/request/check-fact.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { Outcome } from "../../src/resilience/outlier.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import { type Backend, backendFor } from "./backend.ts";
import type { Call } from "./call.ts";
import type { CallerCluster } from "./callers.ts";
import { CheckTrace } from "./trace-check.ts";
import { slotIn } from "./slot.ts";

/** Of a refusal's body the client gets so much, as by Envoy's `max_denied_response_body_bytes`. */
const MAX_BODY_BYTES = 65_536;

/**
 * Asks an external authorizer about a request, at an endpoint of its service, as any other call in this caller's name: by its outlier
 * detection and its limits. The request itself holds no place of the service's meanwhile. Never rejects.
 *
 * @param body what it is told of the request's
 * @param latest epoch ms: by then nobody waits any more, whatever time the authorizer has; that says nothing of it
 */
export async function askAuthorizer(
  call: Call,
  need: CheckNeed,
  body: Uint8Array | null,
  latest: number,
): Promise<CheckFact> {
  const { timeoutMs } = need.authorizer.model;
  const leftMs = latest - Date.now();
  if (leftMs <= 0) return TIMEOUT;
  const isCut = leftMs < timeoutMs;
  let fact: CheckFact;
  try {
    fact = await ask(call, need, body, { limitMs: Math.min(timeoutMs, leftMs), isCut });
  } catch {
    fact = { verdict: "failed", reason: "unreachable" };
  }
  if (!isGone(call) && !(isCut && fact === TIMEOUT)) call.mesh.authorizers.answered(need.authorizer, fact);
  return fact;
}

/** What ends with its client is no failure of whoever was asked: else clients that go away would close it for all, or open it (R33). */
function isGone({ signal }: Call): boolean {
  return signal?.aborted === true;
}

async function ask(
  call: Call,
  { authorizer, facts }: CheckNeed,
  body: Uint8Array | null,
  time: Time,
): Promise<CheckFact> {
  const { cluster: id } = authorizer.model;
  const cluster = call.slice.asked.get(id);
  if (cluster === undefined) return { verdict: "failed", reason: "no_endpoint" };
  const view = call.mesh.callers.view(call.caller, cluster);
  const endpoint = pickEndpoint(cluster, view.at(Date.now(), call.whereabouts, view.turns.first()), facts.seed);
  const backend = endpoint && backendFor(endpoint.address, null, undefined, call.mesh.env);
  if (endpoint === null || backend === null) return { verdict: "failed", reason: "no_endpoint" };
  const ticket = slotIn(view, time.limitMs);
  if (ticket === null) return { verdict: "failed", reason: "overflow" };
  call.mesh.callers.start(endpoint);
  try {
    return await exchange(call, authorizer, facts, body, { backend, endpoint, view, ...time });
  } finally {
    call.mesh.callers.finish(endpoint);
    if (ticket !== undefined) view.pool.leave(ticket, cluster.model.pool, Date.now());
  }
}

interface Time {
  readonly limitMs: number;
  /** It has less than its own: that it was late says nothing of it. */
  readonly isCut: boolean;
}

interface Way extends Time {
  readonly backend: Backend;
  readonly endpoint: Endpoint;
  readonly view: CallerCluster;
}

/** One call, which ends by its own time or with its client's. */
async function exchange(
  call: Call,
  authorizer: LinkedAuthorizer,
  facts: RequestFacts,
  body: Uint8Array | null,
  { backend, endpoint, view, limitMs, isCut }: Way,
): Promise<CheckFact> {
  const abort = new AbortController();
  const late = Promise.withResolvers<null>();
  const end = (): void => {
    abort.abort();
    late.resolve(null);
  };
  const timer = setTimeout(end, limitMs);
  call.signal?.addEventListener("abort", end);
  const trace = call.plan === null ? null : new CheckTrace(call, call.plan);
  const judge = (outcome: Outcome): void => {
    if (!isGone(call) && !(isCut && outcome === "timeout")) view.judge(endpoint, outcome, Date.now());
  };
  try {
    const init = { ...initOf(authorizer, facts, body, backend), signal: abort.signal };
    trace?.begin(init.headers);
    const response = await Promise.race([backend.fetch(urlOf(authorizer, facts, backend), init), late.promise]);
    judge(response === null ? "timeout" : response.status);
    const fact = response === null ? TIMEOUT : await read(authorizer, response, late.promise);
    trace?.end(authorizer, endpoint, view.cluster, response?.status ?? null, fact);
    return fact;
  } catch {
    judge(abort.signal.aborted ? "timeout" : "reset");
    const fact = abort.signal.aborted ? TIMEOUT : UNREACHABLE;
    trace?.end(authorizer, endpoint, view.cluster, null, fact);
    return fact;
  } finally {
    clearTimeout(timer);
    call.signal?.removeEventListener("abort", end);
  }
}

const TIMEOUT: CheckFact = { verdict: "failed", reason: "timeout" };
const UNREACHABLE: CheckFact = { verdict: "failed", reason: "unreachable" };

/** All parts of the text are canonical: the authority was matched against a plain name, the prefix was checked when it was applied. */
function urlOf(authorizer: LinkedAuthorizer, facts: RequestFacts, { origin }: Backend): string {
  return `${origin ?? `${facts.scheme}://${facts.authority}`}${checkPath(authorizer, facts)}`;
}

/** Nothing is followed: where a refusal leads is for the client. */
function initOf(
  authorizer: LinkedAuthorizer,
  facts: RequestFacts,
  body: Uint8Array | null,
  backend: Backend,
): RequestInit & { readonly headers: Record<string, string> } {
  const headers = checkHeaders(authorizer, facts);
  if (backend.ownHost !== null) {
    headers["host"] = backend.ownHost;
    headers["x-forwarded-host"] = facts.authority;
  }
  const init: RequestInit & { headers: Record<string, string> } = { method: facts.method, headers, redirect: "manual" };
  if (body !== null && body.length > 0) init.body = body;
  if (backend.cached) init.cache = "no-store";
  return init;
}

/** The status decides; a body that breaks off, is late or long changes nothing but what the client reads. */
async function read(authorizer: LinkedAuthorizer, response: Response, late: Promise<null>): Promise<CheckFact> {
  const { status, body } = response;
  const fact = verdictOf(authorizer, status, linesOf(response.headers));
  if (fact.verdict !== "denied" || body === null || status === 204 || status === 205 || status === 304) {
    await body?.cancel().catch(() => undefined);
    return fact;
  }
  return { ...fact, body: await boundedBody(body, late) };
}

function linesOf(headers: Headers): (readonly [string, string])[] {
  const lines: (readonly [string, string])[] = [];
  headers.forEach((value, name) => {
    if (name !== "set-cookie") lines.push([name, value]);
  });
  for (const cookie of headers.getSetCookie()) lines.push(["set-cookie", cookie]);
  return lines;
}

async function boundedBody(
  body: ReadableStream<Uint8Array>,
  late: Promise<null>,
): Promise<Uint8Array<ArrayBuffer> | string> {
  const reader = body.getReader();
  const whole = new Uint8Array(MAX_BODY_BYTES);
  let at = 0;
  try {
    while (at < MAX_BODY_BYTES) {
      const read = await Promise.race([reader.read(), late]);
      if (read === null || read.done) break;
      const part = read.value.subarray(0, MAX_BODY_BYTES - at);
      whole.set(part, at);
      at += part.length;
    }
  } catch {
    // What came of it is what the client gets.
  }
  reader.cancel().catch(() => undefined);
  return at === 0 ? "" : whole.slice(0, at);
}
