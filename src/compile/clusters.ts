import type { Cluster, Endpoint, PolicySet } from "../snapshot/model.ts";
import { endpointsOf, serviceFor } from "./services.ts";
import { selects } from "./view.ts";
import type { Target, Viewer, World } from "./world.ts";

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
export function clusterFor(world: World, viewer: Viewer, target: Target): ClusterDraft {
  const { host, port, subset } = target;
  const id = clusterId(host, port, subset);
  return world.memo.get(`cluster ${viewer} ${id}`, () => {
    const service = serviceFor(world, host, viewer);
    const owner = service?.namespace ?? null;
    const { labels, loadBalancer, pool, outlier } = world.policies.ofDestination(world, target, owner, viewer);
    const isServed = service?.ports.some(({ number }) => number === port) ?? false;
    const endpoints = service && labels ? endpointsOf(world, service, port) : [];
    return {
      cluster: {
        id,
        service: { host, name: service?.name ?? host, namespace: service?.namespace ?? "unknown" },
        port,
        ...(subset !== undefined && { subset }),
        loadBalancer,
        pool,
        ...(outlier && { outlier }),
        ...((!isServed || labels === null) && { unknown: true as const }),
      },
      endpoints: endpoints
        .filter((endpoint) => selects(labels ?? {}, endpoint.labels))
        .map(({ id: endpoint, address, weight, workload, key, port: at }) => ({
          id: endpoint,
          address,
          weight,
          workload,
          policies: world.policies.ofEndpoint(world, key, at),
        })),
    };
  });
}
