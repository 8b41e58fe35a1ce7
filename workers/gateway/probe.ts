import type { Probe, ProbeGet } from "../../src/snapshot/model.ts";
import { HealthAnswer, healthRequest } from "../../src/resilience/grpc-health.ts";
import { backendFor } from "./backend.ts";
import type { Env } from "./env.ts";

/** Makes one probe, past all policies: it is the gateway's own call. Never rejects. @returns whether the endpoint is well */
export async function performProbe(probe: Probe, env: Env): Promise<boolean> {
  return probe.get === undefined ? isConnected(probe, env) : isAnswered(probe, probe.get, env);
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

async function isConnected(probe: Probe, env: Env): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let socket: Socket | null = null;
  try {
    socket = await socketTo(probe, env);
    if (socket === null) return true;
    socket.closed.catch(() => undefined);
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("no answer in time")), probe.settings.timeoutMs);
    });
    return await Promise.race([isWell(socket, probe), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    socket?.close().catch(() => undefined);
  }
}

async function isWell(socket: Socket, { authority, grpc }: Probe): Promise<boolean> {
  await socket.opened;
  if (grpc === undefined) return true;
  const writer = socket.writable.getWriter();
  const reader = (socket.readable as ReadableStream<Uint8Array>).getReader();
  await writer.write(healthRequest(authority, grpc.service));
  const answer = new HealthAnswer();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return false;
    const { reply, serving } = answer.take(value);
    if (serving !== null) return serving;
    if (reply !== null) await writer.write(reply);
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
