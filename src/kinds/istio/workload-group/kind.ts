import { WorkloadGroup } from "../../../resources/workload-group.ts";
import { at, WORKLOAD } from "../../descriptions.ts";
import { networkingKind } from "../../kind.ts";
import { reader } from "../../reader.ts";

const { address: _, ...TEMPLATE } = WORKLOAD;

export const WORKLOAD_GROUP = networkingKind({
  kind: "WorkloadGroup",
  plural: "workloadgroups",
  shortNames: ["wg"],
  reader: reader(WorkloadGroup),
  descriptions: {
    "": "What the WorkloadEntries of workloads look like that register by themselves.",
    spec: "The template, and what its entries are marked with.",
    "spec.metadata": "What every entry is marked with.",
    "spec.metadata.labels": "Labels of the entry and of its workload.",
    "spec.metadata.annotations": "Annotations of the entry.",
    "spec.template": "The entry, without its address.",
    ...at(["spec.template"], TEMPLATE),
    "spec.template.serviceAccount": "Whose identity the workloads have; `default` by default.",
  },
});
