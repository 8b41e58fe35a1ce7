import type { Finding } from "../resources/finding.ts";
import { keyedLists, kindOfObject } from "../kinds/registry.ts";
import { underOneBudget } from "../match/regex-cost.ts";
import { isNamespace, type KubeObject, type ObjectRef, refKey, refOf } from "../resources/object.ts";
import { err } from "../result.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import { saysProgrammed, withoutProgrammed } from "./programmed.ts";
import { acceptedOf, isCompiled, withAccepted, withCondition } from "../resources/conditions.ts";
import { ownedAfterUpdate } from "./managed-fields.ts";
import { MESH_AUTHOR, type Operation, planOperation } from "./object-rules.ts";
import type { Action, Circumstances } from "./object-writes.ts";
import { failure, type Status } from "./status.ts";

/** What becomes of one object in a write. */
export interface PlannedChange {
  readonly ref: ObjectRef;
  readonly before: KubeObject | null;
  /** With its own resourceVersion; null: it is gone. */
  readonly after: KubeObject | null;
  /** Its own resourceVersion, also where the object is gone by it. */
  readonly rv: number;
  readonly configuration: boolean;
}

interface Outcome {
  readonly ref: ObjectRef;
  readonly action: Action;
  /** After the operation; of a deleted one its last state. */
  readonly object: KubeObject;
  readonly findings: readonly Finding[];
}

export interface Plan {
  readonly outcomes: readonly Outcome[];
  readonly failures: readonly { readonly index: number; readonly status: Status }[];
  /** Each changed object once, however often the write names it; by `refKey`. */
  readonly changes: ReadonlyMap<string, PlannedChange>;
  readonly rv: number;
}

/** What there is before the write. */
interface Store {
  readonly objects: ReadonlyMap<string, KubeObject>;
  readonly rv: number;
}

/** They exist from the start and cannot be deleted. */
export const NAMESPACES: readonly string[] = ["default", "istio-system"];

export function namespaceRef(name: string): ObjectRef {
  return { group: "", kind: "Namespace", namespace: "", name };
}

/** What the operations so far would make of the objects. */
class Draft {
  readonly #store: Store;
  readonly changes = new Map<string, PlannedChange>();
  rv: number;

  constructor(store: Store) {
    this.#store = store;
    this.rv = store.rv;
  }

