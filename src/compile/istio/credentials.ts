import { certificateBinding } from "../../resources/client-tls.ts";
import type { DestinationRuleSpec, TrafficPolicySpec } from "../../resources/destination-rule.ts";
import { meshConfig, rootNamespace } from "../view.ts";
import type { World } from "../world.ts";

/** The binding of no certificate: an endpoint that wants it is not called at all. */
const WITHHELD = "";

/**
 * Whether rules of a namespace may show a client certificate: those of the root namespace any, others what the mesh's settings
 * list for them (R19). Where nothing is listed at all, every namespace may show each.
 */
export function mayShow(world: World, credentialName: string, namespace: string): boolean {
  const { credentials } = meshConfig(world);
  if (credentials === undefined || namespace === rootNamespace(world)) return true;
  const binding = certificateBinding(credentialName);
  return credentials.some(
    ({ name, namespaces }) =>
      certificateBinding(name) === binding && (namespaces.includes("*") || namespaces.includes(namespace)),
  );
}

/** The spec of a namespace's rule without the certificates that it may not show: the settings may have changed since it was written. */
export function withGrantedOnly(world: World, spec: DestinationRuleSpec, namespace: string): DestinationRuleSpec {
  if (meshConfig(world).credentials === undefined) return spec;
  const { trafficPolicy, subsets } = spec;
  const granted = (policy: TrafficPolicySpec): TrafficPolicySpec => ({
    ...policy,
    ...tlsOf(policy.tls),
    ...(policy.portLevelSettings && {
      portLevelSettings: policy.portLevelSettings.map((level) => ({ ...level, ...tlsOf(level.tls) })),
    }),
  });
  const tlsOf = (tls: TrafficPolicySpec["tls"]) => {
    const name = tls?.credentialName;
    return name === undefined || mayShow(world, name, namespace) ? {} : { tls: { ...tls, credentialName: WITHHELD } };
  };
  return {
    ...spec,
    ...(trafficPolicy && { trafficPolicy: granted(trafficPolicy) }),
    ...(subsets && {
      subsets: subsets.map((subset) => ({
        ...subset,
        ...(subset.trafficPolicy && { trafficPolicy: granted(subset.trafficPolicy) }),
      })),
    }),
  };
}
