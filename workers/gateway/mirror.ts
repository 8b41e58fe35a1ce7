import { nextAttempt } from "../../src/decide/attempts.ts";
import { decide } from "../../src/decide/decide.ts";
import type { Forward, Mirrored } from "../../src/decide/types.ts";
import { DRAW, draw } from "../../src/request/draws.ts";
import type { Outcome } from "../../src/resilience/outlier.ts";
import type { LinkedCluster } from "../../src/snapshot/link.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { assertCall } from "./assert-call.ts";
import { backendFor } from "./backend.ts";
import type { HttpCall } from "./http-call.ts";
import type { CallerCluster } from "./callers.ts";
import { keepCopy } from "./keep-call.ts";
import { keptLength, keptUpTo } from "./kept-body.ts";
import { getFacts, MAX_ROUNDS, type Tokens } from "./missing-facts.ts";
import { headersFor, initOf, urlOf } from "./send.ts";
import { slotIn } from "./slot.ts";

/** What became of a copy, for its counter: an answer by its first digit, or why there was none. */
type Result =
  | `${number}xx`
  | "failed"
  | "timeout"
  | "refused"
  | "no_endpoint"
  | "overflow"
  | "body_too_large"
  | "body_length_unknown"
  | "websocket";

/** A copy has the route's time, else this; with what authorizers are asked about it, never more than the platform gives a call that has ended. */
const DEFAULT_MS = 15_000;
const LONGEST_MS = 25_000;

/** What a copy under way holds beside its body: its headers, and the call that it is of. */
const COPY_BYTES = 8_192;

/** An answer is read so far, so that the service sees its client stay; what is longer is broken off. */
const MAX_READ_BYTES = 1_048_576;

/** Between steps 5 and 6: sends copies beside the call. Nothing of them is waited for here, and nothing of them reaches the client. */
export function mirrorRequest(call: HttpCall): null {
  const { mirrors } = call.forward;
  if (mirrors.length > 0) for (const [at, mirror] of mirrors.entries()) begin(call, mirror, at);
  return null;
}

function begin(call: HttpCall, mirror: Mirrored, at: number): void {
  const withheld = whyNoCopy(call, mirror);
  if (withheld !== null) return count(call, mirror.cluster, withheld);
  const { memory } = call.mesh;
  const bytes = COPY_BYTES + (call.kept?.length ?? 0);
  if (!memory.take(bytes)) return count(call, mirror.cluster, "overflow");
  call.journal.mirrors += 1;
  call.lease.waitUntil(mirrorTo(call, mirror, at).then(() => memory.give(bytes)));
}

/** @returns null for a request that can be sent twice, to where it is not known that it may not go */
function whyNoCopy({ received, body, kept }: HttpCall, { copy }: Mirrored): Result | null {
  if (copy.effect === "answer") return reasonOf(copy);
  if (received.webSocket) return "websocket";
  if (body === null || kept !== null) return null;
  if (received.headers["content-length"] === undefined) return "body_length_unknown";
  return keptLength(received.headers) === null ? "body_too_large" : "overflow";
}

/** Never rejects. */
async function mirrorTo(call: HttpCall, mirror: Mirrored, at: number): Promise<void> {
  // The request itself goes first.
  await Promise.resolve();
  const latest = Date.now() + LONGEST_MS;
  let result: Result;
  try {
    const copy = await knownCopy(call, mirror.copy, at, latest);
    result = copy.effect === "forward" ? await sendCopy(call, copy, at, latest) : reasonOf(copy);
  } catch {
    result = "failed";
  }
  count(call, mirror.cluster, result);
}

function reasonOf(copy: Exclude<Mirrored["copy"], Forward>): Result {
  const gone = copy.effect === "answer" && (copy.code === "no_endpoint" || copy.code === "cluster_not_found");
  return gone ? "no_endpoint" : "refused";
}

