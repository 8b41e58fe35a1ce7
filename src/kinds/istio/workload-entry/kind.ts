import { workloadLabels } from "../../../compile/entries.ts";
import { unprobedBy } from "../../../compile/probes.ts";
import { namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { addressKey } from "../../../resources/address.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { checkWorkloadEntry, WorkloadEntry, type WorkloadEntrySpec } from "../../../resources/workload-entry.ts";
import { checkAddresses } from "../../addresses.ts";
import { AGE, field } from "../../columns.ts";
import { at, WORKLOAD } from "../../descriptions.ts";
import { networkingKind } from "../../kind.ts";
import { reader } from "../../reader.ts";

export const WORKLOAD_ENTRY = networkingKind({
  kind: "WorkloadEntry",
  plural: "workloadentries",
  shortNames: ["we"],
  reader: reader(WorkloadEntry, checkWorkloadEntry),
  entries,
  addresses,
  check: (world, object) => [...checkAddresses(world, object, addresses(object)), ...checkProbed(world, object)],
  registrations: (_world, object) => {
    const { ports } = object.spec as WorkloadEntrySpec;
    return [
      {
        namespace: namespaceOf(object),
        labels: workloadLabels(object),
        ports: ports ? Object.values(ports) : null,
      },
    ];
  },
  callers: (object) => {
    const { serviceAccount } = object.spec as WorkloadEntrySpec;
    if (serviceAccount === undefined) return [];
    return [{ account: `${namespaceOf(object)}/${serviceAccount}`, labels: workloadLabels(object) }];
  },
  columns: [AGE, field("Address", "The address of the workload.", "spec", "address")],
  descriptions: {
    "": "One endpoint, to be picked by a ServiceEntry or a Service.",
    spec: "Where the endpoint is, and what it is.",
    ...at(["spec"], WORKLOAD),
  },
});

function* entries(object: KubeObject): Generator<readonly [string, string]> {
  const namespace = namespaceOf(object);
  yield ["workload", `${namespace}/`];
  for (const [key, value] of Object.entries(workloadLabels(object))) yield ["workload", `${namespace}/${key}=${value}`];
  for (const { address } of addresses(object)) yield ["address", addressKey(address)];
}

function checkProbed(world: World, object: KubeObject): readonly Finding[] {
  const reason = unprobedBy(world, object);
  return reason === null ? [] : [warningAt("spec.address", `its WorkloadGroup's probe, ${reason}`, "TULLE0003")];
}

function addresses({ spec }: KubeObject) {
  return [{ address: (spec as WorkloadEntrySpec).address, field: "spec.address" }];
}
