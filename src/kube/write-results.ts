import { kindOfObject } from "../kinds/registry.ts";
import { acceptedOf } from "../resources/conditions.ts";
import { type Finding, unsuppressed, warningAt } from "../resources/finding.ts";
import { type KubeObject, refKey, refOf } from "../resources/object.ts";
import type { Action } from "./object-writes.ts";
import type { Plan } from "./write-plan.ts";

/** What became of one operation. */
export interface Written {
  readonly action: Action;
  /** After the write; of a deleted one its last state. */
  readonly object: KubeObject;
  readonly warnings: readonly Finding[];
}

/** What a write is answered by, beside what it made of the objects. */
interface Answering {
  /** As they are stored. */
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** Of the compiler, by `refKey`. */
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  /** The only namespace that the writer may look at; null: all. */
  readonly namespace: string | null;
  /** Whether no gateway has this service binding, though there are gateways. */
  readonly isUnbound: (binding: string) => boolean;
  /** Whom the write locks out. */
  readonly lockOuts: readonly Finding[];
}

/** Kinds that decide who is let in; by the last two a namespace observes, or ends it. */
export const DECIDING: ReadonlySet<string> = new Set([
  "PeerAuthentication",
  "AuthorizationPolicy",
  "Namespace",
  "MeshConfig",
]);

/** One result for each operation, in their order. */
export function resultsOf(
  plan: Plan,
  { objects, findings, namespace, isUnbound, lockOuts }: Answering,
): readonly Written[] {
  const broken = brokenBy(plan, namespace);
  // The mesh's settings are what others lean on: where they are among what is written, they are told of it.
  const blamed = Math.max(
    0,
    plan.outcomes.findIndex(({ ref }) => ref.kind === "MeshConfig"),
  );
  const locking = plan.outcomes.findIndex(({ ref }) => DECIDING.has(ref.kind));
  return plan.outcomes.map(({ action, object, ref, findings: own }, index) => {
    const changed = plan.changes.get(refKey(ref));
    const found = changed ? (findings.get(refKey(ref)) ?? []) : [];
    return {
      action,
      // Its status was written after the operation.
      object: (action === "deleted" ? null : (changed?.after ?? objects.get(refKey(ref)))) ?? object,
      warnings: [
        ...[...own, ...found].filter(({ severity }) => severity === "warning"),
        ...(action === "deleted" ? [] : unsuppressed(object.metadata, unboundEndpoints(isUnbound, object))),
        ...(index === blamed ? broken : []),
        ...(index === locking ? lockOuts : []),
      ],
    };
  });
}

/** A dry run gives no version: what it answers has that of the object that is there, if one is. */
export function asIfStored(objects: ReadonlyMap<string, KubeObject>) {
  return (result: Written): Written => {
    const { resourceVersion: _, ...metadata } = result.object.metadata;
    const { resourceVersion } = objects.get(refKey(refOf(result.object)))?.metadata ?? {};
    const kept = { ...metadata, ...(resourceVersion !== undefined && { resourceVersion }) };
    return { ...result, object: { ...result.object, metadata: kept } };
  };
}

/** Other objects that are accepted no longer: whoever writes should know. */
function brokenBy({ changes, outcomes }: Plan, namespace: string | null): readonly Finding[] {
  const own = new Set(outcomes.map(({ ref }) => refKey(ref)));
  return [...changes].flatMap(([key, { ref, before, after, configuration }]) => {
    if (own.has(key) || configuration || after === null) return [];
    if (namespace !== null && ref.namespace !== namespace) return [];
    const accepted = acceptedOf(after);
    if (accepted?.status !== "False" || (before && acceptedOf(before)?.status === "False")) return [];
    const message = `by this write ${ref.kind} \`${ref.namespace}/${ref.name}\` is not accepted any more: ${withoutCode(accepted.message)}`;
    return [warningAt("", message, "TULLE0306")];
  });
}

/** One text ends in one code. */
function withoutCode(message: string): string {
  return message.replaceAll(/ \[TULLE\d{4}\](?=; |$)/g, "");
}

export function unboundEndpoints(isUnbound: (binding: string) => boolean, object: KubeObject): readonly Finding[] {
  const addresses = kindOfObject(object)?.addresses(object) ?? [];
  return addresses.flatMap(({ address, field }) => {
    const binding = address.startsWith("binding:") ? address.slice("binding:".length) : null;
    if (binding === null || !isUnbound(binding)) return [];
    const message = `no registered gateway has the binding \`${binding}\`: the endpoint is left out until one has`;
    return [warningAt(field, message, "TULLE0106")];
  });
}
