import { answerOf } from "../../src/decide/answers.ts";
import { type Received, receive } from "../../src/request/receive.ts";
import { formatTraceparent, traceContext } from "../../src/telemetry/trace-context.ts";
import type { HttpCall } from "./http-call.ts";
import { randomHex } from "./random.ts";
import { within } from "./within.ts";

/** Step 1: the request in its one canonical form, with the gateway's own headers. */
export function receiveRequest(call: HttpCall): Response | null | Promise<Response | null> {
  const received = receive(call, call.entrance);
  if (received.ok) {
    call.received = received.value;
    introduce(call, received.value);
    return null;
  }
  const { code } = received.error;
  if (code === "body_not_allowed" && call.body !== null && !call.headers.has("content-length"))
    return receiveEmpty(call, call.body);
  unreadable(call);
  return call.answer(answerOf(code));
}

/** As long as Envoy waits for a body by default. */
const MAX_WAIT_MS = 60_000;

/**
 * A GET or HEAD that does not tell how long its body is: where it comes to an end without a byte there is none (RFC 9110 §9.3.1 lets a
 * client send content, and RFC 9112 §6.3 sends it in chunks, be it empty).
 */
async function receiveEmpty(call: HttpCall, body: ReadableStream<Uint8Array>): Promise<Response | null> {
  const isEmpty = await within(MAX_WAIT_MS, endsEmpty(body));
  if (call.lease.ended) return call.gone();
  if (isEmpty !== true) {
    unreadable(call);
    return call.answer(answerOf(isEmpty === false ? "body_not_allowed" : "request_body_broken"));
  }
  call.body = null;
  return receiveRequest(call);
}

/** @returns null where it breaks off */
async function endsEmpty(body: ReadableStream<Uint8Array>): Promise<boolean | null> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      if (value.length === 0) continue;
      await reader.cancel();
      return false;
    }
  } catch {
    return null;
  }
}

/** Request id and trace context: continued where the caller is of the mesh, begun where it is anybody. */
function introduce(call: HttpCall, { headers, clientIp, scheme, authority, target }: Received): void {
  const { journal, entrance } = call;
  const inMesh = entrance.kind === "mesh";
  const id = inMesh ? headers["x-request-id"] : undefined;
  if (id !== undefined && /^[\w.:-]{1,128}$/.test(id)) journal.requestId = id;
  const trace = traceContext(headers["traceparent"] ?? null, headers["tracestate"] ?? null, randomHex(48));
  journal.traceId = trace.traceId;
  journal.spanId = trace.spanId;
  journal.sampled = inMesh && trace.decision === true;
  journal.parentId = trace.parentId;
  call.decision = trace.decision;
  journal.scheme = scheme;
  journal.authority = authority;
  journal.path = target.pathname;
  journal.query = target.query;
  journal.userAgent = headers["user-agent"] ?? null;
  journal.headers = headers;
  journal.clientIp = clientIp;
  headers["x-request-id"] = journal.requestId;
  headers["traceparent"] = formatTraceparent(trace.traceId, trace.spanId, journal.sampled);
  // To delete costs, also what is not there.
  if (trace.state === null && headers["tracestate"] !== undefined) delete headers["tracestate"];
  headers["x-forwarded-proto"] = scheme;
  if (clientIp !== null) headers["x-forwarded-for"] = clientIp;
}

/** What the journal tells of a request that has no canonical form. */
function unreadable({ journal, headers }: HttpCall): void {
  journal.authority = headers.get("host") ?? "";
  journal.userAgent = headers.get("user-agent");
}
