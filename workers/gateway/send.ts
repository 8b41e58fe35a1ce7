import type { Forward, HeaderChange } from "../../src/decide/types.ts";
import { withoutCookie } from "../../src/decide/header-overlay.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import { type Backend, backendFor } from "./backend.ts";
import { passBody, wholeBody } from "./body.ts";
import type { Call } from "./call.ts";
import { needsStripping, stripAnswer } from "./headers.ts";
import type { Mesh } from "./mesh.ts";
import type { Received } from "./receive.ts";
import { BINDING_MISSING, CONNECTION_FAILURE, PROTOCOL_ERROR, TIMEOUT, refuse } from "./refuse.ts";

/**
 * Steps 6 and 7: calls the endpoint and passes its answer on. The call's end is the end of the answer's body, so from here
 * on everything that must happen hangs on the call's lease.
 */
export async function send(
  call: Call,
  received: Received,
  decision: Forward,
  endpoint: Endpoint,
  mesh: Mesh,
): Promise<Response> {
  const backend = backendFor(endpoint.address, mesh.env);
  if (backend === null) return refuse(call, BINDING_MISSING);
  const client = call.request.signal;
  const { timeoutMs } = decision.route.model;
  const request = outgoing(call, received, decision, endpoint, backend);

  const { journal } = call;
  journal.attempts += 1;
  call.sent = true;
  mesh.active.add(endpoint);
  const sentAt = Date.now();
  const response = await inTime(backend.fetch(request), timeoutMs);
  const upstreamMs = Date.now() - sentAt;
  journal.upstreamMs = upstreamMs;
  if (client.aborted) return gone(call);
  if (response === null || response === "timeout") {
    call.outcome = "gateway_error";
    // The call under way is given up with this request: nothing else holds it.
    return refuse(call, response === null ? CONNECTION_FAILURE : TIMEOUT);
  }
  const { status } = response;
  const switched = status === 101 && received.upgrade && response.webSocket !== null;
  if (!switched && (status < 200 || status > 599)) {
    call.outcome = "gateway_error";
    return refuse(call, PROTOCOL_ERROR);
  }
  journal.status = status;
  journal.details = "via_upstream";
  call.outcome = status >= 500 ? (status >= 502 && status <= 504 ? "gateway_error" : "5xx") : "success";

  if (switched) {
    // Its messages do not pass through here, so its end is not seen: the slot comes back with the handshake.
    call.end("ok");
    const { webSocket, headers } = response;
    return dressed(new Response(null, { status, headers, webSocket }), decision);
  }
  journal.bytes = response.body === null ? 0 : null;
  const count = (bytes: number): void => {
    journal.bytes = (journal.bytes ?? 0) + bytes;
  };
  const whole = wholeBody(response, count);
  if (whole !== undefined) {
    call.end("ok");
    // What needs no change is passed on as it is: a copy costs as much as the decision.
    const asIs = decision.response.length === 0 && !needsStripping(response.headers);
    return asIs ? response : dressed(answerOf(whole, response), decision);
  }
  // What is left of the time is for the body.
  const deadline = timeoutMs === undefined ? null : AbortSignal.timeout(Math.max(1, timeoutMs - upstreamMs));
  const signal = deadline === null ? client : AbortSignal.any([client, deadline]);
  const passed = await passBody(response, signal, count);
  if (passed.end === null) call.end("ok");
  else call.ctx.waitUntil(passed.end.then((how) => call.end(endOf(how, client, deadline))));
  return dressed(answerOf(passed.body, response), decision);
}

/** Bodies stay encoded as they came: by default the runtime would unpack what is read here and pack it again. */
function answerOf(body: BodyInit | null, { status, statusText, headers }: Response): Response {
  return new Response(body, { status, statusText, headers, encodeBody: "manual" });
}

/** @returns null where the call failed */
async function inTime(call: Promise<Response>, timeoutMs: number | undefined): Promise<Response | null | "timeout"> {
  const answered = call.catch(() => null);
  if (timeoutMs === undefined) return answered;
  const { promise, resolve } = Promise.withResolvers<"timeout">();
  const timer = setTimeout(resolve, timeoutMs, "timeout");
  const first = await Promise.race([answered, promise]);
  clearTimeout(timer);
  return first;
}

/** @param answer a copy of the service's, mutable */
function dressed(answer: Response, decision: Forward): Response {
  const { headers } = answer;
  stripAnswer(headers, answer.status === 101);
  change(headers, decision.response);
  return answer;
}

function endOf(
  how: "whole" | "backend" | "client",
  client: AbortSignal,
  deadline: AbortSignal | null,
): "ok" | "DC" | "UT" | "UC" {
  if (how === "whole") return "ok";
  if (how === "client" || client.aborted) return "DC";
  return deadline?.aborted === true ? "UT" : "UC";
}

/** Nobody reads it: the client is gone, which is no failure of the service. */
export function gone(call: Call): Response {
  call.end("DC");
  return new Response(null, { status: 499 });
}

/** Built from the parts that were decided on, never from the request as a whole: that may hold another, raw form of the URL. */
function outgoing(call: Call, received: Received, decision: Forward, endpoint: Endpoint, backend: Backend): Request {
  const { method } = received;
  const authority = decision.authority ?? received.target.host;
  // Both parts of this text are canonical: the authority has been matched against a plain name, the path begins with `/`.
  const query = decision.query === "" ? "" : `?${decision.query}`;
  const bodiless = method === "GET" || method === "HEAD";
  const request = new Request(`${backend.origin(received.scheme, authority)}${decision.path}${query}`, {
    method,
    headers: call.request.headers,
    body: bodiless ? null : call.request.body,
    redirect: "manual",
    signal: call.request.signal,
    encodeResponseBody: "manual",
    ...(backend.cached && { cache: "no-store" }),
  });
  const { headers } = request;
  received.headers.applyTo(headers);
  if (bodiless && call.request.body !== null) headers.delete("content-length");
  if (decision.authority !== null || !backend.keepsHost) headers.set("x-forwarded-host", received.authority);
  if (decision.authority !== null) headers.set("host", decision.authority);
  else if (endpoint.address.kind === "private") headers.set("host", received.authority);
  if (call.peer.principal !== null) {
    headers.set("x-forwarded-client-cert", clientCertificate(endpoint.workload.principal, call.peer.principal));
  }
  change(headers, decision.request);
  change(headers, decision.bySet?.get(endpoint.policySet) ?? []);
  return request;
}

/** Envoy's form: who was called by whom. */
function clientCertificate(by: string | null, caller: string): string {
  return by === null ? `URI=spiffe://${caller}` : `By=spiffe://${by};URI=spiffe://${caller}`;
}

function change(headers: Headers, changes: readonly HeaderChange[]): void {
  for (const item of changes) {
    switch (item.op) {
      case "remove":
        headers.delete(item.name);
        break;
      case "set":
        headers.set(item.name, item.value);
        break;
      case "add":
        headers.append(item.name, item.value);
        break;
      case "remove-cookie":
        removeCookie(headers, item.name);
        break;
    }
  }
}

function removeCookie(headers: Headers, name: string): void {
  const cookies = headers.get("cookie");
  if (cookies === null) return;
  const kept = withoutCookie(cookies, name);
  if (kept === null) headers.delete("cookie");
  else headers.set("cookie", kept);
}
