import { isBounded, type Ticket } from "../../src/resilience/pool.ts";
import type { CallerCluster } from "./callers.ts";

/**
 * A place in the concurrency limit of a caller and cluster, for a call beside the request itself, which waits for none.
 *
 * @returns null where there is none now; undefined where nothing bounds the cluster
 */
export function slotIn({ cluster, pool }: CallerCluster, limitMs: number): Ticket | null | undefined {
  const settings = cluster.model.pool;
  if (!isBounded(settings)) return undefined;
  const admission = pool.enter(settings, Date.now(), limitMs);
  if (admission.kind === "running") return admission.ticket;
  if (admission.kind === "waiting") pool.leave(admission.ticket, settings, Date.now());
  return null;
}
