import { type ErrorCode, type FindingCode, kindOfFinding, type RemarkCode } from "./finding-codes.ts";
import type { Severity } from "./finding-kind.ts";
import type { ObjectMeta } from "./object.ts";

/** Something to tell the author of an object. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** A Kubernetes cause: Invalid, Required, NotSupported (a value of an enum, or a field we refuse), Unknown (a field nobody knows), Duplicate. */
  readonly reason:
    | "FieldValueInvalid"
    | "FieldValueRequired"
    | "FieldValueNotSupported"
    | "FieldValueDuplicate"
    | "FieldValueForbidden"
    | "FieldValueTooLong";
  /** `spec.http[0].match[1].uri`. */
  readonly field: string;
  /** Lower case, no full stop; what is wrong, then how to mend it. */
  readonly message: string;
}

/** What an error is that has no kind of its own, and what a warning is. */
const INVALID_FIELD = "TULLE0001";
const REMARK = "TULLE0002";

/** @param field where; of an object that is wrong among others */
export function errorAt(field: string, message: string, code: ErrorCode = INVALID_FIELD): Finding {
  return { code, severity: "error", reason: "FieldValueInvalid", field, message };
}

/** A warning, or an info, as its code is. */
export function warningAt(field: string, message: string, code: RemarkCode = REMARK): Finding {
  return { code, severity: kindOfFinding(code).severity, reason: "FieldValueInvalid", field, message };
}

/**
 * As people read it: `spec.host: there is no service … [TULLE0105]`. An error that has no kind of its own goes without a code.
 *
 * @param longest in characters; the code is never cut off
 */
export function findingText({ code, field, message }: Finding, longest = Number.POSITIVE_INFINITY): string {
  const text = field === "" ? message : `${field}: ${message}`;
  const end = code === INVALID_FIELD ? "" : ` [${code}]`;
  return `${text.slice(0, longest - end.length)}${end}`;
}

export const SUPPRESS = "tulle.dev/analyze-suppress";
export const ISTIO_SUPPRESS = "galley.istio.io/analyze-suppress";

/** Without those that the object's author has silenced by annotation: a list of codes, or `*`. Errors are never silenced. */
export function unsuppressed(
  { annotations = {} }: Pick<ObjectMeta, "annotations">,
  findings: readonly Finding[],
): readonly Finding[] {
  const silenced = new Set([SUPPRESS, ISTIO_SUPPRESS].flatMap((name) => codesIn(annotations[name])));
  if (silenced.size === 0) return findings;
  return findings.filter(
    ({ code, severity }) => !isSilenced({ code, severity, istio: kindOfFinding(code).istio ?? [] }, silenced),
  );
}

/** @param codes ours, Istio's, or `*` for all */
export function isSilenced(
  found: { readonly code: string; readonly severity: Severity; readonly istio: readonly string[] },
  codes: ReadonlySet<string>,
): boolean {
  return found.severity !== "error" && ["*", found.code, ...found.istio].some((name) => codes.has(name));
}

/** A list as authors write it: `TULLE0102, ist0101`. */
export function codesIn(list = ""): readonly string[] {
  return list.split(",").flatMap((code) => code.trim().toUpperCase() || []);
}
