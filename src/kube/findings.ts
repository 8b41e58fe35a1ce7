import { kindOfFinding } from "../resources/finding-codes.ts";
import type { Severity } from "../resources/finding-kind.ts";
import { conditionsOf } from "../resources/conditions.ts";
import { type Finding, unsuppressed, warningAt } from "../resources/finding.ts";
import { isSecret, type KubeObject, refOf } from "../resources/object.ts";
import { unboundEndpoints } from "./write-results.ts";

/** What is to be said of a stored object, as the API answers it. */
export interface FoundFinding {
  readonly code: string;
  readonly name: string;
  readonly severity: Severity;
  /** Istio's codes that say the same. */
  readonly istio: readonly string[];
  readonly object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  readonly field: string;
  readonly message: string;
}

/** Whether findings about an object are told to who may read this namespace; null: all. Viewers know nothing of Secrets. */
export function isAnalyzed(object: KubeObject, namespace: string | null): boolean {
  return !isSecret(refOf(object)) && (namespace === null || object.metadata.namespace === namespace);
}

/**
 * All that is wrong with a stored object.
 *
 * @param findings of its form, and of the compiler
 * @param isUnbound whether no gateway has this service binding
 */
export function foundIn(
  object: KubeObject,
  findings: readonly Finding[],
  isUnbound: (binding: string) => boolean,
): readonly FoundFinding[] {
  const { apiVersion, kind, metadata } = object;
  const named = { apiVersion, kind, namespace: metadata.namespace ?? "", name: metadata.name };
  const others = unsuppressed(metadata, [...unboundEndpoints(isUnbound, object), ...unmetConditions(object)]);
  return [...findings, ...others].map(({ code, severity, field, message }) => {
    const { name, istio = [] } = kindOfFinding(code);
    return { code, name, severity, istio, object: named, field, message };
  });
}

/** Of a stored object's form: what would refuse it now did not when it was written. @param findings as if it were written now */
export function standing({ metadata }: KubeObject, findings: readonly Finding[]): readonly Finding[] {
  const told = findings.map((finding) =>
    finding.severity === "error"
      ? warningAt(finding.field, `${finding.message}; it was stored before this was so`, "TULLE0011")
      : finding,
  );
  return unsuppressed(metadata, told);
}

/** `Accepted` is what the compiler's findings say; what is pending is nobody's mistake. */
function unmetConditions(object: KubeObject): readonly Finding[] {
  return conditionsOf(object)
    .filter(({ type, status, reason }) => status === "False" && type !== "Accepted" && reason !== "Pending")
    .map(({ type, message }) =>
      warningAt("status.conditions", `the condition \`${type}\` does not hold: ${message}`, "TULLE0007"),
    );
}
