import type { Operation } from "../../src/kube/object-rules.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { cannotBeOpened, isUnreadable } from "../../src/kube/unreadable.ts";
import { NAMESPACES } from "../../src/kube/write-plan.ts";
import { checkChange } from "../../src/resources/core.ts";
import { endOfRehearsal } from "../../src/resources/fault-rehearsal.ts";
import { isNamespace, type KubeObject, type ObjectRef, refKey, refOf } from "../../src/resources/object.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { ObjectStore } from "./db/store.ts";

/** What brings a generation back: what it had is written, what it had not goes, as rehearsals do that have ended. @param now epoch ms */
export async function restore(
  store: ObjectStore,
  generation: number,
  objects: ReadonlyMap<string, KubeObject>,
  now: number,
): Promise<Result<readonly Operation[], Status>> {
  if ((await store.generation(generation)) === null) return err(await unknownGeneration(store, generation));
  const wanted = await store.configurationAt(generation);
  const writes: Operation[] = [];
  const kept = new Set<string>();
  for (const value of wanted.toSorted((a, b) => rank(refOf(a)) - rank(refOf(b)))) {
    const ref = refOf(value);
    if ((endOfRehearsal(value) ?? Number.POSITIVE_INFINITY) <= now) continue;
    if (isUnreadable(value)) return err(cannotBeOpened(ref));
    kept.add(refKey(ref));
    const present = objects.get(refKey(ref));
    // What may not be changed is made anew.
    if (present && checkChange(present, value).length > 0) writes.push({ verb: "delete", ref, orphans: true });
    const author = { manager: "tulle-rollback", subresource: "" as const, apiVersion: value.apiVersion };
    writes.push({ verb: "apply", ref, value, author });
  }
  const gone = [...objects.values()]
    .map(refOf)
    .filter((ref) => !kept.has(refKey(ref)) && !(rank(ref) === 0 && NAMESPACES.includes(ref.name)))
    .toSorted((a, b) => rank(b) - rank(a));
  return ok([...writes, ...gone.map((ref) => ({ verb: "delete" as const, ref, orphans: true }))]);
}

/** Namespaces come before what stands in them, and go after it. */
function rank(ref: ObjectRef): number {
  return isNamespace(ref) ? 0 : 1;
}

export async function unknownGeneration(store: ObjectStore, generation: number): Promise<Status> {
  const [oldest, { generation: newest }] = await Promise.all([store.oldestGeneration(), store.counters()]);
  return failure("NotFound", `there is no generation ${generation}; those from ${oldest} to ${newest} are kept`);
}
