import { WorkerEntrypoint } from "cloudflare:workers";

interface Gateway {
  fetch(url: string): Promise<Response>;
}

/** Asks the gateway that the path names, as a workload of the mesh does: `/7` by the binding `G7`. */
export default class extends WorkerEntrypoint<Readonly<Record<string, Gateway>>> {
  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const gateway = this.env[`G${pathname.slice(1)}`];
    if (gateway === undefined) return new Response("no such gateway", { status: 404 });
    return gateway.fetch("http://changed.default.svc.cluster.local/");
  }
}
