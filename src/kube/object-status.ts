import { kindOf } from "../kinds/registry.ts";
import { type Finding, findingText } from "../resources/finding.ts";
import type { ObjectRef } from "../resources/object.ts";
import { failure, type Status, type StatusDetails } from "./status.ts";

/** `reviews.networking.istio.io "x"`, as Kubernetes words it. */
function named({ group, kind, name }: ObjectRef): { readonly text: string; readonly details: StatusDetails } {
  const plural = kindOf({ group, kind })?.plural ?? kind;
  const text = `${group === "" ? plural : `${plural}.${group}`} "${name}"`;
  return { text, details: { name, ...(group !== "" && { group }), kind: plural } };
}

export function notFound(ref: ObjectRef): Status {
  const { text, details } = named(ref);
  return failure("NotFound", `${text} not found`, details);
}

export function alreadyExists(ref: ObjectRef): Status {
  const { text, details } = named(ref);
  return failure("AlreadyExists", `${text} already exists`, details);
}

export function conflict(ref: ObjectRef): Status {
  const { text, details } = named(ref);
  const why = "the object has been modified; please apply your changes to the latest version and try again";
  return failure("Conflict", `Operation cannot be fulfilled on ${text}: ${why}`, details);
}

/** @param findings of severity error; each becomes a cause with its path, which ends in its code as warnings do */
export function invalid(ref: ObjectRef, findings: readonly Finding[]): Status {
  const { group, kind, name } = ref;
  const causes = findings.map((found) => {
    const { reason, field } = found;
    return { reason, field, message: findingText({ ...found, field: "" }) };
  });
  const told = findings.map((found) => findingText(found)).join("; ");
  const of = group === "" ? kind : `${kind}.${group}`;
  // What is no object says nothing of what it is.
  return failure("Invalid", `${kind === "" && name === "" ? "the document" : `${of} "${name}"`} is invalid: ${told}`, {
    name,
    ...(group !== "" && { group }),
    kind,
    causes,
  });
}
