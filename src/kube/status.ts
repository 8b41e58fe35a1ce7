import { type Finding, findingText } from "../resources/finding.ts";
import type { ObjectRef } from "../resources/object.ts";
import { kindOf } from "../kinds/registry.ts";

/** A Kubernetes Status of failure: how every error below `/k8s` and `/api` is answered. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Record<string, never>;
  readonly status: "Failure";
  readonly message: string;
  readonly reason: StatusReason;
  readonly details?: StatusDetails;
  readonly code: number;
}

interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** Plural of the resource, or the Kind where it is invalid. */
  readonly kind?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

interface StatusCause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

const CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  RequestTimeout: 408,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  PreconditionFailed: 412,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  RequestHeaderFieldsTooLarge: 431,
  InternalError: 500,
  NotImplemented: 501,
  ServiceUnavailable: 503,
} as const;

export type StatusReason = keyof typeof CODES;

export function failure(reason: StatusReason, message: string, details?: StatusDetails): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details && { details }),
    code: CODES[reason],
  };
}

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
  return failure("Invalid", `${of} "${name}" is invalid: ${told}`, {
    name,
    ...(group !== "" && { group }),
    kind,
    causes,
  });
}
