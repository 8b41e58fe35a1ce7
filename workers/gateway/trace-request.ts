import type { MutableHeaders } from "../../src/request/headers.ts";
import { readB3, writeB3 } from "../../src/telemetry/b3.ts";
import { nextHop, withoutHops } from "../../src/telemetry/hops.ts";
import { attemptSpanId, formatTraceparent, MIRROR } from "../../src/telemetry/trace-context.ts";
import type { TracePlan } from "../../src/telemetry/trace-plan.ts";
import type { LinkedCluster } from "../../src/snapshot/link.ts";
import type { HttpCall } from "./http-call.ts";

/** After step 3, when it is known who calls and what the mesh does about traces: whether this one is reported. */
export function traceRequest(call: HttpCall): null {
  const { telemetry } = call.mesh.configuration;
  if (telemetry !== null) call.plan = telemetry.client(call.journal, call.slice.model).plan;
  if (call.plan !== null) decide(call, call.plan);
  return null;
}

function decide(call: HttpCall, plan: TracePlan): void {
  const { journal, received } = call;
  const { headers } = received;
  if (plan.b3 !== null && journal.parentId === null) {
    const b3 = readB3(headers);
    if (b3 !== null) {
      journal.traceId = b3.traceId;
      journal.parentId = b3.parentId;
      call.decision = b3.decision;
    }
  }
  journal.sampled = isOfMesh(call) && call.decision !== null ? call.decision : Math.random() < plan.share;
  headers["traceparent"] = formatTraceparent(journal.traceId, journal.spanId, journal.sampled);
}

/** Anybody else could have every request of theirs reported, and tell of hops that there were not. */
export function isOfMesh({ entrance, peer }: HttpCall): boolean {
  return entrance.kind === "mesh" || peer.principal !== null;
}

/**
 * The span of the attempt is the parent of what the service does. What a route says of these headers counts before.
 *
 * @param copy which of the mirrors it is for; absent: none
 */
export function traceAttempt(
  call: HttpCall,
  { b3, told }: TracePlan,
  { model, hop }: LinkedCluster,
  headers: MutableHeaders,
  copy?: number,
): void {
  const { journal, received } = call;
  if (headers["traceparent"] !== received.headers["traceparent"]) return;
  if (told?.cut === true) {
    for (const name of CONTEXT) if (headers[name] !== undefined) delete headers[name];
    return;
  }
  const spanId = attemptSpanId(journal.spanId, copy === undefined ? journal.attempts : MIRROR + copy);
  // As in Istio: the service's span of a copy is no part of the trace.
  const sampled = journal.sampled && copy === undefined;
  headers["traceparent"] = formatTraceparent(journal.traceId, spanId, sampled);
  const { count, seen, state } = nextHop(headers["tracestate"] ?? null, isOfMesh(call), hop);
  if (model.anonymous === true) dropHops(headers);
  else headers["tracestate"] = state;
  if (copy === undefined) {
    journal.hops = count;
    journal.loop = seen;
  }
  if (b3 !== null) writeB3(headers, b3, { traceId: journal.traceId, spanId, parentId: journal.spanId, sampled });
}

/**
 * Where nobody is told of traces, hops are counted all the same: of calls of the mesh's own workloads, since what anybody else says of
 * hops counts for nothing and goes no further (R9).
 */
export function countHop(call: HttpCall, { model, hop }: LinkedCluster, headers: MutableHeaders, copy?: number): void {
  if (model.anonymous === true || !isOfMesh(call)) return dropHops(headers);
  const { count, seen, state } = nextHop(headers["tracestate"] ?? null, true, hop);
  headers["tracestate"] = state;
  if (copy !== undefined) return;
  call.journal.hops = count;
  call.journal.loop = seen;
}

/** Which services a call has passed is the mesh's own business: endpoints outside of it, and callers, have no part in it. */
function dropHops(headers: MutableHeaders): void {
  const state = headers["tracestate"];
  if (state === undefined) return;
  const others = withoutHops(state);
  if (others === null) delete headers["tracestate"];
  else headers["tracestate"] = others;
}

/** All that carries a trace on. */
const CONTEXT = [
  "traceparent",
  "tracestate",
  "b3",
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
];
