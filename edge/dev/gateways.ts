import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { MeshGateway } from "../../src/deployment/topology.ts";
import { gatewayWorker } from "../miniflare-workers.ts";
import { moduleOf } from "../workers.ts";
import { DEBUG_PORT } from "./debug-port.ts";

/** The entrypoint that is told where Workers run (workers/dev/gateway.ts). */
export const PLACES = "Places";

/** A gateway whose endpoints are processes of their own. */
export async function devGatewayWorker(
  { name, settings }: MeshGateway,
  snapshotPublicKey: string,
  placesSecret: string,
) {
  const worker = await gatewayWorker(name, snapshotPublicKey, settings.fronts);
  return {
    ...worker,
    modules: await moduleOf("dev-gateway"),
    bindings: {
      ...worker.bindings,
      PLACES_SECRET: placesSecret,
    },
    unsafeBindings: [DEBUG_PORT],
  };
}

/** The debug port of the process that registered this Worker. */
export function debugPortOf(registry: string, worker: string): string {
  const { debugPortAddress } = JSON.parse(readFileSync(join(registry, worker), "utf8")) as { debugPortAddress: string };
  return debugPortAddress;
}
