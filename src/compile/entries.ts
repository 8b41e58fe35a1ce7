import { canonicalHost, isPartial } from "../resources/host.ts";
import type { KubeObject } from "../resources/object.ts";
import { resolutionOf, type ServiceEntrySpec } from "../resources/service-entry.ts";
import { targetNames } from "../resources/target-refs.ts";
import type { VirtualServiceSpec } from "../resources/virtual-service.ts";
import type { WorkloadEntrySpec } from "../resources/workload-entry.ts";
import { namespaceOf, PARTIAL_HOSTS, selects } from "./view.ts";

export type Labels = Readonly<Record<string, string>>;

/** Labels of the spec stand over those of the metadata, as in Istio. */
export function workloadLabels({ metadata, spec }: KubeObject): Labels {
  return { ...metadata.labels, ...endpointLabels(spec as WorkloadEntrySpec) };
}

/** Its labels, and those that Istio adds for where it is. */
export function endpointLabels({ labels, network, locality }: Omit<WorkloadEntrySpec, "address">): Labels {
  if (network === undefined && locality === undefined) return labels ?? {};
  const [region, zone, subzone] = locality?.split("/") ?? [];
  return {
    ...(network !== undefined && { "topology.istio.io/network": network }),
    ...(region !== undefined && { "topology.kubernetes.io/region": region }),
    ...(zone !== undefined && { "topology.kubernetes.io/zone": zone }),
    ...(subzone !== undefined && { "topology.istio.io/subzone": subzone }),
    ...labels,
  };
}

/** The labels that a policy selects by; empty: all workloads. */
export function selectorOf({ spec }: KubeObject): Labels {
  return ((spec ?? {}) as { selector?: { matchLabels?: Labels } }).selector?.matchLabels ?? {};
}

/** Services that a policy is attached to in place of labels, `namespace/kind/name`; none: it has no target. */
export function targetsOf(policy: KubeObject): readonly string[] {
  const names = targetNames(policy.spec ?? {});
  return names.map((name) => `${namespaceOf(policy)}/${name}`);
}

/** Stands among the labels of an endpoint of the service for the service itself; no label has a `:` in its name. */
export function targetLabel(target: string): string {
  return `target:${target}`;
}

/** Where policies stand that have targets, by their namespace. */
export const POLICY_TARGETS = "policy-target";

/** Whether a policy is for workloads with these labels, those of targets among them. */
export function isFor(policy: KubeObject, labels: Labels): boolean {
  const targets = targetsOf(policy);
  if (targets.length > 0) return targets.some((target) => Object.hasOwn(labels, targetLabel(target)));
  return selects(selectorOf(policy), labels);
}

/** The tables of what guards workloads, and of what is told of them. */
export type PolicyTable = "api-key" | "authorization" | "peer-authentication" | "request-authentication" | "telemetry";

/** Where a policy is found: by one of the labels that it selects by, or by each of its targets. */
export function policyEntries(table: PolicyTable): (object: KubeObject) => readonly (readonly [string, string])[] {
  return (object) => {
    const namespace = namespaceOf(object);
    const targets = targetsOf(object);
    if (targets.length === 0) return [[table, `${namespace}/${firstPair(selectorOf(object))}`]];
    return [
      [POLICY_TARGETS, namespace],
      ...targets.map((target) => [table, `${namespace}/${firstPair({ [targetLabel(target)]: "" })}`] as const),
    ];
  };
}

/** One of the labels, always the same: who has all of them has this one. Empty where there is none. */
export function firstPair(labels: Labels): string {
  const [pair = ""] = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  return pair;
}

/** Where labels are looked for that are none of a WorkloadEntry's: an endpoint's, a Pod's, a Gateway's. */
export function labelEntries(namespace: string, labels: Labels): readonly (readonly [string, string])[] {
  return Object.entries(labels).map(([key, value]) => ["labelled", `${namespace}/${key}=${value}`]);
}

/** The hosts of a ServiceEntry that no endpoint serves, lower case: each is where its name says. */
export function hostsByName(spec: ServiceEntrySpec): readonly string[] {
  const resolution = resolutionOf(spec);
  if (resolution === "STATIC" || (spec.endpoints ?? []).length > 0) return [];
  // NONE disregards a selector; with the others it says where the endpoints are.
  if (resolution !== "NONE" && spec.workloadSelector !== undefined) return [];
  return spec.hosts.map(canonicalHost);
}

/** Where patterns are found that no walk over the labels of a host comes by. */
export function* partialEntries(hosts: readonly string[]): Generator<readonly [string, string]> {
  for (const host of hosts) if (isPartial(host)) yield [PARTIAL_HOSTS, canonicalHost(host)];
}

/** Where such a host is: its public origin, or `dynamic:` and a wildcard, under which the request says which host. */
export function addressOfHost(host: string): string {
  return host.startsWith("*") ? `dynamic:${host}` : `https://${host}`;
}

/** `mesh`, or `namespace/name` of Gateways. */
export function gatewaysOf(object: KubeObject): readonly string[] {
  const { gateways = ["mesh"] } = object.spec as VirtualServiceSpec;
  return gateways.map((name) => qualifiedGateway(name, namespaceOf(object)));
}

export function qualifiedGateway(name: string, namespace: string): string {
  return name === "mesh" || name.includes("/") ? name : `${namespace}/${name}`;
}

/** Where VirtualServices are found by the names of their rules. */
export const ROUTE_NAMES = "route-name";

/** The table of the VirtualServices of one Gateway, by host. */
export function gatewayTable(gateway: string): string {
  return `gateway-route ${gateway}`;
}
