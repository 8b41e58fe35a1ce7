import { checkChange, withEncodedText } from "../resources/core.ts";
import { checkEnd } from "../resources/fault-rehearsal.ts";
import { errorAt, type Finding } from "../resources/finding.ts";
import { findKind, kindOf } from "../kinds/registry.ts";
import {
  isNamespace,
  isSecret,
  type KubeObject,
  type ObjectMeta,
  type ObjectRef,
  refKey,
  refOf,
} from "../resources/object.ts";
import type { Parsed } from "../kinds/parse.ts";
import { err, ok, type Result } from "../result.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import { withCondition } from "../resources/conditions.ts";
import type { KeyedLists } from "../kinds/list-keys.ts";
import { keyedLists } from "../kinds/registry.ts";
import { type AppliedConfiguration, ownedAfterUpdate, serverSideApply, type Writer } from "./managed-fields.ts";
import { applyPatch, type Patch } from "./patch.ts";
import { alreadyExists, conflict, invalid, notFound } from "./object-status.ts";
import { failure, type Status } from "./status.ts";
import { cannotBeOpened, isUnreadable } from "./unreadable.ts";

/** Who writes, as far as the request says it. */
export type Author = Omit<Writer, "time">;

/** What a caller asks to be done with one object. */
export type Operation =
  /** `apply` creates or replaces. */
  | {
      readonly verb: "create" | "update" | "apply";
      /** The one that the writer may write; nothing else may come of the value. */
      readonly ref: ObjectRef;
      /** As it came. */
      readonly value: unknown;
      readonly author: Author;
    }
  /** Writes the object's `status` alone. */
  | { readonly verb: "update-status"; readonly ref: ObjectRef; readonly object: KubeObject; readonly author: Author }
  | { readonly verb: "patch"; readonly ref: ObjectRef; readonly patch: Patch; readonly author: Author }
  | {
      readonly verb: "server-side-apply";
      readonly ref: ObjectRef;
      readonly applied: AppliedConfiguration;
      readonly force: boolean;
      readonly author: Author;
    }
  | {
      readonly verb: "delete";
      readonly ref: ObjectRef;
      readonly uid?: string;
      readonly resourceVersion?: string;
      /** What it made stays. */
      readonly orphans?: boolean;
    }
  /** What whoever listens for a Gateway says of it. */
  | {
      readonly verb: "report";
      readonly ref: ObjectRef;
      readonly addresses: readonly { readonly type: string; readonly value: string }[];
      readonly programmed: { readonly status: "True" | "False"; readonly reason: string; readonly message: string };
      readonly annotations: Readonly<Record<string, string | null>>;
    };

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

/**
 * Kubernetes' object rules: uid, creation time and generation are the store's; a stale resourceVersion is a conflict; a
 * write that changes nothing keeps everything as it is.
 */
export function planOperation(
  before: KubeObject | null,
  operation: Operation,
  circumstances: Circumstances,
): Result<Planned, Status> {
  const { ref } = operation;
  if ("value" in operation) return written(before, operation, circumstances);
  if (before === null) {
    if (operation.verb === "server-side-apply" && operation.author.subresource === "")
      return createApplied(operation, ref, circumstances);
    return err(notFound(ref));
  }
  if (operation.verb !== "delete" && isUnreadable(before)) return err(cannotBeOpened(ref));
  switch (operation.verb) {
    case "update-status":
      return replaceStatus(before, operation.object, operation.author, ref, circumstances);
    case "patch":
      return patched(before, operation, ref, circumstances);
    case "server-side-apply":
      return applied(before, operation, ref, circumstances);
    case "delete":
      return remove(before, operation, ref);
    case "report":
      return ok(report(before, operation, circumstances));
  }
}

/** A whole object takes the place of what was there. */
function written(
  before: KubeObject | null,
  { verb, ref, value, author }: Extract<Operation, { value: unknown }>,
  circumstances: Circumstances,
): Result<Planned, Status> {
  const parsed = parseFor(value, ref, circumstances);
  if (!parsed.ok) return parsed;
  const wanted = { ...parsed.value, author, owned: false };
  if (before === null) return verb === "update" ? err(notFound(ref)) : create(wanted, ref, circumstances);
  return verb === "create" ? err(alreadyExists(ref)) : replace(before, wanted, ref, circumstances);
}

/** An object as it shall become, and by whom. `owned`: its managedFields are worked out already. */
interface Wanted {
  readonly object: KubeObject;
  readonly findings: readonly Finding[];
  readonly author: Author;
  readonly owned: boolean;
}

