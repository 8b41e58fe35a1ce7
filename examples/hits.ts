/** A Worker's fetch handler, as these examples write it. */
type Handler<Env> = (request: Request, env: Env, ctx: ExecutionContext) => Response | Promise<Response>;

/** Counts the calls that reach a service, and tells them on `/hits`: what a refused request must not change. */
export function countHits<Env>(handler: Handler<Env>): { fetch: Handler<Env> } {
  let hits = 0;
  return {
    fetch(request, env, ctx) {
      if (new URL(request.url).pathname === "/hits") return Response.json({ hits });
      hits += 1;
      return handler(request, env, ctx);
    },
  };
}
