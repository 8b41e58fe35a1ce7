import { labelEntries } from "../../../compile/entries.ts";
import { Pod, type PodSpec } from "../../../resources/core.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { type Cell, CORE_AGE, listOf, text, textOf, valueAt } from "../../columns.ts";
import { coreKind } from "../../kind.ts";
import { byName, type ListKeys, lists } from "../../list-keys.ts";
import { reader } from "../../reader.ts";
import { KEPT_FIELDS } from "./kept-fields.ts";

function containerLists(containers: string): readonly (readonly [string, ListKeys])[] {
  return [
    byName(containers),
    byName(`${containers}.env`),
    [`${containers}.ports`, { apply: ["containerPort", "protocol"], merge: "containerPort" }],
    [`${containers}.volumeMounts`, { apply: ["mountPath"], merge: "mountPath" }],
    [`${containers}.volumeDevices`, { apply: ["devicePath"], merge: "devicePath" }],
  ];
}

export const POD = coreKind({
  kind: "Pod",
  plural: "pods",
  shortNames: ["po"],
  categories: ["all"],
  hasStatus: true,
  reader: reader(Pod),
  entries: ({ metadata: { namespace = "", name, labels = {} } }) => [
    ["pod", `${namespace}/${name}`],
    ...labelEntries(namespace, labels),
  ],
  callers: ({ metadata: { namespace = "", labels = {} }, spec }) => {
    const { serviceAccountName = "default" } = (spec ?? {}) as PodSpec;
    return [{ account: `${namespace}/${serviceAccountName}`, labels }];
  },
  columns: [
    text("Ready", "How many of the containers take traffic.", ready),
    text("Status", "The phase of the pod, or why it is not running.", phase),
    text("Restarts", "How often containers were started again.", restarts),
    CORE_AGE,
  ],
  descriptions: {
    "": "Gives the endpoints that refer to it their labels and their identity.",
    spec: "Only `serviceAccountName` is read, the rest is kept.",
    "spec.serviceAccountName": "Whose identity the endpoint has; `default` by default.",
  },
  keptFields: KEPT_FIELDS,
  lists: lists(
    ...containerLists("spec.containers"),
    ...containerLists("spec.initContainers"),
    ...containerLists("spec.ephemeralContainers"),
    byName("spec.volumes"),
    ["spec.topologySpreadConstraints", { apply: ["topologyKey", "whenUnsatisfiable"], merge: "topologyKey" }],
    byName("spec.imagePullSecrets"),
    ["spec.hostAliases", { apply: ["ip"], merge: "ip" }],
  ),
});

function ready({ spec, status }: KubeObject): Cell {
  const ready = listOf(valueAt(status, "containerStatuses")).filter(
    (container) => valueAt(container, "ready") === true,
  );
  return `${ready.length}/${listOf(valueAt(spec, "containers")).length}`;
}

function phase({ metadata, status }: KubeObject): Cell {
  if (textOf(metadata["deletionTimestamp"]) !== "") return "Terminating";
  return textOf(valueAt(status, "reason")) || textOf(valueAt(status, "phase"));
}

function restarts({ status }: KubeObject): Cell {
  const counts = listOf(valueAt(status, "containerStatuses")).map((container) =>
    Number(valueAt(container, "restartCount") ?? 0),
  );
  return String(counts.reduce((sum, count) => sum + count, 0));
}
