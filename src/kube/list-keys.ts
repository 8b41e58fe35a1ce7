/** How the members of a list are told apart, where it is not by their place. */
export interface ListKeys {
  /** Server-side apply: members with the same values of these fields are one (`x-kubernetes-list-map-keys`). */
  readonly apply: readonly string[];
  /** Strategic merge patch: the one field that does it there (`x-kubernetes-patch-merge-key`). */
  readonly merge: string;
}

/** Lists by their path; members of lists in between leave no trace in it: `spec.containers.ports`. */
export type KeyedLists = ReadonlyMap<string, ListKeys>;

const CONDITIONS = ["status.conditions", { apply: ["type"], merge: "type" }] as const;
const OWNERS = ["metadata.ownerReferences", { apply: ["uid"], merge: "uid" }] as const;

function byName(path: string): readonly [string, ListKeys] {
  return [path, { apply: ["name"], merge: "name" }];
}

function podLists(containers: string): readonly (readonly [string, ListKeys])[] {
  return [
    byName(containers),
    byName(`${containers}.env`),
    [`${containers}.ports`, { apply: ["containerPort", "protocol"], merge: "containerPort" }],
    [`${containers}.volumeMounts`, { apply: ["mountPath"], merge: "mountPath" }],
    [`${containers}.volumeDevices`, { apply: ["devicePath"], merge: "devicePath" }],
  ];
}

/** By `group/Kind`. All other lists are one value each, as in Istio's resource definitions. */
const LISTS: ReadonlyMap<string, KeyedLists> = new Map([
  [
    "/Service",
    new Map<string, ListKeys>([CONDITIONS, OWNERS, ["spec.ports", { apply: ["port", "protocol"], merge: "port" }]]),
  ],
  [
    "/Pod",
    new Map<string, ListKeys>([
      CONDITIONS,
      OWNERS,
      ...podLists("spec.containers"),
      ...podLists("spec.initContainers"),
      ...podLists("spec.ephemeralContainers"),
      byName("spec.volumes"),
      ["spec.topologySpreadConstraints", { apply: ["topologyKey", "whenUnsatisfiable"], merge: "topologyKey" }],
      byName("spec.imagePullSecrets"),
      ["spec.hostAliases", { apply: ["ip"], merge: "ip" }],
    ]),
  ],
]);

const GENERAL: KeyedLists = new Map<string, ListKeys>([CONDITIONS, OWNERS]);

export function keyedLists({ group, kind }: { readonly group: string; readonly kind: string }): KeyedLists {
  return LISTS.get(`${group}/${kind}`) ?? GENERAL;
}

/** A key field that is absent stands for this value. */
export const KEY_DEFAULTS: Readonly<Record<string, string>> = { protocol: "TCP" };
