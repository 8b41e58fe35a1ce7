import type { HeaderRecord } from "../request/headers.ts";
import { DRAW, draw } from "../request/draws.ts";
import type { RequestFacts } from "../request/facts.ts";
import { grpcAnswerType, grpcOfHttp } from "../request/grpc.ts";
import { judgeOrigin, type LinkedCors } from "../routing/cors.ts";
import type { LinkedRehearsal } from "../routing/rehearsal.ts";
import type { LinkedRoute } from "../snapshot/link.ts";
import type { Fault } from "../snapshot/model.ts";
import type { RehearsalModel } from "../snapshot/rehearsal-model.ts";
import { type Answer, answerOf } from "./answers.ts";
import { rehearsed, type Rehearsed } from "./rehearsals.ts";
import type { Trace } from "./trace.ts";
import type { Decision, Forward } from "./types.ts";

/**
 * A refusal by the destination's policies, as it is answered. No fault meets it. A page of an allowed origin may read it, as it may
 * what the service says: in Istio it comes from there. An ALLOW lets somebody call the service: a preflight that is answered
 * here calls nobody, and carries no token that an ALLOW could want, so none is needed.
 */
export function refused(
  route: LinkedRoute,
  rehearsals: readonly LinkedRehearsal[] | null,
  facts: RequestFacts,
  refusal: Answer,
  trace: Trace | undefined,
): Decision {
  const cors = route.filters?.cors;
  const verdict = cors ? judgeOrigin(cors, facts) : null;
  if (verdict === null) return refusal;
  if (verdict.kind === "allowed") return withLines(refusal, verdict.changes);
  return NOT_FOR_PREFLIGHTS.has(refusal.code) ? filtered(route, rehearsals, facts, refusal, trace) : refusal;
}

/** Refusals of who may call the service, and who says so: a preflight that is answered here calls nobody. */
const NOT_FOR_PREFLIGHTS = new Set(["rbac_denied_no_allow", "ext_authz_denied", "ext_authz_error"]);

function withLines(answer: Answer, changes: readonly { readonly name: string; readonly value: string }[]): Answer {
  return { ...answer, headers: [...answer.headers, ...changes.map(({ name, value }) => [name, value] as const)] };
}

/**
 * What stands between a destination's policies and its endpoints, in Envoy's order: the route's fault, then rehearsals, then its
 * CORS policy. So a preflight may meet a fault, and an answer that a fault gives says nothing of CORS. A rehearsal's delay stands
 * for a slow service: it holds only what is sent.
 *
 * @param rehearsals of the destination; null: none
 * @param facts the request as it was routed
 * @param decision what becomes of it behind these: a call, or the answer that there is nobody to call
 */
export function filtered(
  route: LinkedRoute,
  rehearsals: readonly LinkedRehearsal[] | null,
  facts: RequestFacts,
  decision: Forward | Answer,
  trace: Trace | undefined,
): Decision {
  if (route.filters === null)
    return rehearsals === null ? decision : behindRoute(rehearsals, null, facts, decision, trace);
  const { fault, cors } = route.filters;
  const delayMs = fault === null ? 0 : delayOf(fault, facts.seed);
  if (delayMs > 0) trace?.saw("filter", route.model.name, `delay ${delayMs} ms`);
  const behind =
    (fault && aborted(fault, facts, decision, trace)) ?? behindRoute(rehearsals, cors, facts, decision, trace);
  return delayMs === 0 ? behind : { ...behind, delayMs };
}

/** What the route's own fault lets pass. */
function behindRoute(
  rehearsals: readonly LinkedRehearsal[] | null,
  cors: LinkedCors | null,
  facts: RequestFacts,
  decision: Forward | Answer,
  trace: Trace | undefined,
): Forward | Answer {
  const { aborted: by, heldMs } = rehearsals === null ? NOT_REHEARSED : rehearsed(rehearsals, facts, trace);
  if (by?.abort !== undefined) return abortWith(by.abort, by.name, facts, decision);
  const passed = cors === null ? decision : allowed(cors, facts, decision, trace);
  return heldMs > 0 && passed.effect === "forward" ? { ...passed, heldMs } : passed;
}

const NOT_REHEARSED: Rehearsed = { aborted: null, heldMs: 0 };

function delayOf({ delay }: Fault, seed: number): number {
  return delay !== undefined && draw(seed, DRAW.delay, 0) < delay.share ? delay.ms : 0;
}

const ABORT = "fault filter abort";

/** @returns null where nothing is aborted */
function aborted(
  { abort }: Fault,
  facts: RequestFacts,
  decision: Forward | Answer,
  trace: Trace | undefined,
): Answer | null {
  if (abort === undefined || draw(facts.seed, DRAW.abort, 0) >= abort.share) return null;
  trace?.saw("filter", decision.route?.model.name ?? "", "fault_filter_abort");
  return abortWith(abort, null, facts, decision);
}

/** @param by the rehearsal whose abort it is; null: the route's own */
function abortWith(
  { status, grpcStatus = grpcOfHttp(status) }: NonNullable<RehearsalModel["abort"]>,
  by: string | null,
  { headers }: RequestFacts,
  { route, cluster }: Forward | Answer,
): Answer {
  const answer = answerOf("fault_filter_abort", by, route, cluster);
  const grpc = grpcAnswer(headers, grpcStatus);
  if (grpc !== null) return { ...answer, status: 200, body: "", headers: grpc };
  return { ...answer, status, body: mayHaveBody(status) ? ABORT : "" };
}

/** RFC 9110 §15: the platform refuses to make these with one. */
function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}

/** A client of gRPC gets its status in headers, and HTTP's 200. Null for any other. */
function grpcAnswer(headers: HeaderRecord, code: number): Answer["headers"] | null {
  const type = grpcAnswerType(headers["content-type"]);
  if (type === null) return null;
  return [
    ["content-type", type],
    ["grpc-status", String(code)],
    ["grpc-message", ABORT],
  ];
}

function allowed(
  cors: LinkedCors,
  facts: RequestFacts,
  decision: Forward | Answer,
  trace: Trace | undefined,
): Forward | Answer {
  const verdict = judgeOrigin(cors, facts);
  if (verdict === null) return decision;
  const { route, cluster } = decision;
  trace?.saw("filter", route?.model.name ?? "", verdict.kind === "preflight" ? "cors_preflight" : "origin allowed");
  if (verdict.kind === "preflight")
    return { ...answerOf("cors_preflight", null, route, cluster), headers: verdict.headers };
  const { changes } = verdict;
  if (decision.effect === "forward")
    return { ...decision, cors: changes, response: [...decision.response, ...changes] };
  return withLines(decision, changes);
}
