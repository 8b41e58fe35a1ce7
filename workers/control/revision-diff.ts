import { canonicalJson } from "../../src/snapshot/canonical.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import type { ObjectStore } from "./db/store.ts";

/** More is counted only: an answer of megabytes helps nobody. */
const SHOWN = 100;

/** What differs between two generations. @param from 0: nothing was there */
export async function revisionDiff(store: ObjectStore, from: number, to: number) {
  const [before, after] = [from === 0 ? [] : await store.configurationAt(from), await store.configurationAt(to)].map(
    (objects) => new Map(objects.map((object) => [refKey(refOf(object)), object])),
  ) as [Map<string, KubeObject>, Map<string, KubeObject>];
  const changed = [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => canonicalJson(before.get(key) ?? null) !== canonicalJson(after.get(key) ?? null))
    .toSorted();
  const objects = changed.slice(0, SHOWN).map((key) => {
    const [old = null, now = null] = [before.get(key), after.get(key)];
    const { group, kind, namespace, name } = refOf((now ?? old) as KubeObject);
    const isSecret = group === "" && kind === "Secret";
    return { group, kind, namespace, name, before: isSecret ? null : old, after: isSecret ? null : now };
  });
  return { from, to, objects, more: changed.length - objects.length };
}