/** Gets what the copy's own policies want to know, as for the request itself, and decides again. */
async function knownCopy(
  call: HttpCall,
  first: Mirrored["copy"],
  at: number,
  latest: number,
): Promise<Mirrored["copy"]> {
  const tokens: Tokens = [...call.facts.tokens];
  const checks = new Map(call.facts.checks);
  let copy = first;
  for (let round = 0; round < MAX_ROUNDS + checks.size && copy.effect === "need"; round += 1) {
    const refused = await getFacts(call, copy.needs, tokens, checks, keptUpTo, latest);
    // What ends with its client is no answer: with `failOpen` whoever goes away would let it pass.
    if (refused !== null || call.signal?.aborted === true) break;
    const decision = decide(call.slice, { ...call.facts, tokens, checks });
    const again = decision.effect === "forward" ? decision.mirrors[at] : undefined;
    if (again === undefined) break;
    ({ copy } = again);
  }
  return copy;
}

async function sendCopy(call: HttpCall, copy: Forward, at: number, latest: number): Promise<Result> {
  const view = call.mesh.callers.view(call.caller, copy.cluster);
  // Its picks are draws of its own: the same ones would bind its endpoint to the request's.
  const seed = (draw(call.facts.seed, DRAW.mirrorSeed, at) * 4_294_967_296) | 0;
  const next = nextAttempt(copy, [], view.at(Date.now(), call.whereabouts, view.turns.copy()), seed);
  if (next.kind !== "attempt") return next.kind === "answer" && next.answer.status === 403 ? "refused" : "no_endpoint";
  const leftMs = latest - Date.now();
  if (leftMs <= 0) return "timeout";
  const ownMs = copy.route.model.timeoutMs ?? DEFAULT_MS;
  const limitMs = Math.min(ownMs, leftMs);
  const ticket = slotIn(view, limitMs);
  if (ticket === null) return "overflow";
  const { endpoint } = next;
  call.mesh.callers.start(endpoint);
  try {
    return await fetchCopy(call, { copy, at, endpoint, view, limitMs, isCut: limitMs < ownMs });
  } finally {
    call.mesh.callers.finish(endpoint);
    if (ticket !== undefined) view.pool.leave(ticket, copy.cluster.model.pool, Date.now());
  }
}

interface Copy {
  readonly copy: Forward;
  /** Which of the route's mirrors. */
  readonly at: number;
  readonly endpoint: Endpoint;
  readonly view: CallerCluster;
  readonly limitMs: number;
  /** It has less time than the service may take: that it was late says nothing of the service. */
  readonly isCut: boolean;
}

/** One call, judged as any other of this cluster, whose answer is read and thrown away. */
async function fetchCopy(call: HttpCall, { copy, at, endpoint, view, limitMs, isCut }: Copy): Promise<Result> {
  const backend = backendFor(endpoint.address, copy.origin, call.variant, call.mesh.env);
  if (backend === null) return "failed";
  const headers = headersFor(call, copy, endpoint, backend, at);
  await assertCall(call, copy, endpoint, headers);
  const { traceparent } = headers;
  // As in Istio: the service's span of a copy is no part of the trace.
  if (traceparent !== undefined) headers["traceparent"] = `${traceparent.slice(0, -2)}00`;
  const abort = new AbortController();
  const sentAt = Date.now();
  const timer = setTimeout(() => abort.abort(), limitMs);
  let outcome: Outcome;
  try {
    const init = { ...initOf(call, headers, backend), signal: abort.signal };
    const response = await backend.fetch(urlOf(call.received, copy, backend), init);
    await readAway(response.body);
    outcome = response.status;
  } catch {
    outcome = abort.signal.aborted ? "timeout" : "reset";
  } finally {
    clearTimeout(timer);
  }
  const endedAt = Date.now();
  if (outcome !== "timeout" || !isCut) view.judge(endpoint, outcome, endedAt);
  if (call.plan !== null && call.journal.sampled)
    keepCopy(call, call.plan, { endpoint, cluster: copy.cluster.model, at, sentAt, endedAt }, outcome);
  if (outcome === "reset") return "failed";
  return outcome === "timeout" ? outcome : `${Math.floor(outcome / 100)}xx`;
}

async function readAway(body: ReadableStream<Uint8Array> | null): Promise<void> {
  if (body === null) return;
  const reader = body.getReader();
  for (let bytes = 0; bytes < MAX_READ_BYTES;) {
    const { done, value } = await reader.read();
    if (done) return;
    bytes += value.length;
  }
  await reader.cancel();
}

function count({ mesh, caller }: HttpCall, { model }: LinkedCluster, result: Result): void {
  mesh.configuration.count(
    counterKey("tulle_mirror_requests_total", { source_principal: caller, cluster: model.id, result }),
  );
}
