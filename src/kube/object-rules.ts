import { withEncodedText } from "../resources/core.ts";
import { errorAt } from "../resources/finding.ts";
import { findKind, kindOf } from "../kinds/registry.ts";
import { isSecret, type KubeObject, type ObjectRef, refOf } from "../resources/object.ts";
import { err, ok, type Result } from "../result.ts";
import { withCondition } from "../resources/conditions.ts";
import { keyedLists } from "../kinds/registry.ts";
import { type AppliedConfiguration, serverSideApply } from "./managed-fields.ts";
import { applyPatch, type Patch } from "./patch.ts";
import { alreadyExists, conflict, invalid, notFound } from "./object-status.ts";
import { failure, type Status } from "./status.ts";
import { cannotBeOpened, isUnreadable } from "./unreadable.ts";
import {
  type Author,
  type Planned,
  type Circumstances,
  create,
  isStale,
  parseFor,
  replace,
  replaceStatus,
  settled,
} from "./object-writes.ts";

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
