import { checkChange } from "../resources/core.ts";
import { checkEnd } from "../resources/fault-rehearsal.ts";
import { errorAt, type Finding } from "../resources/finding.ts";
import { isNamespace, type KubeObject, type ObjectMeta, type ObjectRef, refKey, refOf } from "../resources/object.ts";
import type { Parsed } from "../kinds/parse.ts";
import { err, ok, type Result } from "../result.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import type { KeyedLists } from "../kinds/list-keys.ts";
import { keyedLists } from "../kinds/registry.ts";
import { ownedAfterUpdate, type Writer } from "./managed-fields.ts";
import { conflict, invalid, notFound } from "./object-status.ts";
import { failure, type Status } from "./status.ts";
import { isUnreadable } from "./unreadable.ts";

/** Who writes, as far as the request says it. */
export type Author = Omit<Writer, "time">;

export type Action = "created" | "configured" | "unchanged" | "deleted";

/** What becomes of the object. The resourceVersion of a changed one is given by whoever stores it. */
export interface Planned {
  readonly action: Action;
  /** Null: it is deleted. */
  readonly after: KubeObject | null;
  /** Whether the configuration differs by it, beyond status, ownership and annotations of the mesh's own. */
  readonly configuration: boolean;
  /** Of the object's own form. */
  readonly findings: readonly Finding[];
}

export interface Circumstances {
  /** RFC 3339 without fraction. */
  readonly now: string;
  readonly uid: string;
  readonly namespaceExists: (name: string) => boolean;
  readonly parse: (value: unknown) => Parsed;
}

/** An object as it shall become, and by whom. `owned`: its managedFields are worked out already. */
interface Wanted {
  readonly object: KubeObject;
  readonly findings: readonly Finding[];
  readonly author: Author;
  readonly owned: boolean;
}

export function create(
  { object, findings, author, owned }: Wanted,
  ref: ObjectRef,
  { now, uid, namespaceExists }: Circumstances,
): Result<Planned, Status> {
  if (object.metadata.resourceVersion !== undefined)
    return err(failure("BadRequest", "resourceVersion should not be set on objects to be created"));
  if (ref.namespace !== "" && !namespaceExists(ref.namespace))
    return err(notFound({ group: "", kind: "Namespace", namespace: "", name: ref.namespace }));
  const ended = checkEnd(object, Date.parse(now));
  if (ended.length > 0) return err(invalid(ref, ended));
  const { status: _, ...rest } = object;
  const metadata = { ...object.metadata, uid, creationTimestamp: now, generation: 1 };
  const after = isNamespace(ref) ? { ...rest, ...ACTIVE, metadata: labelledByName(metadata) } : { ...rest, metadata };
  return ok({
    action: "created",
    after: owned ? after : owning(null, after, { ...author, time: now }, keyedLists(ref)),
    configuration: true,
    findings,
  });
}

/** On creation everything is the author's, whatever the object says of its fields' managers. */
function owning(before: KubeObject | null, after: KubeObject, writer: Writer, lists: KeyedLists): KubeObject {
  if (before !== null) return ownedAfterUpdate(before, after, writer, lists);
  const { managedFields: _, ...metadata } = after.metadata;
  return ownedAfterUpdate(null, { ...after, metadata }, writer, lists);
}

const ACTIVE = { spec: { finalizers: ["kubernetes"] }, status: { phase: "Active" } } as const;

/** Kubernetes labels each namespace with its name, so that selectors can name one. */
function labelledByName(metadata: ObjectMeta): ObjectMeta {
  return { ...metadata, labels: { ...metadata.labels, "kubernetes.io/metadata.name": metadata.name } };
}

export function isStale(
  before: KubeObject,
  { resourceVersion, uid }: { resourceVersion?: string; uid?: string },
): boolean {
  return (
    (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) ||
    (uid !== undefined && uid !== before.metadata.uid)
  );
}

