import type { Probe, ProbeGet } from "../../src/snapshot/model.ts";
import { backendFor } from "./backend.ts";
import type { Env } from "./env.ts";

/** Makes one probe, past all policies: it is the gateway's own call. Never rejects. @returns whether the endpoint is well */
export async function performProbe(probe: Probe, env: Env): Promise<boolean> {
  return probe.get === undefined ? canConnect(probe, env) : isAnswered(probe, probe.get, env);
}

async function isAnswered(
  { address, authority, settings }: Probe,
  { path, headers }: ProbeGet,
  env: Env,
): Promise<boolean> {
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

async function canConnect(probe: Probe, env: Env): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let socket: Socket | null = null;
  try {
    socket = await socketTo(probe, env);
    if (socket === null) return true;
    socket.closed.catch(() => undefined);
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("no connection in time")), probe.settings.timeoutMs);
    });
    await Promise.race([socket.opened, late]);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    socket?.close().catch(() => undefined);
  }
}

/** An origin has this port alone, whatever a probe says (R20). */
const HTTPS = 443;

/** @returns null where this deployment has no way there */
async function socketTo({ address, authority }: Probe, env: Env): Promise<Socket | null> {
  if (address.kind === "private") return env.PRIVATE?.connect(authority) ?? null;
  if (address.kind !== "origin") return null;
  const { hostname, port } = new URL(address.origin);
  // Of the runtime alone, and of few gateways.
  const { connect } = await import("cloudflare:sockets");
  return connect({ hostname, port: port === "" ? HTTPS : Number(port) });
}
