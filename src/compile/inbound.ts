import type { SidecarSpec } from "../resources/sidecar.ts";
import { sidecarFor } from "./imports.ts";
import type { ServiceEndpoint } from "./services.ts";
import type { World } from "./world.ts";

/**
 * How many calls a workload takes at once, by its Sidecar: the limits of the port stand in the place of those of the workload.
 *
 * @returns null where nobody says
 */
export function inboundLimit(
  world: World,
  { workload, labels, port }: Pick<ServiceEndpoint, "workload" | "labels" | "port">,
): number | null {
  const sidecar = sidecarFor(world, workload.namespace, () => labels);
  if (sidecar === null) return null;
  const { ingress = [], inboundConnectionPool } = sidecar.spec as SidecarSpec;
  const ofPort = ingress.find((listener) => listener.port.number === port)?.connectionPool;
  const { tcp, http } = ofPort ?? inboundConnectionPool ?? {};
  const limits = [tcp?.maxConnections, http?.http2MaxRequests].filter((limit) => limit !== undefined && limit > 0);
  return limits.length === 0 ? null : Math.min(...limits.map(Number));
}
