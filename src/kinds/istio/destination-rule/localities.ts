import { meshConfig } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import type { DestinationRuleSpec } from "../../../resources/destination-rule.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import { asksWhereCallersAre } from "../../../resources/locality-lb.ts";

/** Settings that go by where callers are, in a mesh that says of no place where it is. */
export function checkLocalities(
  world: World,
  { trafficPolicy, subsets = [] }: DestinationRuleSpec,
): readonly Finding[] {
  if (meshConfig(world).localities !== undefined) return [];
  const policies = [
    { policy: trafficPolicy, at: "spec.trafficPolicy" },
    ...subsets.map((subset, index) => ({ policy: subset.trafficPolicy, at: `spec.subsets[${index}].trafficPolicy` })),
  ];
  return policies
    .flatMap(({ policy, at }) => [
      { loadBalancer: policy?.loadBalancer, at },
      ...(policy?.portLevelSettings ?? []).map(({ loadBalancer }, index) => ({
        loadBalancer,
        at: `${at}.portLevelSettings[${index}]`,
      })),
    ])
    .flatMap(({ loadBalancer, at }) =>
      loadBalancer?.localityLbSetting !== undefined && asksWhereCallersAre(loadBalancer.localityLbSetting)
        ? [
            warningAt(
              `${at}.loadBalancer.localityLbSetting`,
              "no caller has a locality: name places in `localities` of the MeshConfig",
              "TULLE0404",
            ),
          ]
        : [],
    );
}
