import type { Forward, HeaderChange } from "../../src/decide/types.ts";
import { withoutCookie } from "../../src/decide/header-overlay.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import { Attempt } from "./attempt.ts";
import { type Backend, backendFor } from "./backend.ts";
import type { Call } from "./call.ts";
import type { Mesh } from "./mesh.ts";
import type { Received } from "./receive.ts";
import { BINDING_MISSING, refuse } from "./refuse.ts";

/** Steps 6 and 7: calls the endpoint and passes its answer on. What must happen at the call's end hangs on its lease. */
export async function send(
  call: Call,
  received: Received,
  decision: Forward,
  endpoint: Endpoint,
  mesh: Mesh,
): Promise<Response> {
  const backend = backendFor(endpoint.address, mesh.env);
  if (backend === null) return refuse(call, BINDING_MISSING);
  const init = outgoing(call, received, decision, endpoint, backend);
  call.journal.attempts += 1;
  call.sent = true;
  mesh.active.add(endpoint);
  return new Attempt(call, decision, received.upgrade).perform(backend, urlOf(received, decision, backend), init);
}

/** Of the parts that were decided on, never of the request's URL: that may be another, raw form of it. */
function urlOf({ scheme, target }: Received, { authority, path, query }: Forward, { origin }: Backend): string {
  // All parts of this text are canonical: the authority has been matched against a plain name, the path begins with `/`.
  return `${origin ?? `${scheme}://${authority ?? target.host}`}${path}${query === "" ? "" : `?${query}`}`;
}

function outgoing(
  call: Call,
  received: Received,
  decision: Forward,
  endpoint: Endpoint,
  backend: Backend,
): RequestInit {
  const { method } = received;
  const { body } = call.request;
  const bodiless = method === "GET" || method === "HEAD";
  const headers = received.headers.toRecord();
  if (bodiless && body !== null) delete headers["content-length"];
  if (decision.authority !== null || backend.ownHost) headers["x-forwarded-host"] = received.authority;
  if (decision.authority !== null) headers["host"] = decision.authority;
  else if (backend.hostBeside) headers["host"] = received.authority;
  if (call.peer.principal !== null) {
    headers["x-forwarded-client-cert"] = clientCertificate(endpoint.workload.principal, call.peer.principal);
  }
  change(headers, decision.request);
  const ofSet = decision.bySet?.get(endpoint.policySet);
  if (ofSet !== undefined) change(headers, ofSet);
  // The option for the answer's coding is the call's: a Request would not carry it.
  const init: RequestInit = {
    method,
    headers,
    body: bodiless ? null : body,
    redirect: "manual",
    encodeResponseBody: "manual",
  };
  if (backend.cached) init.cache = "no-store";
  return init;
}

/** Envoy's form: who was called by whom. */
function clientCertificate(by: string | null, caller: string): string {
  return by === null ? `URI=spiffe://${caller}` : `By=spiffe://${by};URI=spiffe://${caller}`;
}

function change(headers: Record<string, string>, changes: readonly HeaderChange[]): void {
  for (const item of changes) {
    const { name } = item;
    const had = headers[name];
    switch (item.op) {
      case "remove":
        delete headers[name];
        break;
      case "set":
        headers[name] = item.value;
        break;
      case "add":
        headers[name] = had === undefined ? item.value : `${had}, ${item.value}`;
        break;
      case "remove-cookie":
        removeCookie(headers, name);
        break;
    }
  }
}

function removeCookie(headers: Record<string, string>, name: string): void {
  const cookies = headers["cookie"];
  if (cookies === undefined) return;
  const kept = withoutCookie(cookies, name);
  if (kept === null) delete headers["cookie"];
  else headers["cookie"] = kept;
}
