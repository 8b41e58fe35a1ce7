import { type KubeObject, type ObjectRef, refOf } from "../resources/object.ts";
import { endOfRehearsal } from "../resources/fault-rehearsal.ts";
import { registeredUntil } from "../resources/workload-group.ts";

/** Epoch ms of the end of an object's lease, or of a rehearsal; null: it has none. */
function endOf(object: KubeObject): number | null {
  if (object.kind !== "WorkloadEntry") return endOfRehearsal(object);
  const until = registeredUntil(object);
  const at = until === null ? Number.NaN : Date.parse(until);
  return Number.isNaN(at) ? null : at;
}

/** @param now epoch ms */
export function expiredAt(objects: Iterable<KubeObject>, now: number): readonly ObjectRef[] {
  return [...objects].filter((object) => (endOf(object) ?? Number.POSITIVE_INFINITY) <= now).map(refOf);
}

/** When the next lease ends, epoch ms; null: there is none. */
export function nextExpiry(objects: Iterable<KubeObject>): number | null {
  let next: number | null = null;
  for (const object of objects) {
    const end = endOf(object);
    if (end !== null && (next === null || end < next)) next = end;
  }
  return next;
}
