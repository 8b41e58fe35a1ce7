import { parseIp } from "../match/ip.ts";
import type { SidecarSpec } from "../resources/sidecar.ts";
import type { Workload } from "../snapshot/model.ts";
import { endpointAt } from "./addresses.ts";
import { type ClusterDraft, clusterId } from "./clusters.ts";
import { addressOfHost } from "./entries.ts";
import { sidecarOf } from "./imports.ts";
import { assemble, type CompiledSlice } from "./slices.ts";
import { meshConfig, namespaceOf, qualified } from "./view.ts";
import type { RouteDraft, Target, Viewer, World } from "./world.ts";

/** What becomes of calls to hosts that a caller does not see. */
type Policy =
  | { readonly kind: "block" }
  | { readonly kind: "pass" }
  | { readonly kind: "proxy"; readonly target: Target };

/** Istio's names for what is no service. */
const PASSTHROUGH = "PassthroughCluster";
const UNKNOWN: Workload = {
  name: "unknown",
  namespace: "unknown",
  principal: null,
  app: "unknown",
  version: "unknown",
};

/** By https at its own port, whichever of the two is called. */
const PORTS = [80, 443];

/** The Sidecar's word, else the mesh's; Istio's enum begins with REGISTRY_ONLY, so that an empty block means it. */
function policyOf(world: World, viewer: Viewer): Policy {
  const sidecar = sidecarOf(world, viewer);
  const own = (sidecar?.spec as SidecarSpec | undefined)?.outboundTrafficPolicy;
  const { mode = "REGISTRY_ONLY" } = own ?? meshConfig(world).outboundTrafficPolicy ?? { mode: "ALLOW_ANY" };
  if (mode === "REGISTRY_ONLY") return { kind: "block" };
  if (sidecar === null || own?.egressProxy === undefined) return { kind: "pass" };
  const { host, subset, port } = own.egressProxy;
  return { kind: "proxy", target: { host: qualified(host, namespaceOf(sidecar)), subset, port: port.number } };
}

/** Hosts of which there may be something to say though no object names them; `*` is all. */
export function outsideHosts(world: World): readonly string[] {
  return world.memo.get("outside-hosts", () => {
    const { allowedHosts = [] } = meshConfig(world).egress ?? {};
    return [...new Set([...allowedHosts.map((host) => host.toLowerCase()), "*"])].filter(
      (host) => parseIp(host) === null,
    );
  });
}

/**
 * What a caller gets who asks for a host that it does not see: all of them are one host, `*`, but for those public ones that the
 * mesh's egress list lets it call (R20). What some namespace registered as its own is never called so.
 *
 * @returns null where the host is nothing to the caller
 */
export function outsideSlice(world: World, host: string, viewer: Viewer): CompiledSlice | null {
  if (!outsideHosts(world).includes(host)) return null;
  const policy = policyOf(world, viewer);
  const head = { host, viewer, service: null, front: null, outside: true as const };
  if (host === "*") {
    if (policy.kind === "pass") return null;
    return policy.kind === "block"
      ? assemble(world, { ...head, ports: null }, { routes: [BLOCK_ALL], targets: [] })
      : assemble(
          world,
          { ...head, ports: null },
          { routes: [allowAny(idOf(policy.target))], targets: [policy.target] },
        );
  }
  const draft = policy.kind === "pass" ? passthrough(world, host, viewer) : null;
  return draft && assemble(world, { ...head, ports: PORTS }, { routes: [allowAny(PASSTHROUGH)], targets: [] }, [draft]);
}

const BLOCK_ALL: RouteDraft = {
  name: "block_all",
  matches: [],
  destinations: [],
  direct: { status: 502, body: "", blocked: true },
};

function allowAny(cluster: string): RouteDraft {
  return { name: "allow_any", matches: [], destinations: [{ cluster, weight: 1 }] };
}

function idOf({ host, port, subset }: Target): string {
  return clusterId(host, port, subset);
}

function passthrough(world: World, host: string, viewer: Viewer): ClusterDraft | null {
  const key = addressOfHost(host);
  const [, port = 443] = PORTS;
  const place = world.inventory.has("address", key) ? null : endpointAt(world, key, port, "");
  if (place === null) return null;
  const target = { host: PASSTHROUGH, port, subset: undefined };
  const { loadBalancer, pool, outlier } = world.policies.ofDestination(world, target, null, viewer);
  return {
    cluster: {
      id: PASSTHROUGH,
      service: { host, name: PASSTHROUGH, namespace: "unknown" },
      port,
      loadBalancer,
      pool,
      ...(outlier && { outlier }),
      anonymous: true,
    },
    endpoints: [{ ...place, weight: 1, workload: UNKNOWN, policies: world.policies.ofEndpoint(world, key, port) }],
  };
}
