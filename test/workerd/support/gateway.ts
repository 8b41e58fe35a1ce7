import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { vi } from "vitest";
import type { Slice } from "../../../src/snapshot/model.ts";
import { LOCAL_MARK } from "../../../src/telemetry/log-format.ts";
import type { MeshTelemetry } from "../../../src/snapshot/telemetry-model.ts";
import type { MeshTracing } from "../../../src/snapshot/tracing-model.ts";
import type { CallerProps } from "../../../src/snapshot/rpc.ts";
import { handleRpc } from "../../../workers/gateway/handle-rpc.ts";
import { meshOf } from "../../../workers/gateway/mesh.ts";
import { publish } from "./control.ts";
import { env, exports } from "./env.ts";
import { tapOf } from "./wire.ts";

const GATEWAY = "gateway";
/** A bound on what hangs; nothing takes so long. */
const PATIENCE_MS = 60_000;
let generation = 0;

/**
 * Lets the gateway's isolate, which is the test's own, serve these slices and no others: signed, given out by control, held by
 * the cell and taken by an exchange, as in production. A file has one gateway: its tests come one after the other.
 *
 * @param slices by scope and host, as `mesh/*` and `gw/*` list them; null hides
 * @param authorities whose certificates callers show, base64 DER
 */
export async function serveSlices(
  slices: Readonly<Record<string, Readonly<Record<string, Slice | null>>>>,
  authorities: readonly string[] = [],
  tracing?: MeshTracing,
  telemetry?: MeshTelemetry,
): Promise<void> {
  generation += 1;
  const more = { ...(tracing && { tracing }), ...(telemetry && { telemetry }) };
  await publish({ gateway: GATEWAY, generation, slices, authorities, ...more }, env.SNAPSHOT_PRIVATE_KEY);
  const { configuration } = meshOf(env);
  if (configuration.trust === null) return; // the first request of a cold isolate waits for it
  // The shortest time between two exchanges: most tests change the slices.
  tapOf(GATEWAY).tamper ??= (down) => ({ ...down, nextMs: 500 });
  await vi.waitUntil(async () => {
    const ctx = createExecutionContext();
    configuration.arm(ctx);
    await waitOnExecutionContext(ctx);
    return tapOf(GATEWAY).ups.at(-1)?.have?.generation === generation;
  }, PATIENCE_MS);
}

/** Waits for an event. */
export async function until(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: PATIENCE_MS, interval: 5 });
}

/** A call by a Worker of the mesh. @param props what its deployer wrote into its binding; none: nobody */
export async function callInMesh(
  url: string,
  init: RequestInit & { readonly props?: CallerProps } = {},
): Promise<Response> {
  const { props = {}, ...rest } = init;
  return exports.MeshEntrypoint({ props }).fetch(new Request(url, rest));
}

/**
 * The same by Workers RPC, of the method `does`: the gateway's part of it. The test runner's own entrypoints stand before the
 * gateway's, and look at methods in ways of their own; test/gateway/rpc.long.test.ts calls by the runtime alone.
 */
export async function callMethod(props: CallerProps, ...args: readonly unknown[]): Promise<unknown> {
  return handleRpc(props, "does", args, createExecutionContext(), meshOf(env));
}

/** A call from outside. @param cf what the platform says of the client */
export async function callFromOutside(
  url: string,
  init: RequestInit<IncomingRequestCfProperties> = {},
): Promise<Response> {
  return exports.default.fetch(new Request(url, init));
}

/** The log lines of the gateway written while `does` runs, and until `count` are there. */
export async function logged(does: () => Promise<unknown>, count = 1): Promise<readonly Record<string, unknown>[]> {
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  try {
    await does();
    const lines = () =>
      log.mock.calls.map(([line]) => String(line).replace(LOCAL_MARK, "")).filter((line) => line.startsWith("{"));
    await until(() => lines().length >= count);
    return lines().map((line) => JSON.parse(line) as Record<string, unknown>);
  } finally {
    log.mockRestore();
  }
}
