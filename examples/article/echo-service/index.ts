import { countHits } from "../../hits.ts";

interface Env {
  readonly SERVICE: string;
  readonly VERSION: string;
}

/** The longest that a caller may make it wait. */
const LONGEST_WAIT_MS = 10_000;

/**
 * order-service, payment-service and reviews-service: each says who it is and what it was asked. For trying out what a
 * mesh does with bad services, a caller may ask for a failure (`x-answer-status: 503`) or a delay (`x-answer-after-ms`); a
 * WebSocket gets its messages back.
 */
export default countHits<Env>(async (request, env) => {
  const { pathname } = new URL(request.url);
  const call = /^\/call\/([a-z0-9.-]+)(\/.*)$/.exec(pathname);
  // `/call/payment-service/api/v1/charge` asks payment-service in this service's name.
  if (call !== null) {
    const [, host, path] = call;
    return fetch(`http://${host}${path}`, { method: request.method, headers: request.headers, body: request.body });
  }
  if (request.headers.get("upgrade") === "websocket") return echoSocket();
  const wait = Math.min(Number(request.headers.get("x-answer-after-ms") ?? 0), LONGEST_WAIT_MS);
  if (wait > 0) await scheduler.wait(wait);
  const status = /^[2-5]\d\d$/.exec(request.headers.get("x-answer-status") ?? "")?.[0] ?? "200";
  const caller = request.headers.get("x-forwarded-client-cert");
  const answer = { service: env.SERVICE, version: env.VERSION, method: request.method, path: pathname, caller };
  return Response.json(answer, { status: Number(status) });
});

function echoSocket(): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.addEventListener("message", ({ data }) => server.send(data));
  server.addEventListener("close", ({ code, reason }) => server.close(code === 1005 ? 1000 : code, reason));
  return new Response(null, { status: 101, webSocket: client });
}
