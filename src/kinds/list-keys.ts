/** How the members of a list are told apart, where it is not by their place. */
export interface ListKeys {
  /** Server-side apply: members with the same values of these fields are one (`x-kubernetes-list-map-keys`). */
  readonly apply: readonly string[];
  /** Strategic merge patch: the one field that does it there (`x-kubernetes-patch-merge-key`). */
  readonly merge: string;
}

/**
 * Lists by their path; members of lists in between leave no trace in it: `spec.containers.ports`. All other lists are one
 * value each, as in Istio's resource definitions.
 */
export type KeyedLists = ReadonlyMap<string, ListKeys>;

/** Those of every kind. */
const GENERAL: readonly (readonly [string, ListKeys])[] = [
  ["status.conditions", { apply: ["type"], merge: "type" }],
  ["metadata.ownerReferences", { apply: ["uid"], merge: "uid" }],
];

/** @param own beside those that every kind has */
export function lists(...own: readonly (readonly [string, ListKeys])[]): KeyedLists {
  return new Map([...GENERAL, ...own]);
}

export function byName(path: string): readonly [string, ListKeys] {
  return [path, { apply: ["name"], merge: "name" }];
}

/** A key field that is absent stands for this value. */
export const KEY_DEFAULTS: Readonly<Record<string, string>> = { protocol: "TCP" };
