import type { Probe } from "../../src/snapshot/model.ts";
import { backendFor } from "./backend.ts";
import type { Env } from "./env.ts";

/** Makes one probe, past all policies: it is the gateway's own call. Never rejects. @returns whether the endpoint is well */
export async function performProbe(probe: Probe, env: Env): Promise<boolean> {
  const { address, authority, path, headers, settings } = probe;
  const backend = backendFor(address, null, undefined, env);
  // This deployment has no way there, which says nothing of the endpoint.
  if (backend === null) return true;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), settings.timeoutMs);
  try {
    const response = await backend.fetch(`${backend.origin ?? `http://${authority}`}${path}`, {
      headers: [["user-agent", "tulle-probe"], ...headers.map(([name, value]): [string, string] => [name, value])],
      redirect: "manual",
      signal: abort.signal,
      ...(backend.cached && { cache: "no-store" as const }),
    });
    response.body?.cancel().catch(() => undefined);
    return response.status >= 200 && response.status < 400;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