function create(
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

function isStale(before: KubeObject, { resourceVersion, uid }: { resourceVersion?: string; uid?: string }): boolean {
  return (
    (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) ||
    (uid !== undefined && uid !== before.metadata.uid)
  );
}

function replace(
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
function settled(before: KubeObject, after: KubeObject, findings: readonly Finding[]): Planned {
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

function replaceStatus(
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

function patched(
  before: KubeObject,
  { patch, author }: Extract<Operation, { verb: "patch" }>,
  ref: ObjectRef,
  circumstances: Circumstances,
): Result<Planned, Status> {
  if (patch.type === "strategic" && kindOf(ref)?.core !== true)
    return err(
      failure(
        "UnsupportedMediaType",
        `strategic merge patches are for Kubernetes' own kinds; for kind ${ref.kind} send \`application/merge-patch+json\` or \`application/json-patch+json\``,
      ),
    );
  // The patch was written against the version that was asked for.
  const changed = applyPatch({ ...before, apiVersion: author.apiVersion }, patch, keyedLists(ref));
  if (!changed.ok) return err(patchProblem(changed.error, ref));
  const object = changed.value as KubeObject | null;
  if (author.subresource === "status") {
    const misnamed = otherObject(object, ref);
    return misnamed === null && object
      ? replaceStatus(before, object, author, ref, circumstances)
      : err(misnamed ?? notFound(ref));
  }
  const misnamed = otherObject(object, ref);
  if (misnamed) return err(misnamed);
  const parsed = parseFor(object, ref, circumstances);
  return parsed.ok ? replace(before, { ...parsed.value, author, owned: false }, ref, circumstances) : parsed;
}

/** Older clients print nothing of what is Invalid but its causes. */
function patchProblem(problem: Status, ref: ObjectRef): Status {
  if (problem.reason !== "Invalid") return problem;
  return invalid(ref, [errorAt("patch", problem.message)]);
}

/** Every write is parsed here: what a client wrote, and what a patch or an apply has made of an object. */
function parseFor(
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

/** What a write to one object may not turn it into: another one. */
function otherObject(value: unknown, ref: ObjectRef): Status | null {
  const { apiVersion, kind, metadata } = (typeof value === "object" && value ? value : {}) as Partial<KubeObject>;
  const { name, namespace } = (typeof metadata === "object" && metadata ? metadata : {}) as Record<string, unknown>;
  const { group } = findKind(String(apiVersion), ref.kind) ?? {};
  const same = group === ref.group && kind === ref.kind && name === ref.name && (namespace ?? "") === ref.namespace;
  return same
    ? null
    : failure("BadRequest", "apiVersion, kind, name and namespace of an object cannot be changed by a patch");
}

function createApplied(
  operation: Extract<Operation, { verb: "server-side-apply" }>,
  ref: ObjectRef,
  circumstances: Circumstances,
): Result<Planned, Status> {
  const { applied: body, author, force } = operation;
  const merged = serverSideApply(null, encoded(body), { ...author, time: circumstances.now }, force, keyedLists(ref));
  if (!merged.ok) return merged;
  const parsed = parseFor(merged.value, ref, circumstances);
  return parsed.ok ? create({ ...parsed.value, author, owned: true }, ref, circumstances) : parsed;
}

/** So that the fields of a Secret that were applied as text are known as what they are stored as. */
function encoded(applied: AppliedConfiguration): AppliedConfiguration {
  return isSecret(refOf(applied)) ? (withEncodedText(applied) as AppliedConfiguration) : applied;
}

function applied(
  before: KubeObject,
  { applied: body, author, force }: Extract<Operation, { verb: "server-side-apply" }>,
  ref: ObjectRef,
  circumstances: Circumstances,
): Result<Planned, Status> {
  if (isStale(before, body.metadata)) return err(conflict(ref));
  const writer = { ...author, time: circumstances.now };
  // Compared in one version: what was applied as v1beta1 is the same object.
  const own = encoded({ ...body, apiVersion: before.apiVersion });
  const merged = serverSideApply(before, own, writer, force, keyedLists(ref));
  if (!merged.ok) return merged;
  if (author.subresource === "status") return ok(settled(before, merged.value, []));
  const parsed = parseFor(merged.value, ref, circumstances);
  return parsed.ok ? replace(before, { ...parsed.value, author, owned: true }, ref, circumstances) : parsed;
}

function remove(
  before: KubeObject,
  options: { uid?: string; resourceVersion?: string },
  ref: ObjectRef,
): Result<Planned, Status> {
  if (isStale(before, options)) return err(conflict(ref));
  return ok({ action: "deleted", after: null, configuration: true, findings: [] });
}

/** The mesh itself as a writer. */
export const MESH_AUTHOR = { manager: "tulle", subresource: "status" } as const;

function report(
  before: KubeObject,
  { addresses, programmed, annotations }: Extract<Operation, { verb: "report" }>,
  { now }: Circumstances,
): Planned {
  const merged = { ...before.metadata.annotations, ...annotations };
  const kept = Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== null);
  const { annotations: _, ...metadata } = before.metadata;
  const annotated = {
    ...before,
    metadata: { ...metadata, ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }) },
    status: { ...(before.status as Record<string, unknown> | undefined), addresses },
  };
  const { generation } = before.metadata;
  const condition = {
    type: "Programmed",
    ...programmed,
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  const after = withCondition(annotated, condition, now);
  const planned = settled(before, after, []);
  // Its annotations are the mesh's own words.
  return { ...planned, configuration: false };
}