export function replace(
  before: KubeObject,
  { object, findings, author, owned }: Wanted,
  ref: ObjectRef,
  { now }: Circumstances,
): Result<Planned, Status> {
  if (isStale(before, object.metadata)) return err(conflict(ref));
  const isReadable = !isUnreadable(before);
  const refused = isReadable ? [...checkChange(before, object), ...checkEnd(object, Date.parse(now))] : [];
  if (refused.length > 0) return err(invalid(ref, refused));
  const { status: _, ...rest } = object;
  const metadata = { ...object.metadata, ...serverMetadata(before) };
  const draft: KubeObject = {
    ...rest,
    metadata: isNamespace(ref) ? labelledByName(metadata) : metadata,
    ...(before.status !== undefined && isReadable && { status: before.status }),
    ...(isNamespace(ref) && { spec: before.spec }),
  };
  const sameFields = canonicalJson(fieldsOf(before)) === canonicalJson(fieldsOf(draft));
  const generation = (before.metadata.generation ?? 1) + (sameFields ? 0 : 1);
  const next: KubeObject = { ...draft, metadata: { ...draft.metadata, generation } };
  return ok(settled(before, owned ? next : owning(before, next, { ...author, time: now }, keyedLists(ref)), findings));
}

/** What the store gives an object, and no writer changes. */
function serverMetadata({ metadata }: KubeObject): Partial<KubeObject["metadata"]> {
  const { uid, creationTimestamp, resourceVersion, generation } = metadata;
  return {
    ...(uid !== undefined && { uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(generation !== undefined && { generation }),
  };
}

/** Compares what is with what shall be: a write that changes nothing leaves the stored object as it is. */
export function settled(before: KubeObject, after: KubeObject, findings: readonly Finding[]): Planned {
  if (canonicalJson(before) === canonicalJson(after))
    return { action: "unchanged", after: before, configuration: false, findings };
  const configuration = canonicalJson(configurationOf(before)) !== canonicalJson(configurationOf(after));
  return { action: "configured", after, configuration, findings };
}

/** What a configuration is made of, and a rollback brings back: all but status, ownership and the store's own counters. */
function configurationOf(object: KubeObject): KubeObject {
  const { status: _status, ...rest } = object;
  const {
    managedFields: _managed,
    resourceVersion: _version,
    generation: _generation,
    uid: _uid,
    creationTimestamp: _creation,
    ...metadata
  } = object.metadata;
  return { ...rest, metadata };
}

/** All but metadata and status: what a generation counts. */
function fieldsOf(object: KubeObject): unknown {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== "metadata" && name !== "status"));
}

export function replaceStatus(
  before: KubeObject,
  object: KubeObject,
  author: Author,
  ref: ObjectRef,
  { now }: Circumstances,
): Result<Planned, Status> {
  if (isStale(before, object.metadata ?? {})) return err(conflict(ref));
  const { status } = object;
  if (typeof status !== "object" || status === null || Array.isArray(status)) {
    return err(invalid(ref, [errorAt("status", "must be an object")]));
  }
  const { managedFields } = object.metadata ?? {};
  const draft = {
    ...before,
    metadata: { ...before.metadata, ...(managedFields !== undefined && { managedFields }) },
    status,
  };
  const writer = { ...author, subresource: "status" as const, time: now };
  return ok(settled(before, owning(before, draft, writer, keyedLists(ref)), []));
}

/** Every write is parsed here: what a client wrote, and what a patch or an apply has made of an object. */
export function parseFor(
  value: unknown,
  ref: ObjectRef,
  { parse }: Circumstances,
): Result<{ readonly object: KubeObject; readonly findings: readonly Finding[] }, Status> {
  const { object, findings } = parse(value);
  if (object === null)
    return err(
      invalid(
        ref,
        findings.filter(({ severity }) => severity === "error"),
      ),
    );
  const { namespace = ref.namespace } = object.metadata;
  const placed = namespace === "" ? object : { ...object, metadata: { ...object.metadata, namespace } };
  // Who may write was judged by `ref`.
  if (refKey(refOf(placed)) !== refKey(ref))
    return err(failure("BadRequest", "the object is another one than the request names"));
  return ok({ object: placed, findings });
}
