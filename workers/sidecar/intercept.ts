import { env } from "cloudflare:workers";

/** A gateway's `MeshEntrypoint`, as a service binding shows it. */
interface MeshBinding {
  fetch(request: Request): Promise<Response>;
}

/**
 * Sends calls to mesh hosts through the binding of the gateway that fronts them; every other call goes on as before.
 * Imported before the service's own module, whose code stays as it is: it goes on calling `fetch("http://reviews:9080/…")`.
 * Who calls is in the binding's `props`, which the deployer wrote. Calls by Workers RPC do not pass here.
 *
 * @param hosts host name, lower case and without port, to the name of the binding
 */
export function interceptFetch(hosts: Readonly<Record<string, string>>): void {
  const direct = globalThis.fetch;
  const byHost = new Map(Object.entries(hosts));
  globalThis.fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    const binding = byHost.get(url.hostname);
    if (binding === undefined) return direct(input, init);
    const mesh = (env as Record<string, MeshBinding | undefined>)[binding];
    if (mesh === undefined) throw new Error(`the binding ${binding} to the mesh is missing: deploy this Worker again`);
    return mesh.fetch(new Request(input, init));
  };
}
