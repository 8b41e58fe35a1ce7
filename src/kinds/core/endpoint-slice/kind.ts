import { sliceEndpointWorkload } from "../../../compile/addresses.ts";
import { labelEntries } from "../../../compile/entries.ts";
import { numericTargets } from "../../../compile/services.ts";
import { namespaceOf, serviceHost } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { addressKey } from "../../../resources/address.ts";
import { checkEndpointSlice, EndpointSlice, type EndpointSliceFields } from "../../../resources/core.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { checkAddresses } from "../../addresses.ts";
import { type Cell, CORE_AGE, listOf, text, textOf, valueAt } from "../../columns.ts";
import { coreKind } from "../../kind.ts";
import { byAddress } from "../../by-address.ts";
import { reader } from "../../reader.ts";

/** Members of a long list that a cell shows. */
const SHOWN = 3;
const UNSET = "<unset>";

export const ENDPOINT_SLICE = coreKind({
  group: "discovery.k8s.io",
  kind: "EndpointSlice",
  plural: "endpointslices",
  shortNames: [],
  flat: true,
  reader: reader(EndpointSlice, checkEndpointSlice),
  entries,
  addresses,
  check: (world, object) => checkAddresses(world, object, addresses(object)),
  registrations: (world, object, key) => {
    const { endpoints, ports } = object as unknown as EndpointSliceFields;
    return (byAddress(endpoints, (endpoint) => endpoint.addresses).get(key) ?? []).map((endpoint) => ({
      namespace: namespaceOf(object),
      labels: sliceEndpointWorkload(world, object, endpoint).labels,
      ports: ports?.flatMap(({ port }) => port ?? []) ?? null,
      declared: declaredPorts(world, object),
    }));
  },
  columns: [
    text("AddressType", "What the addresses are: IPv4, IPv6 or FQDN.", ({ addressType }) => textOf(addressType)),
    text("Ports", "The ports of each endpoint.", slicePorts),
    text("Endpoints", "The addresses of the endpoints.", sliceAddresses),
    CORE_AGE,
  ],
  descriptions: {
    "": "Some of the endpoints of the service in its label `kubernetes.io/service-name`.",
    addressType: "What the addresses are: IPv4, IPv6 or FQDN.",
    endpoints: "Where requests can be sent.",
    "endpoints.addresses": "Addresses inside the mesh's private ranges.",
    "endpoints.conditions": "In what state the endpoint is.",
    "endpoints.conditions.ready": "Whether it takes requests; true by default.",
    "endpoints.targetRef": "The Pod that gives the endpoint its labels and its identity.",
    ports: "The ports that the endpoints listen on.",
  },
  keptFields: {
    endpoints: ["deprecatedTopology{}", "hints{}", "hostname", "nodeName", "topology{}", "zone"],
    "endpoints.targetRef": ["apiVersion", "fieldPath", "resourceVersion", "uid"],
    ports: ["appProtocol"],
  },
});

function* entries(object: KubeObject): Generator<readonly [string, string]> {
  const service = object.metadata.labels?.["kubernetes.io/service-name"];
  if (service !== undefined) yield ["endpoint-slice", `${namespaceOf(object)}/${service}`];
  for (const { address } of addresses(object)) yield ["address", addressKey(address)];
  yield* labelEntries(namespaceOf(object), object.metadata.labels ?? {});
}

/** What its Service says with a `targetPort` is the workload's port to policies, wherever the endpoint listens. */
function declaredPorts(world: World, object: KubeObject): Readonly<Record<number, readonly number[]>> {
  const service = object.metadata.labels?.["kubernetes.io/service-name"];
  if (service === undefined) return {};
  const targets = numericTargets(world, serviceHost(service, namespaceOf(object)));
  const { ports = [] } = object as unknown as EndpointSliceFields;
  const declared: Record<number, number[]> = {};
  for (const { name = "", port } of ports) {
    const target = targets.get(name);
    if (port !== undefined && target !== undefined) (declared[port] ??= []).push(target);
  }
  return declared;
}

function addresses(object: KubeObject) {
  const { endpoints } = object as unknown as EndpointSliceFields;
  return endpoints.flatMap((endpoint, index) =>
    endpoint.addresses.map((address, at) => ({ address, field: `endpoints[${index}].addresses[${at}]` })),
  );
}

function slicePorts({ ports }: KubeObject): Cell {
  return firstOf(listOf(ports).map((port) => textOf(valueAt(port, "port")) || textOf(valueAt(port, "name")) || "*"));
}

function sliceAddresses({ endpoints }: KubeObject): Cell {
  return firstOf(listOf(endpoints).flatMap((endpoint) => listOf(valueAt(endpoint, "addresses")).map(textOf)));
}

function firstOf(values: readonly string[]): string {
  if (values.length === 0) return UNSET;
  const more = values.length > SHOWN ? ` + ${values.length - SHOWN} more...` : "";
  return values.slice(0, SHOWN).join(",") + more;
}
