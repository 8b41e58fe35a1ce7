import { type Finding, findingText } from "./finding.ts";
import type { KindInfo } from "./kinds.ts";
import type { KubeObject } from "./object.ts";

/** Kubernetes' `metav1.Condition`. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  /** CamelCase, for programs. */
  readonly reason: string;
  readonly message: string;
  /** The `metadata.generation` that it speaks of. */
  readonly observedGeneration?: number;
  /** RFC 3339; when `status` last changed. */
  readonly lastTransitionTime: string;
}

const MAX_MESSAGE_CHARACTERS = 1_000;

/** @returns those of `status.conditions` that are readable as conditions; a client may have written anything there */
export function conditionsOf(object: KubeObject): readonly Condition[] {
  const { conditions } = (isFields(object.status) ? object.status : {}) as { conditions?: unknown };
  return Array.isArray(conditions) ? conditions.filter(isCondition) : [];
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCondition(value: unknown): value is Condition {
  return (
    isFields(value) &&
    typeof value["type"] === "string" &&
    typeof value["status"] === "string" &&
    typeof value["reason"] === "string" &&
    typeof value["lastTransitionTime"] === "string"
  );
}

/** What the compiler said of an object last. */
export function acceptedOf(object: KubeObject): Condition | undefined {
  return conditionsOf(object).find(({ type }) => type === "Accepted");
}

/**
 * Sets one condition among the others; where its status stays the same, so does the time of its transition.
 *
 * @param now RFC 3339
 */
export function withCondition(
  object: KubeObject,
  condition: Omit<Condition, "lastTransitionTime">,
  now: string,
): KubeObject {
  const all = conditionsOf(object);
  const before = all.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : now;
  const next = { ...condition, lastTransitionTime };
  const conditions = before
    ? all.map((each) => (each.type === condition.type ? next : each))
    : [...all, next].toSorted((a, b) => (a.type < b.type ? -1 : 1));
  return { ...object, status: { ...(isFields(object.status) ? object.status : {}), conditions } };
}

/** Whether the mesh compiles objects of this kind, and says so in their status. */
export function isCompiled(info: KindInfo): boolean {
  return !info.core;
}

/** `Accepted`: whether the object was compiled as it stands, among all others as they stand. */
export function withAccepted(object: KubeObject, findings: readonly Finding[], now: string): KubeObject {
  const errors = findings.filter(({ severity }) => severity === "error");
  const told = (errors.length > 0 ? errors : findings).map((found) => findingText(found));
  const message = told.length === 0 ? "compiled" : told.join("; ").slice(0, MAX_MESSAGE_CHARACTERS);
  const { generation } = object.metadata;
  return withCondition(
    object,
    {
      type: "Accepted",
      status: errors.length === 0 ? "True" : "False",
      reason: errors.length === 0 ? "Accepted" : "Invalid",
      message,
      ...(generation !== undefined && { observedGeneration: generation }),
    },
    now,
  );
}
