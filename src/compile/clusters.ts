import { TOPOLOGY_LABELS } from "../balancing/levels.ts";
import type { ServiceEntrySpec } from "../resources/service-entry.ts";
import type { Cluster, Endpoint, EndpointAddress, LocalitySettings, PolicySet } from "../snapshot/model.ts";
import type { TelemetrySettings } from "../snapshot/telemetry-model.ts";
import { byMutualTls, hasAgent } from "./agents.ts";
import { inboundLimit } from "./inbound.ts";
import { endpointsOf, type ServiceEndpoint, serviceFor, type ServiceInfo } from "./services.ts";
import { selects } from "./view.ts";
import type { ClientTls, Target, Viewer, WithLimits, World } from "./world.ts";

/** A cluster whose endpoints name their policies and settings by content; a slice numbers them. */
export interface ClusterDraft {
  readonly cluster: WithLimits<Omit<Cluster, "endpoints">>;
  readonly endpoints: readonly DraftEndpoint[];
}

type DraftEndpoint = Omit<Endpoint, "policySet" | "telemetry"> & {
  readonly policies: PolicySet;
  readonly settings?: TelemetrySettings;
};

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
    const settings = world.policies.ofDestination(world, target, owner, viewer);
    const { labels, loadBalancer, warmup, locality, pool, outlier, tls, isMutual } = settings;
    const isServed = service?.ports.some(({ number }) => number === port) ?? false;
    const endpoints = service && labels ? endpointsOf(world, service, port) : [];
    return {
      cluster: {
        id,
        service: { host, name: service?.name ?? host, namespace: service?.namespace ?? "unknown" },
        port,
        ...(subset !== undefined && { subset }),
        loadBalancer,
        ...(warmup && { warmup }),
        ...(locality && differs(locality, endpoints) && { locality }),
        pool,
        ...(outlier && { outlier }),
        ...((tls || (isOutside(service) && !isMutual)) && { anonymous: true as const }),
        ...((!isServed || labels === null) && { unknown: true as const }),
        ...limitsFor(world, endpoints),
      },
      endpoints: endpoints
        .filter((endpoint) => selects(labels ?? {}, endpoint.labels))
        .flatMap((endpoint) => {
          const reached = reachedBy(tls, endpoint.address);
          if (reached === null) return [];
          const mutual = isMutual || (tls === null && !isOutside(service) && hasAgent(endpoint.labels));
          const address = mutual ? byMutualTls(reached, endpoint.workload, endpoints) : reached;
          const limit = inboundLimit(world, endpoint);
          const told = world.policies.telemetryOf(world, endpoint.key, endpoint.port);
          return {
            id: endpoint.id,
            address,
            weight: endpoint.weight,
            workload: endpoint.workload,
            policies: world.policies.ofEndpoint(world, endpoint.key, endpoint.port),
            ...(told !== null && { settings: told }),
            ...(limit !== null && { limit }),
            ...(endpoint.locality !== "" && { locality: endpoint.locality }),
            ...(warmup && endpoint.since !== null && { since: endpoint.since }),
            ...(endpoint.probe && { probe: endpoint.probe }),
            ...labelsFor(locality, endpoint.labels),
          };
        }),
    };
  });
}

/** Limits are of the service, whichever of its endpoints is called: each once. */
function limitsFor(world: World, endpoints: readonly ServiceEndpoint[]): Pick<ClusterDraft["cluster"], "limits"> {
  const all = endpoints.flatMap(({ key, port }) => world.policies.limitsOfEndpoint(world, key, port));
  return all.length === 0 ? {} : { limits: [...new Set(all)] };
}

/** What stands outside of the mesh speaks none of its mTLS in Istio, and so is not told who calls. */
function isOutside(service: ServiceInfo | null): boolean {
  if (service?.object.kind !== "ServiceEntry") return false;
  return (service.object.spec as ServiceEntrySpec).location !== "MESH_INTERNAL";
}

/**
 * The way to an endpoint under its rule's TLS. A service binding is no connection: there is nothing to encrypt.
 *
 * @returns null where the platform has no such way: the endpoint is left out
 */
export function reachedBy(tls: ClientTls | null, address: EndpointAddress): EndpointAddress | null {
  if (tls === null) return address;
  const { mode, certificate } = tls;
  if (address.kind === "origin" && mode === "DISABLE")
    return { ...address, origin: address.origin.replace(/^https:/, "http:") };
  if (address.kind === "dynamic" && mode === "DISABLE") return null;
  if (address.kind === "origin" || address.kind === "dynamic")
    return certificate === null ? address : { ...address, certificate };
  if (mode === "MUTUAL") return null;
  return address.kind === "private" && mode === "SIMPLE" ? { ...address, tls: true } : address;
}

/** Labels by which a cluster sets priorities, and no others; those of topology are in the locality. */
function labelsFor(locality: LocalitySettings | null, labels: Endpoint["labels"]): Pick<Endpoint, "labels"> {
  const kept = (locality?.failover?.labels ?? []).flatMap(({ name }) => {
    const value = labels?.[name];
    return value === undefined || TOPOLOGY_LABELS.includes(name) ? [] : [[name, value] as const];
  });
  return kept.length === 0 ? {} : { labels: Object.fromEntries(kept) };
}

/** Endpoints that all are in one place, or of which nobody says where they are, are as near to every caller. */
function differs({ failover }: LocalitySettings, endpoints: readonly ServiceEndpoint[]): boolean {
  if (failover === undefined || failover.labels.length > 0) return true;
  return endpoints.some(({ locality }) => locality !== endpoints[0]?.locality);
}
