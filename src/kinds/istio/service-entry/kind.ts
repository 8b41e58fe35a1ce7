import { canonicalHost } from "../../../resources/host.ts";
import { addressOfHost, endpointLabels, hostsByName, labelEntries, partialEntries } from "../../../compile/entries.ts";
import { namespaceOf } from "../../../compile/view.ts";
import { addressKey } from "../../../resources/address.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { checkServiceEntry, ServiceEntry, type ServiceEntrySpec } from "../../../resources/service-entry.ts";
import { AGE, field } from "../../columns.ts";
import { networkingKind } from "../../kind.ts";
import { byAddress } from "../../by-address.ts";
import { reader } from "../../reader.ts";
import { checkAmongOthers, inlineAddresses } from "./check.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

export const SERVICE_ENTRY = networkingKind({
  kind: "ServiceEntry",
  plural: "serviceentries",
  shortNames: ["se"],
  reader: reader(ServiceEntry, checkServiceEntry),
  entries,
  addresses: inlineAddresses,
  check: checkAmongOthers,
  registrations: (_world, object, key) => {
    const namespace = namespaceOf(object);
    const spec = object.spec as ServiceEntrySpec;
    const inline = byAddress(spec.endpoints ?? [], ({ address }) => [address]).get(key) ?? [];
    const byName = hostsByName(spec).some((host) => addressOfHost(host) === key);
    return [
      ...(byName ? [{ namespace, labels: {}, ports: null }] : []),
      ...inline.map(({ ports = {}, ...endpoint }) => ({
        namespace,
        labels: endpointLabels(endpoint),
        ports: (spec.ports ?? []).map(({ name, number, targetPort }) => ports[name] ?? targetPort ?? number),
      })),
    ];
  },
  callers: (object) =>
    ((object.spec as ServiceEntrySpec).endpoints ?? []).flatMap(({ serviceAccount, labels = {} }) =>
      serviceAccount === undefined ? [] : [{ account: `${namespaceOf(object)}/${serviceAccount}`, labels }],
    ),
  columns: [
    field("Hosts", "The hosts that the entry adds to the mesh.", "spec", "hosts"),
    field("Location", "Whether the service is part of the mesh: MESH_EXTERNAL or MESH_INTERNAL.", "spec", "location"),
    field(
      "Resolution",
      "How addresses are found for the hosts: NONE, STATIC, DNS, DNS_ROUND_ROBIN or DYNAMIC_DNS.",
      "spec",
      "resolution",
    ),
    AGE,
  ],
  descriptions: DESCRIPTIONS,
});

function* entries(object: KubeObject): Generator<readonly [string, string]> {
  const spec = object.spec as ServiceEntrySpec;
  yield ["hosts-of", namespaceOf(object)];
  for (const host of spec.hosts) yield ["service", canonicalHost(host)];
  yield* partialEntries(spec.hosts);
  for (const { address } of inlineAddresses(object)) yield ["address", addressKey(address)];
  for (const host of hostsByName(spec)) yield ["address", addressOfHost(host)];
  for (const endpoint of spec.endpoints ?? []) yield* labelEntries(namespaceOf(object), endpointLabels(endpoint));
}
