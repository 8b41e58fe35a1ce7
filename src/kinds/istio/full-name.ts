import { serviceFor } from "../../compile/services.ts";
import { serviceHost } from "../../compile/view.ts";
import type { World } from "../../compile/world.ts";

/**
 * Kubernetes' DNS knows `name.namespace` too; in Istio's resources a name with a dot is a whole one.
 *
 * @returns the end of a message that there is no such host: what was meant, or nothing
 */
export function inFull(world: World, host: string, namespace: string): string {
  const [name, of, svc, ...more] = host.split(".");
  if (name === undefined || of === undefined || more.length > 0 || (svc !== undefined && svc !== "svc")) return "";
  const full = serviceHost(name, of);
  return serviceFor(world, full, namespace) === null ? "" : `; write \`${full}\``;
}
