import { WorkerEntrypoint } from "cloudflare:workers";

/** Where a gateway would stand: it answers with what it got. */
export class MeshEntrypoint extends WorkerEntrypoint<unknown, { readonly gateway: string }> {
  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const headers = { "x-gateway": this.ctx.props.gateway };
    if (pathname === "/redirect") {
      const location = searchParams.get("to");
      const status = Number(searchParams.get("status"));
      return new Response("moved", { status, headers: { ...headers, ...(location !== null && { location }) } });
    }
    if (pathname === "/loop") return new Response(null, { status: 302, headers: { location: "/loop" } });
    if (pathname === "/never") {
      await scheduler.wait(60_000);
      return new Response("too late");
    }
    if (pathname === "/endless") return new Response(endless(), { headers });
    if (pathname === "/mirror") return new Response(request.body, { headers });
    if (pathname === "/socket") return echoSocket();
    const { url, method } = request;
    // By the network the runtime names the Worker that calls.
    const { "cf-worker": _, ...sent } = Object.fromEntries(request.headers);
    const got = { url, method, headers: sent, body: await request.text() };
    return Response.json({ got }, { headers });
  }
}

export default {};

function endless(): ReadableStream {
  const chunk = new TextEncoder().encode("x");
  let sent = false;
  return new ReadableStream({
    async pull(controller) {
      if (sent) return scheduler.wait(60_000);
      sent = true;
      controller.enqueue(chunk);
    },
  });
}

function echoSocket(): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.addEventListener("message", ({ data }) => server.send(data));
  return new Response(null, { status: 101, webSocket: client });
}
