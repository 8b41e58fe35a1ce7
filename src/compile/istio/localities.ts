import { TOPOLOGY_LABELS } from "../../balancing/levels.ts";
import type { DestinationRuleSpec } from "../../resources/destination-rule.ts";
import type { LoadBalancerSpec } from "../../resources/load-balancer.ts";
import { inOrder, type LocalityLbSpec } from "../../resources/locality-lb.ts";
import type { LocalitySettings } from "../../snapshot/model.ts";
import { meshConfig } from "../view.ts";
import { viewerLabels } from "../viewer.ts";
import type { Viewer, World } from "../world.ts";

/**
 * A DestinationRule's own setting counts before the mesh's, whose default is to fail over.
 *
 * @param ejects whether endpoints can be found to be unhealthy: without that nothing fails over
 */
export function localitySettings(
  world: World,
  spec: LoadBalancerSpec | undefined,
  ejects: boolean,
  viewer: Viewer,
): LocalitySettings | null {
  const setting = spec?.localityLbSetting ?? meshConfig(world).localityLbSetting ?? {};
  if (setting.enabled === false) return null;
  const { distribute } = setting;
  if (distribute !== undefined)
    return {
      distribute: distribute.map(({ from, to }) => ({
        from,
        to: inOrder(Object.keys(to)).map((locality) => [locality, to[locality] ?? 0] as const),
      })),
    };
  const failover = ejects ? failoverOf(world, setting, viewer) : null;
  return failover && { failover };
}

/** Null where it makes no difference: without labels, and where no caller has a locality. */
function failoverOf(
  world: World,
  { failover = [], failoverPriority = [] }: LocalityLbSpec,
  viewer: Viewer,
): NonNullable<LocalitySettings["failover"]> | null {
  const byLocality = failoverPriority.length === 0 || failover.length > 0;
  if (failoverPriority.length === 0 && meshConfig(world).localities === undefined) return null;
  return {
    labels: failoverPriority.map((label) => {
      const [name = "", value] = label.split("=");
      // Where the caller is shows when it calls; its other labels are those of its workload.
      if (value === undefined && TOPOLOGY_LABELS.includes(name)) return { name };
      return { name, value: value ?? viewerLabels(world, viewer)[name] ?? "" };
    }),
    byLocality,
    regions: failover.map(({ from, to }) => [from, to] as const),
  };
}

/**
 * Labels of the caller that priorities of some rule, or of the mesh, compare: callers that have them see the service in their own
 * way.
 */
export function comparedLabels(world: World, rules: readonly DestinationRuleSpec[]): readonly string[] {
  const { defaultTrafficPolicy, localityLbSetting } = meshConfig(world);
  const policies = rules.flatMap(({ trafficPolicy, subsets = [] }) => [
    trafficPolicy,
    ...subsets.map((subset) => subset.trafficPolicy),
  ]);
  const balancers = [...policies, defaultTrafficPolicy].flatMap((policy) => [
    policy?.loadBalancer,
    ...(policy?.portLevelSettings ?? []).map((level) => level.loadBalancer),
  ]);
  return [...balancers.map((one) => one?.localityLbSetting), localityLbSetting]
    .flatMap((setting) => setting?.failoverPriority ?? [])
    .filter((label) => !label.includes("=") && !TOPOLOGY_LABELS.includes(label));
}
