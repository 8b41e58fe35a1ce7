import { addressKey } from "../resources/address.ts";
import type { EndpointSliceFields, ServiceSpec } from "../resources/core.ts";
import type { DestinationRuleSpec } from "../resources/destination-rule.ts";
import type { KubeObject } from "../resources/object.ts";
import type { ServiceEntrySpec } from "../resources/service-entry.ts";
import type { VirtualServiceSpec } from "../resources/virtual-service.ts";
import type { WorkloadEntrySpec } from "../resources/workload-entry.ts";
import type { Entries } from "./inventory.ts";
import { namespaceOf, qualified, serviceHost } from "./view.ts";

type Labels = Readonly<Record<string, string>>;

/** The tables that an object stands in, and under which keys: worked out from the object alone. */
export function entriesOf(object: KubeObject): Entries {
  return [...tableEntries(object)];
}

function* tableEntries(object: KubeObject): Generator<readonly [string, string]> {
  const namespace = namespaceOf(object);
  const { name, labels = {} } = object.metadata;
  switch (object.kind) {
    case "MeshConfig":
      yield ["mesh-config", namespace];
      break;
    case "Pod":
      yield ["pod", `${namespace}/${name}`];
      break;
    case "Service":
      if ((object.spec as ServiceSpec).type !== "ExternalName") yield ["service", serviceHost(name, namespace)];
      break;
    case "EndpointSlice": {
      const service = labels["kubernetes.io/service-name"];
      if (service !== undefined) yield ["endpoint-slice", `${namespace}/${service}`];
      const { endpoints } = object as unknown as EndpointSliceFields;
      for (const { addresses } of endpoints) for (const address of addresses) yield ["address", addressKey(address)];
      break;
    }
    case "WorkloadEntry": {
      yield ["workload", `${namespace}/`];
      for (const [key, value] of Object.entries(workloadLabels(object)))
        yield ["workload", `${namespace}/${key}=${value}`];
      yield ["address", addressKey((object.spec as WorkloadEntrySpec).address)];
      break;
    }
    case "ServiceEntry": {
      const spec = object.spec as ServiceEntrySpec;
      for (const host of spec.hosts) yield ["service", host.toLowerCase()];
      for (const { address } of spec.endpoints ?? []) yield ["address", addressKey(address)];
      for (const origin of originsOfHosts(spec)) yield ["address", addressKey(origin)];
      break;
    }
    case "VirtualService": {
      const spec = object.spec as VirtualServiceSpec;
      const gateways = gatewaysOf(object);
      for (const host of spec.hosts) {
        if (gateways.includes("mesh")) yield ["mesh-route", qualified(host, namespace)];
        for (const gateway of gateways)
          if (gateway !== "mesh") yield [gatewayTable(gateway), qualified(host, namespace)];
      }
      break;
    }
    case "DestinationRule":
      yield ["rule", qualified((object.spec as DestinationRuleSpec).host, namespace)];
      break;
    case "Gateway":
      yield ["gateway", `${namespace}/${name}`];
      break;
    case "AuthorizationPolicy":
    case "PeerAuthentication":
    case "RequestAuthentication":
      yield ["policy", `${namespace}/${firstPair(selectorOf(object))}`];
      break;
    default:
  }
}

/** Labels of the spec stand over those of the metadata, as in Istio. */
export function workloadLabels({ metadata, spec }: KubeObject): Labels {
  return { ...metadata.labels, ...(spec as WorkloadEntrySpec).labels };
}

/** The labels that a policy selects by; empty: all workloads. */
export function selectorOf({ spec }: KubeObject): Labels {
  return ((spec ?? {}) as { selector?: { matchLabels?: Labels } }).selector?.matchLabels ?? {};
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
