import { type Answer, answerOf } from "../../src/decide/answers.ts";
import type { Call } from "./call.ts";

/** Ends the call with an answer of our own, which never counts for or against a service's health by itself. */
export function answerWith(call: Call, answer: Answer): Response {
  const { journal } = call;
  const { status, body, flag, code, policy, route, cluster } = answer;
  journal.status = status;
  journal.flag = flag === "" ? "-" : flag;
  journal.details = code;
  if (policy !== null) journal.policy = policy;
  if (route !== null) journal.route = route.model;
  if (cluster !== null) journal.cluster = cluster.model;
  journal.bytes = body.length;
  const headers = new Headers({ "x-request-id": journal.requestId });
  for (const [name, value] of answer.headers) headers.set(name, value);
  if (body !== "") headers.set("content-type", "text/plain");
  call.lease.end("ok");
  return new Response(body === "" ? null : body, { status, headers });
}

/** Nobody reads it: the client is gone, which is no failure of the service. */
export function gone(call: Call): Response {
  call.lease.end("DC");
  return new Response(null, { status: 499 });
}

/** A mistake of ours: the client learns that it was none of its own. */
export function broken(call: Call, error: unknown): Response {
  console.error({ event: "gateway_error", request_id: call.journal.requestId, message: String(error) });
  return answerWith(call, answerOf("internal_error"));
}
