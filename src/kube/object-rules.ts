import { err, ok, type Result } from "../result.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import type { KubeObject, ObjectRef } from "../resources/object.ts";
import { refOf } from "../resources/object.ts";
import { alreadyExists, conflict, failure, notFound, type Status } from "./status.ts";

/** What a caller asks to be done with one object. */
export type Operation =
  | { readonly verb: "create" | "update" | "apply"; readonly object: KubeObject }
  | { readonly verb: "delete"; readonly ref: ObjectRef; readonly uid?: string; readonly resourceVersion?: string }
  /** Writes the status and some annotations, nothing else. */
  | {
      readonly verb: "status";
      readonly ref: ObjectRef;
      readonly status: unknown;
      readonly annotations: Readonly<Record<string, string | null>>;
    };

export type Action = "created" | "configured" | "unchanged" | "deleted";

/** What becomes of the object. The resourceVersion of a changed one is given by whoever stores it. */
export interface Planned {
  readonly action: Action;
  /** Null: it is deleted. */
  readonly after: KubeObject | null;
  /** Whether the configuration differs by it, beyond status and annotations of the mesh's own. */
  readonly configuration: boolean;
}

export interface Circumstances {
  /** RFC 3339 without fraction. */
  readonly now: string;
  readonly uid: string;
  readonly namespaceExists: (name: string) => boolean;
}

export function refOfOperation(operation: Operation): ObjectRef {
  return "object" in operation ? refOf(operation.object) : operation.ref;
}

/**
 * Kubernetes' object rules: uid, creation time and generation are the store's; a stale resourceVersion is a conflict; a
 * write that changes nothing keeps everything as it is.
 */
export function planOperation(
  before: KubeObject | null,
  operation: Operation,
  circumstances: Circumstances,
): Result<Planned, Status> {
  const ref = refOfOperation(operation);
  switch (operation.verb) {
    case "create":
      if (before) return err(alreadyExists(ref));
      return create(operation.object, ref, circumstances);
    case "apply":
      return before ? replace(before, operation.object, ref) : create(operation.object, ref, circumstances);
    case "update":
      return before ? replace(before, operation.object, ref) : err(notFound(ref));
    case "delete":
      return before ? remove(before, operation, ref) : err(notFound(ref));
    case "status":
      return before ? ok(writeStatus(before, operation)) : err(notFound(ref));
  }
}

function create(
  object: KubeObject,
  ref: ObjectRef,
  { now, uid, namespaceExists }: Circumstances,
): Result<Planned, Status> {
  if (object.metadata.resourceVersion !== undefined)
    return err(failure("BadRequest", "resourceVersion should not be set on objects to be created"));
  if (ref.namespace !== "" && !namespaceExists(ref.namespace))
    return err(notFound({ group: "", kind: "Namespace", namespace: "", name: ref.namespace }));
  const { status: _, ...rest } = object;
  const metadata = { ...object.metadata, uid, creationTimestamp: now, generation: 1 };
  const after =
    ref.kind === "Namespace" && ref.group === "" ? activeNamespace({ ...rest, metadata }) : { ...rest, metadata };
  return ok({ action: "created", after, configuration: true });
}

function activeNamespace(object: KubeObject): KubeObject {
  return { ...object, spec: { finalizers: ["kubernetes"] }, status: { phase: "Active" } };
}

function replace(before: KubeObject, object: KubeObject, ref: ObjectRef): Result<Planned, Status> {
  const { resourceVersion, uid } = object.metadata;
  if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) return err(conflict(ref));
  if (uid !== undefined && uid !== before.metadata.uid) return err(conflict(ref));
  const { status: _, ...rest } = object;
  const kept = {
    uid: before.metadata.uid,
    creationTimestamp: before.metadata.creationTimestamp,
    resourceVersion: before.metadata.resourceVersion,
    generation: before.metadata.generation,
  };
  const draft: KubeObject = {
    ...rest,
    metadata: { ...object.metadata, ...kept },
    ...(before.status !== undefined && { status: before.status }),
    ...(isNamespace(ref) && { spec: before.spec }),
  } as KubeObject;
  const sameFields = canonicalJson(fieldsOf(before)) === canonicalJson(fieldsOf(draft));
  if (sameFields && canonicalJson(before.metadata) === canonicalJson(draft.metadata))
    return ok({ action: "unchanged", after: before, configuration: false });
  const generation = (before.metadata.generation ?? 1) + (sameFields ? 0 : 1);
  return ok({
    action: "configured",
    after: { ...draft, metadata: { ...draft.metadata, generation } },
    configuration: true,
  });
}

function isNamespace({ group, kind }: ObjectRef): boolean {
  return group === "" && kind === "Namespace";
}

/** All but metadata and status: what a generation counts. */
function fieldsOf(object: KubeObject): unknown {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== "metadata" && name !== "status"));
}

function remove(
  before: KubeObject,
  { uid, resourceVersion }: { uid?: string; resourceVersion?: string },
  ref: ObjectRef,
): Result<Planned, Status> {
  const stale =
    (uid !== undefined && uid !== before.metadata.uid) ||
    (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion);
  if (stale) return err(conflict(ref));
  return ok({ action: "deleted", after: null, configuration: true });
}

function writeStatus(before: KubeObject, { status, annotations }: Extract<Operation, { verb: "status" }>): Planned {
  const merged = { ...before.metadata.annotations, ...annotations };
  const kept = Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== null);
  const { annotations: _, ...metadata } = before.metadata;
  const after: KubeObject = {
    ...before,
    metadata: { ...metadata, ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }) },
    status,
  };
  if (canonicalJson(after) === canonicalJson(before))
    return { action: "unchanged", after: before, configuration: false };
  return { action: "configured", after, configuration: false };
}
