import { type Answer, answerOf } from "../../src/decide/answers.ts";
import { changeAnswer } from "./answer.ts";
import type { Call } from "./call.ts";

const utf8 = new TextEncoder();

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
  const bytes = typeof body === "string" ? utf8.encode(body) : body;
  journal.bytes = bytes.length;
  const headers = new Headers();
  for (const [name, value] of answer.headers) headers.append(name, value);
  if (call.cors.length > 0) changeAnswer(headers, call.cors);
  if (!headers.has("x-request-id")) headers.set("x-request-id", journal.requestId);
  if (bytes.length > 0 && !headers.has("content-type")) headers.set("content-type", "text/plain");
  call.lease.end("ok");
  // As it stands: by default the runtime would pack a body whose headers name a coding.
  return new Response(bytes.length === 0 ? null : bytes, { status, headers, encodeBody: "manual" });
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
