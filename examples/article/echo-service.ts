import { countHits } from "../hits.ts";

interface Env {
  readonly SERVICE: string;
  readonly VERSION: string;
}

/** order-service, payment-service and reviews-service: each says who it is and what it was asked. */
export default countHits<Env>(async (request, env) => {
  const { pathname } = new URL(request.url);
  const call = /^\/call\/([a-z-]+)(\/.*)$/.exec(pathname);
  // Only order-service places orders elsewhere: `/call/payment-service/api/v1/charge` asks payment-service in its name.
  if (call !== null) {
    const [, host, path] = call;
    return fetch(`http://${host}${path}`, { method: request.method, headers: request.headers, body: request.body });
  }
  const failing = /^\/status\/(5\d\d)$/.exec(pathname)?.[1];
  const answer = { service: env.SERVICE, version: env.VERSION, method: request.method, path: pathname };
  return Response.json(answer, { status: failing === undefined ? 200 : Number(failing) });
});
