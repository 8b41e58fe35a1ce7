import { type KubeObject, type ObjectRef } from "../resources/object.ts";
import { conditionsOf, withCondition } from "../resources/conditions.ts";
import { failure, type Status } from "./status.ts";

const READABLE = "Readable";

const MESSAGE =
  "what is stored of it cannot be opened: it was sealed under another KEY_ENCRYPTION_SECRET or for another object, or was changed since; set the secret back, or replace or delete the object";

/**
 * What stands for an object whose content the store cannot open: its name and labels, and a condition that says so. It
 * is read like any other, so that one of them hides no others; what is missing must not be taken for empty, so it is
 * replaced or deleted, and not changed in parts.
 *
 * @param object what could be read of it
 */
export function unreadable(object: KubeObject): KubeObject {
  const condition = { type: READABLE, status: "False", reason: "CannotBeOpened", message: MESSAGE } as const;
  return withCondition(object, condition, object.metadata.creationTimestamp ?? "");
}

/** Nobody but the store gives a Secret a status. */
export function isUnreadable(object: KubeObject): boolean {
  if (object.apiVersion !== "v1" || object.kind !== "Secret") return false;
  return conditionsOf(object).some(({ type, status }) => type === READABLE && status === "False");
}

/** The refusal of what would need to read it. */
export function cannotBeOpened({ kind, name }: ObjectRef): Status {
  return failure("InternalError", `${kind} \`${name}\`: ${MESSAGE}`);
}
