import type { Cluster, Endpoint } from "../snapshot/model.ts";
import { type Group, linkGroup, pickIn } from "./group.ts";
import { type Callers, type LinkedLocalities, linkLocalities, type LocalityState, pickByLocality } from "./locality.ts";

/** A cluster's balancer, made ready when its slice is linked. */
export interface Balancer {
  readonly all: Group;
  /** Null: it makes no difference where callers and endpoints are. */
  readonly localities: LinkedLocalities | null;
}

export function linkBalancer(cluster: Cluster, callers: Callers): Balancer {
  return {
    all: linkGroup(cluster.endpoints, cluster),
    localities: cluster.locality === undefined ? null : linkLocalities(cluster, cluster.locality, callers),
  };
}

/**
 * Picks one of the endpoints that may be used.
 *
 * @param usable of the cluster's endpoints, in their order; the same list where all may be used
 * @returns null where there is none
 */
export function pick(
  usable: readonly Endpoint[],
  { all, localities }: Balancer,
  state: LocalityState,
): Endpoint | null {
  return localities === null ? pickIn(usable, all, state) : pickByLocality(usable, all, localities, state);
}