  current(ref: ObjectRef): KubeObject | null {
    const key = refKey(ref);
    const change = this.changes.get(key);
    return change ? change.after : (this.#store.objects.get(key) ?? null);
  }

  /** @returns the object under its new version; null: it is gone */
  change(ref: ObjectRef, after: KubeObject | null, configuration: boolean): KubeObject | null {
    const key = refKey(ref);
    this.rv += 1;
    const { rv } = this;
    const versioned = after && withVersion(after, rv);
    const before = this.#store.objects.get(key) ?? null;
    const configured = configuration || (this.changes.get(key)?.configuration ?? false);
    if (before === null && versioned === null) this.changes.delete(key);
    else this.changes.set(key, { ref, before, after: versioned, rv, configuration: configured });
    return versioned;
  }

  /** Deleting a namespace deletes its content. */
  empty(namespace: string): void {
    const all = [...[...this.#store.objects.values()].map(refOf), ...[...this.changes.values()].map(({ ref }) => ref)];
    for (const ref of all) if (ref.namespace === namespace && this.current(ref) !== null) this.change(ref, null, true);
  }

  /** What an object made goes with it. */
  emptied(owner: KubeObject): void {
    const owns = kindOfObject(owner)?.owns;
    if (owns === undefined) return;
    const all = [...this.#store.objects.values()].filter((object) => owns(owner, object)).map(refOf);
    for (const ref of all) if (this.current(ref) !== null) this.change(ref, null, true);
  }
}

/** What the operations would make of the objects, one after the other. */
export function planWrite(store: Store, operations: readonly Operation[], circumstances: Common): Plan {
  return underOneBudget(() => planned(store, operations, circumstances));
}

/** What is the same for all operations of a write. */
type Common = Omit<Circumstances, "uid" | "namespaceExists"> & { readonly uid: () => string };

function planned(store: Store, operations: readonly Operation[], circumstances: Common): Plan {
  const draft = new Draft(store);
  const outcomes: Outcome[] = [];
  const failures: { index: number; status: Status }[] = [];
  for (const [index, operation] of operations.entries()) {
    const { ref } = operation;
    const before = draft.current(ref);
    const refusal = protectedNamespace(operation, ref);
    const made = refusal
      ? err(refusal)
      : planOperation(before, operation, {
          ...circumstances,
          uid: circumstances.uid(),
          namespaceExists: (name) => draft.current(namespaceRef(name)) !== null,
        });
    if (!made.ok) {
      failures.push({ index, status: made.error });
      continue;
    }
    const { action, after, configuration, findings } = made.value;
    const object = action === "unchanged" ? after : (draft.change(ref, after, configuration) ?? before);
    if (object) outcomes.push({ ref, action, object, findings });
    if (action === "deleted" && isNamespace(ref)) draft.empty(ref.name);
    if (operation.verb === "delete" && operation.orphans !== true && before !== null) draft.emptied(before);
  }
  return { outcomes, failures, changes: draft.changes, rv: draft.rv };
}

function protectedNamespace({ verb }: Operation, ref: ObjectRef): Status | null {
  if (verb !== "delete" || !isNamespace(ref) || !NAMESPACES.includes(ref.name)) return null;
  return failure("Forbidden", `namespaces "${ref.name}" is forbidden: the mesh needs this namespace`);
}

export function withVersion(object: KubeObject, rv: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(rv) } };
}

/**
 * Writes the mesh's own conditions into what changed, and into every other object whose verdict did.
 *
 * @param findings of the compiler, by `refKey`: of all that was changed, and of others whose verdict may be another now
 * @param warningsOf what an object's own form is warned of
 */
export function withVerdicts(
  plan: Plan,
  store: Store,
  findings: ReadonlyMap<string, readonly Finding[]>,
  warningsOf: (object: KubeObject) => readonly Finding[],
  now: string,
): Plan {
  const changes = new Map(plan.changes);
  const own = new Map(plan.outcomes.map((outcome) => [refKey(outcome.ref), outcome.findings]));
  for (const [key, change] of plan.changes) {
    const { before, configuration } = change;
    if (change.after === null || !isMeshKind(change.after)) continue;
    const info = kindOfObject(change.after);
    const after = info !== undefined && saysProgrammed(info) ? withoutProgrammed(change.after) : change.after;
    const judged = configuration
      ? withAccepted(
          withFirstConditions(after, before, now),
          [...(own.get(key) ?? []), ...(findings.get(key) ?? [])],
          now,
        )
      : withKeptVerdict(after, before, now);
    changes.set(key, { ...change, after: owned(after, judged, now) });
  }
  let { rv } = plan;
  for (const [key, found] of findings) {
    const before = store.objects.get(key);
    if (before === undefined || plan.changes.has(key) || !isMeshKind(before) || saysSo(before, found)) continue;
    const judged = withAccepted(before, [...warningsOf(before), ...found], now);
    if (canonicalJson(judged) === canonicalJson(before)) continue;
    rv += 1;
    changes.set(key, {
      ref: refOf(before),
      before,
      after: withVersion(owned(before, judged, now), rv),
      rv,
      configuration: false,
    });
  }
  return { ...plan, changes, rv };
}

function isMeshKind(object: KubeObject): boolean {
  const info = kindOfObject(object);
  return info !== undefined && isCompiled(info);
}

/** Without anything found there is nothing to word anew. */
function saysSo(object: KubeObject, found: readonly Finding[]): boolean {
  const accepted = acceptedOf(object);
  return (
    found.length === 0 &&
    accepted?.status === "True" &&
    accepted.observedGeneration === object.metadata.generation &&
    accepted.message === "compiled"
  );
}

function withFirstConditions(object: KubeObject, before: KubeObject | null, now: string): KubeObject {
  if (before !== null) return object;
  const { generation } = object.metadata;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return (kindOfObject(object)?.firstConditions ?? []).reduce(
    (conditioned, condition) => withCondition(conditioned, { ...condition, ...observed }, now),
    object,
  );
}

/** A write of the status alone does not change what the compiler said. */
function withKeptVerdict(object: KubeObject, before: KubeObject | null, now: string): KubeObject {
  const verdict = before && acceptedOf(before);
  if (!verdict) return object;
  const judged = withCondition(object, verdict, now);
  const status = judged.status as { conditions: readonly { type: string }[] };
  const conditions = status.conditions.map((each) => (each.type === verdict.type ? verdict : each));
  return { ...judged, status: { ...status, conditions } };
}

function owned(before: KubeObject, after: KubeObject, now: string): KubeObject {
  const writer = { ...MESH_AUTHOR, apiVersion: before.apiVersion, time: now };
  return ownedAfterUpdate(before, after, writer, keyedLists(refOf(before)));
}
