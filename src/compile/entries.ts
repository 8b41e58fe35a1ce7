import type { KubeObject } from "../resources/object.ts";
import type { ServiceEntrySpec } from "../resources/service-entry.ts";
import type { VirtualServiceSpec } from "../resources/virtual-service.ts";
import type { WorkloadEntrySpec } from "../resources/workload-entry.ts";
import { namespaceOf } from "./view.ts";

export type Labels = Readonly<Record<string, string>>;

/** Labels of the spec stand over those of the metadata, as in Istio. */
export function workloadLabels({ metadata, spec }: KubeObject): Labels {
  return { ...metadata.labels, ...(spec as WorkloadEntrySpec).labels };
}

/** The labels that a policy selects by; empty: all workloads. */
export function selectorOf({ spec }: KubeObject): Labels {
  return ((spec ?? {}) as { selector?: { matchLabels?: Labels } }).selector?.matchLabels ?? {};
}

/** The tables of what guards workloads. */
export type PolicyTable = "authorization" | "peer-authentication" | "request-authentication";

/** Where a policy is found: by one of the labels that it selects by. */
export function policyEntries(table: PolicyTable): (object: KubeObject) => readonly (readonly [string, string])[] {
  return (object) => [[table, `${namespaceOf(object)}/${firstPair(selectorOf(object))}`]];
}

/** One of the labels, always the same: who has all of them has this one. Empty where there is none. */
export function firstPair(labels: Labels): string {
  const [pair = ""] = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  return pair;
}

/** What a ServiceEntry resolves by DNS alone: its hosts, as public origins. */
export function originsOfHosts({
  hosts,
  resolution,
  endpoints,
  workloadSelector,
}: ServiceEntrySpec): readonly string[] {
  const byName = resolution === "DNS" && (endpoints ?? []).length === 0 && workloadSelector === undefined;
  return byName ? hosts.map((host) => `https://${host.toLowerCase()}`) : [];
}

/** `mesh`, or `namespace/name` of Gateways. */
export function gatewaysOf(object: KubeObject): readonly string[] {
  const { gateways = ["mesh"] } = object.spec as VirtualServiceSpec;
  return gateways.map((name) => qualifiedGateway(name, namespaceOf(object)));
}

export function qualifiedGateway(name: string, namespace: string): string {
  return name === "mesh" || name.includes("/") ? name : `${namespace}/${name}`;
}

/** The table of the VirtualServices of one Gateway, by host. */
export function gatewayTable(gateway: string): string {
  return `gateway-route ${gateway}`;
}
