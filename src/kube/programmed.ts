import type { Kind } from "../kinds/kind.ts";
import { type Condition, conditionsOf, withCondition } from "../resources/conditions.ts";
import type { KubeObject } from "../resources/object.ts";

/**
 * `Programmed` of routes and policies: whether what an object says is obeyed by every gateway isolate that takes requests now. It is
 * worked out when somebody asks, from the generation that last changed the object and from those that isolates serve: nothing is
 * written for it.
 */
const PROGRAMMED = "Programmed";

/** What control knows of the isolates that take requests now. */
export interface Standing {
  /** Whether there are any. */
  readonly isAwake: boolean;
  readonly behind: readonly Behind[];
}

/** A gateway's isolates at one location that do not serve the newest root yet, as far as is known. */
interface Behind {
  /** The generation that the oldest of them serves, and that of the newest root. */
  readonly serving: number;
  readonly newest: number;
  /** They take nothing newer. */
  readonly isRefusing: boolean;
  /** Nothing was heard of them for so long that nobody knows whether they still take requests. */
  readonly isSilent: boolean;
}

export type Verdict = Pick<Condition, "status" | "reason" | "message">;

const LIVE: Verdict = {
  status: "True",
  reason: PROGRAMMED,
  message: "every gateway isolate that takes requests obeys it",
};
const NONE_AWAKE: Verdict = {
  status: "Unknown",
  reason: "NoneAwake",
  message: "no gateway isolate takes requests now; the first request brings the newest configuration with it",
};

/** Whether control says it of these: a Gateway's is written by whoever listens for it. */
export function saysProgrammed(info: Pick<Kind, "core" | "firstConditions">): boolean {
  return !info.core && !info.firstConditions.some(({ type }) => type === PROGRAMMED);
}

/** @param generation of the configuration that last changed the object */
export function programmedAt(generation: number, { isAwake, behind }: Standing): Verdict {
  if (!isAwake) return NONE_AWAKE;
  const late = behind.filter(({ serving, newest }) => serving < generation && generation <= newest);
  const heard = late.filter(({ isSilent }) => !isSilent);
  const refusing = heard.filter(({ isRefusing }) => isRefusing);
  // Names of gateways and locations, and codes, are not every reader's.
  if (refusing.length > 0)
    return { status: "False", reason: "Refused", message: `${places(refusing)} refuse what is newer; ${WHICH}` };
  if (heard.length > 0)
    return { status: "False", reason: "Pending", message: `${places(heard)} serve an older generation; ${WHICH}` };
  if (late.length === 0) return LIVE;
  return {
    status: "Unknown",
    reason: "Silent",
    message: `${places(late)} served an older generation when they were heard last; ${WHICH}`,
  };
}

const WHICH = "`tulle status` tells which";

function places({ length }: readonly Behind[]): string {
  return `gateway isolates at ${length} location${length === 1 ? "" : "s"}`;
}

/** @param turnedAt when its status last changed, RFC 3339 */
export function withProgrammed(object: KubeObject, { status, reason, message }: Verdict, turnedAt: string): KubeObject {
  const { generation } = object.metadata;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return withCondition(withoutProgrammed(object), { type: PROGRAMMED, status, reason, message, ...observed }, turnedAt);
}

/** As it is stored: what a client read may come back with the status that it writes. */
export function withoutProgrammed(object: KubeObject): KubeObject {
  const all = conditionsOf(object);
  if (!all.some(({ type }) => type === PROGRAMMED)) return object;
  const status = { ...(object.status as object), conditions: all.filter(({ type }) => type !== PROGRAMMED) };
  return { ...object, status };
}
