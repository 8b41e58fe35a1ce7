import { env } from "cloudflare:workers";
import { canBeSentAgain, follow, isRedirect } from "./redirects.ts";

/** A gateway's `MeshEntrypoint`, as a service binding shows it. */
interface MeshBinding {
  fetch(request: Request): Promise<Response>;
}

/**
 * Sends calls to mesh hosts through the binding of the gateway that fronts them; every other call goes on as before.
 * Imported before the service's own module, whose code stays as it is: it goes on calling `fetch("http://reviews:9080/…")`.
 * Who calls is in the binding's `props`, which the deployer wrote. What does not pass `fetch` does not pass here: `connect()`,
 * `new WebSocket`, Workers RPC.
 *
 * @param hosts host name, in lower case and without port, to the name of the binding
 * @param rest the binding that takes every other host; null: they are called as before
 */
export function interceptFetch(hosts: Readonly<Record<string, string>>, rest: string | null = null): void {
  const direct = globalThis.fetch;
  const byHost = new Map(Object.entries(hosts));
  const bindingOf = (url: URL): string | null => {
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    return byHost.get(url.hostname.replace(/\.$/, "")) ?? rest;
  };
  const send = async (request: Request): Promise<Response> => {
    const binding = bindingOf(new URL(request.url));
    return binding === null ? direct(request) : meshOf(binding).fetch(request);
  };
  globalThis.fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const url = urlOf(input);
    const binding = url && bindingOf(url);
    if (binding === null) return direct(input, init);
    const request = new Request(input, init);
    // By the network it is that of the URL, whatever the caller passes on of the call that it got.
    request.headers.delete("host");
    // The runtime would follow a redirect through this same binding, whose gateway may not front the next host.
    if (request.redirect !== "follow" || !canBeSentAgain(input, init)) return meshOf(binding).fetch(request);
    const answer = await meshOf(binding).fetch(new Request(request, { redirect: "manual" }));
    return isRedirect(answer) ? follow(answer, request, init?.body ?? null, send) : answer;
  };
}

function meshOf(name: string): MeshBinding {
  const mesh = (env as Record<string, MeshBinding | undefined>)[name];
  if (mesh === undefined)
    throw new Error(
      `the binding ${name} to the mesh is missing: deploy this Worker again, and without the flag \`disallow_importable_env\``,
    );
  return mesh;
}

/** @returns null for what is no URL: `fetch` itself says so best */
function urlOf(input: RequestInfo | URL): URL | null {
  try {
    return new URL(input instanceof Request ? input.url : input);
  } catch {
    return null;
  }
}
