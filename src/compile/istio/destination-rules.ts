import { certificateBinding, type ClientTlsSpec } from "../../resources/client-tls.ts";
import type { DestinationRuleSpec } from "../../resources/destination-rule.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { Labels } from "../entries.ts";
import { visible } from "../exports.ts";
import { meshConfig, namespaceOf, patternsIn, rootNamespace, selects, viewerNamespace } from "../view.ts";
import { viewerLabels } from "../viewer.ts";
import { withGrantedOnly } from "./credentials.ts";
import { loadBalancerOf, warmupOf } from "./load-balancers.ts";
import { localitySettings } from "./localities.ts";
import type { ClientTls, ClusterSettings, Destination, Target, Viewer, World } from "../world.ts";
import { poolSettings } from "./connection-pool.ts";
import { outlierSettings } from "./outlier.ts";

type TrafficPolicy = NonNullable<DestinationRuleSpec["trafficPolicy"]>;
type Subset = NonNullable<DestinationRuleSpec["subsets"]>[number];
type Settings = Pick<TrafficPolicy, "loadBalancer" | "connectionPool" | "outlierDetection" | "tls">;

/** The rules for a host as one namespace sees them, joined. */
export interface DestinationPolicy {
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: ReadonlyMap<string, Subset>;
}

/**
 * Istio's lookup: the caller's namespace, then the service's, then the root's; in each the most specific host. Several for one
 * host there are joined: subsets add up, the first traffic policy stays. Without any the mesh's default traffic policy holds.
 *
 * @param owner namespace of the service; null where the host is no service
 */
export function destinationPolicy(world: World, host: string, owner: string | null, viewer: Viewer): DestinationPolicy {
  return world.memo.get(`destination ${viewer} ${owner ?? ""} ${host}`, () => {
    const rules = destinationRules(world, host, owner, viewer);
    return rules === null
      ? { trafficPolicy: meshConfig(world).defaultTrafficPolicy, subsets: new Map() }
      : join(world, rules);
  });
}

/** @returns the rules that hold together, the oldest first; null where there is none */
export function destinationRules(
  world: World,
  host: string,
  owner: string | null,
  viewer: Viewer,
): readonly KubeObject[] | null {
  const own = viewerNamespace(viewer);
  const namespaces = new Set([own, owner ?? "", rootNamespace(world)]);
  for (const namespace of namespaces) {
    for (const pattern of patternsIn(world, host)) {
      const rules = world.inventory
        .of("rule", pattern)
        .filter((rule) => namespaceOf(rule) === namespace && (visible(world, rule, viewer) || namespace === own))
        .filter((rule) => clientLabels(rule) === null || namespace === own);
      if (rules.length > 0) return forClient(world, rules, viewer);
    }
  }
  return null;
}

/** What clients a rule is for; null: all. */
export function clientLabels({ spec }: KubeObject): Labels | null {
  const { workloadSelector } = spec as DestinationRuleSpec;
  return workloadSelector === undefined ? null : (workloadSelector.matchLabels ?? {});
}

/** The oldest rule that selects the client stands for itself; else those that select nobody are joined. */
function forClient(world: World, rules: readonly KubeObject[], viewer: Viewer): readonly KubeObject[] {
  const selecting = rules.find((rule) => {
    const labels = clientLabels(rule);
    return labels !== null && selects(labels, viewerLabels(world, viewer));
  });
  return selecting ? [selecting] : rules.filter((rule) => clientLabels(rule) === null);
}

function join(world: World, rules: readonly KubeObject[]): DestinationPolicy {
  const specs = rules.map((rule) => withGrantedOnly(world, rule.spec as DestinationRuleSpec, namespaceOf(rule)));
  const subsets = new Map<string, Subset>();
  for (const { subsets: own = [] } of specs)
    for (const subset of own) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  return { trafficPolicy: specs.find(({ trafficPolicy }) => trafficPolicy !== undefined)?.trafficPolicy, subsets };
}

/** How calls to a service, or to a subset of it, are made by the rules that the viewer sees. */
export function destinationOf(world: World, target: Target, owner: string | null, viewer: Viewer): Destination {
  const policy = destinationPolicy(world, target.host, owner, viewer);
  const { subset } = target;
  const labels =
    subset === undefined ? {} : policy.subsets.has(subset) ? (policy.subsets.get(subset)?.labels ?? {}) : null;
  return { ...clusterSettings(world, policy, target, viewer), labels };
}

/** Settings of a port replace the others of their level as a whole; a subset's blocks stand over the destination's. */
function clusterSettings(
  world: World,
  { trafficPolicy = {}, subsets }: DestinationPolicy,
  { port, subset }: Target,
  viewer: Viewer,
): ClusterSettings {
  const own = (subset === undefined ? undefined : subsets.get(subset)?.trafficPolicy) ?? {};
  const settings: Settings = ofPort(own, port) ?? { ...(ofPort(trafficPolicy, port) ?? trafficPolicy), ...own };
  const { connectionPool, outlierDetection, loadBalancer, tls } = settings;
  return {
    loadBalancer: loadBalancerOf(loadBalancer),
    warmup: warmupOf(loadBalancer),
    locality: localitySettings(world, loadBalancer, outlierDetection !== undefined, viewer),
    // A port's settings have no budget, so they replace none.
    pool: poolSettings(connectionPool, own.retryBudget ?? trafficPolicy.retryBudget),
    outlier:
      outlierDetection === undefined
        ? null
        : outlierSettings(outlierDetection, meshConfig(world).alwaysEjectOneEndpoint ?? true),
    tls: tls === undefined ? null : clientTls(tls),
    isMutual: tls?.mode === "ISTIO_MUTUAL",
  };
}

function ofPort({ portLevelSettings = [] }: TrafficPolicy, port: number): Settings | undefined {
  return portLevelSettings.find((level) => level.port.number === port);
}

/** Null: the mesh's own. */
export function clientTls({ mode = "DISABLE", credentialName }: ClientTlsSpec): ClientTls | null {
  if (mode === "ISTIO_MUTUAL") return null;
  return { mode, certificate: credentialName === undefined ? null : certificateBinding(credentialName) };
}
