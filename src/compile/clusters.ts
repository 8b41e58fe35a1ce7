import type { Cluster, Endpoint, PolicySet } from "../snapshot/model.ts";
import { clusterSettings, destinationPolicy } from "./istio/destination-rules.ts";
import { endpointPolicies } from "./istio/policies.ts";
import { endpointsOf, serviceFor } from "./istio/services.ts";
import { selects, type Viewer, type World } from "./view.ts";

/** A cluster whose endpoints name their policies by content; a slice numbers them. */
export interface ClusterDraft {
  readonly cluster: Omit<Cluster, "endpoints">;
  readonly endpoints: readonly (Omit<Endpoint, "policySet"> & { readonly policies: PolicySet })[];
}

/** Envoy's name for a service, port and subset. */
export function clusterId(host: string, port: number, subset: string | undefined): string {
  return `outbound|${port}|${subset ?? ""}|${host}`;
}

/** A host, port or subset that nobody serves gives a cluster without endpoints: its requests are answered with 503. */
export function clusterFor(
  world: World,
  viewer: Viewer,
  host: string,
  port: number,
  subset: string | undefined,
): ClusterDraft {
  const id = clusterId(host, port, subset);
  return world.memo.get(`cluster ${viewer} ${id}`, () => {
    const service = serviceFor(world, host, viewer);
    const policy = destinationPolicy(world, host, service?.namespace ?? null, viewer);
    const { loadBalancer, pool, outlier } = clusterSettings(world, policy, port, subset);
    const chosen = subset === undefined ? {} : policy.subsets.get(subset)?.labels;
    const known = subset === undefined || policy.subsets.has(subset);
    const endpoints = service && known ? endpointsOf(world, service, port) : [];
    return {
      cluster: {
        id,
        service: { host, name: service?.name ?? host, namespace: service?.namespace ?? "unknown" },
        port,
        ...(subset !== undefined && { subset }),
        loadBalancer,
        pool,
        ...(outlier && { outlier }),
      },
      endpoints: endpoints
        .filter(({ labels }) => selects(chosen ?? {}, labels))
        .map(({ id: endpoint, address, weight, workload, key, port: at }) => ({
          id: endpoint,
          address,
          weight,
          workload,
          policies: endpointPolicies(world, key, at),
        })),
    };
  });
}
