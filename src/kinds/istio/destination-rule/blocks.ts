import { endpointsOf, type ServiceEndpoint, type ServiceInfo } from "../../../compile/services.ts";
import { selects } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import type { DestinationRuleSpec } from "../../../resources/destination-rule.ts";

type Policy = NonNullable<DestinationRuleSpec["trafficPolicy"]>;
type Block = "outlierDetection" | "tls";

/** A block of settings where it holds. */
export interface Placed<Name extends Block> {
  readonly settings: NonNullable<Policy[Name]>;
  /** Where it stands: `spec.trafficPolicy.tls`. */
  readonly field: string;
  /** The endpoints that it is for. */
  readonly endpoints: readonly ServiceEndpoint[];
  /** Them in words: `port 9080, subset v1`. */
  readonly of: string;
}

/** Every port and subset of the service that has such a block, with the one that holds for it. */
export function blocksOf<Name extends Block>(
  world: World,
  { trafficPolicy, subsets = [] }: DestinationRuleSpec,
  service: ServiceInfo,
  name: Name,
): readonly Placed<Name>[] {
  const all = { policy: trafficPolicy ?? {}, at: "spec.trafficPolicy" };
  return service.ports.flatMap(({ number }) =>
    [undefined, ...subsets].flatMap((subset, index) => {
      const own = { policy: subset?.trafficPolicy ?? {}, at: `spec.subsets[${index - 1}].trafficPolicy` };
      const held = ofPort(own, number, name) ?? ofPort(all, number, name);
      if (held?.settings === undefined) return [];
      const { settings, field } = held;
      const endpoints = endpointsOf(world, service, number).filter(({ labels }) =>
        selects(subset?.labels ?? {}, labels),
      );
      return [{ settings, field, endpoints, of: `port ${number}${subset ? `, subset \`${subset.name}\`` : ""}` }];
    }),
  );
}

/** Settings of a port replace the others of their level as a whole: what they leave out is not taken from elsewhere. */
function ofPort<Name extends Block>(
  { policy, at }: { readonly policy: Policy; readonly at: string },
  port: number,
  name: Name,
): { readonly settings: Policy[Name]; readonly field: string } | null {
  const index = (policy.portLevelSettings ?? []).findIndex((level) => level.port.number === port);
  const level = policy.portLevelSettings?.[index];
  if (level !== undefined) return { settings: level[name], field: `${at}.portLevelSettings[${index}].${name}` };
  return policy[name] === undefined ? null : { settings: policy[name], field: `${at}.${name}` };
}
