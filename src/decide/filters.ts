import type { HeaderRecord } from "../request/headers.ts";
import { DRAW, draw } from "../request/draws.ts";
import type { RequestFacts } from "../request/facts.ts";
import { grpcAnswerType, grpcOfHttp } from "../request/grpc.ts";
import { judgeOrigin, type LinkedCors } from "../routing/cors.ts";
import type { LinkedRoute } from "../snapshot/link.ts";
import type { Fault } from "../snapshot/model.ts";
import { type Answer, answerOf } from "./answers.ts";
import type { Trace } from "./trace.ts";
import type { Decision, Forward } from "./types.ts";

/**
 * A refusal by the destination's policies, as it is answered. No fault meets it. A page of an allowed origin may read it, as it may
 * what the service says: in Istio it comes from there. An ALLOW lets somebody call the service: a preflight that is answered
 * here calls nobody, and carries no token that an ALLOW could want, so none is needed.
 */
export function refused(route: LinkedRoute, facts: RequestFacts, refusal: Answer, trace: Trace | undefined): Decision {
  const cors = route.filters?.cors;
  const verdict = cors ? judgeOrigin(cors, facts) : null;
  if (verdict === null) return refusal;
  if (verdict.kind === "allowed") return withLines(refusal, verdict.changes);
  return NOT_FOR_PREFLIGHTS.has(refusal.code) ? filtered(route, facts, refusal, trace) : refusal;
}

/** Refusals of who may call the service, and who says so: a preflight that is answered here calls nobody. */
const NOT_FOR_PREFLIGHTS = new Set(["rbac_denied_no_allow", "ext_authz_denied", "ext_authz_error"]);

function withLines(answer: Answer, changes: readonly { readonly name: string; readonly value: string }[]): Answer {
  return { ...answer, headers: [...answer.headers, ...changes.map(({ name, value }) => [name, value] as const)] };
}

/**
 * What stands between a destination's policies and its endpoints, in Envoy's order: the route's fault, then its CORS policy. So a
 * preflight may meet a fault, and an answer that a fault gives says nothing of CORS.
 *
 * @param facts the request as it was routed
 * @param decision what becomes of it behind these: a call, or the answer that there is nobody to call
 */
export function filtered(
  route: LinkedRoute,
  facts: RequestFacts,
  decision: Forward | Answer,
  trace: Trace | undefined,
): Decision {
  if (route.filters === null) return decision;
  const { fault, cors } = route.filters;
  const delayMs = fault === null ? 0 : delayOf(fault, facts.seed);
  if (delayMs > 0) trace?.saw("filter", route.model.name, `delay ${delayMs} ms`);
  const behind =
    (fault && aborted(fault, facts, decision, trace)) ??
    (cors === null ? decision : allowed(cors, facts, decision, trace));
  return delayMs === 0 ? behind : { ...behind, delayMs };
}

function delayOf({ delay }: Fault, seed: number): number {
  return delay !== undefined && draw(seed, DRAW.delay, 0) < delay.share ? delay.ms : 0;
}

const ABORT = "fault filter abort";

/** @returns null where nothing is aborted */
function aborted(
  { abort }: Fault,
  { seed, headers }: RequestFacts,
  { route, cluster }: Forward | Answer,
  trace: Trace | undefined,
): Answer | null {
  if (abort === undefined || draw(seed, DRAW.abort, 0) >= abort.share) return null;
  trace?.saw("filter", route?.model.name ?? "", "fault_filter_abort");
  const answer = answerOf("fault_filter_abort", null, route, cluster);
  const { status, grpcStatus = grpcOfHttp(status) } = abort;
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
