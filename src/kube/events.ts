import type { KubeObject } from "../resources/object.ts";
import { type Condition, conditionsOf } from "../resources/conditions.ts";

/** A change of an object, as the change log keeps it. */
export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** After the change; of a deleted object its last state. */
  readonly object: KubeObject;
  /** Epoch ms. */
  readonly at: number;
}

/** RFC 3339 without fraction, as Kubernetes writes times. */
export function rfc3339(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/**
 * Kubernetes' core Events of a change: one for each condition whose status it turned. Events are a view of the change log:
 * they are kept as long as it, and have the resourceVersion of their change.
 */
export function eventsOf({ type, object, at }: Change): readonly KubeObject[] {
  if (type === "DELETED") return [];
  const time = rfc3339(at);
  return conditionsOf(object)
    .filter(({ lastTransitionTime }) => lastTransitionTime === time)
    .map((condition) => eventOf(object, condition, time));
}

function eventOf(object: KubeObject, condition: Condition, time: string): KubeObject {
  const { name, namespace, uid = "", resourceVersion } = object.metadata;
  const id = hex64(`${uid} ${condition.type} ${condition.status} ${time}`);
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: {
      // Of several changes in one second the first tells of the turn; the others have the same name.
      name: `${name}.${id}`,
      ...(namespace !== undefined && { namespace }),
      uid: `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13)}-8000-${uid
        .replace(/[^0-9a-f]/g, "")
        .padEnd(12, "0")
        .slice(-12)}`,
      ...(resourceVersion !== undefined && { resourceVersion }),
      creationTimestamp: time,
    },
    involvedObject: {
      apiVersion: object.apiVersion,
      kind: object.kind,
      name,
      ...(namespace !== undefined && { namespace }),
      uid,
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    reason: condition.reason,
    message: condition.message === "" ? `${condition.type} is ${condition.status}` : condition.message,
    type: condition.status === "True" || condition.reason === "Pending" ? "Normal" : "Warning",
    count: 1,
    firstTimestamp: time,
    lastTimestamp: time,
    source: { component: "tulle" },
    reportingComponent: "tulle.dev/hub",
    reportingInstance: "",
  };
}

export const EVENTS = { group: "", kind: "Event" } as const;

/** FNV-1a over two lanes: names must differ, nothing more. */
function hex64(text: string): string {
  let [a, b] = [0x811c9dc5, 0x050c5d1f];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    a = Math.imul(a ^ code, 0x01000193) >>> 0;
    b = Math.imul(b ^ (code + at), 0x01000193) >>> 0;
  }
  return a.toString(16).padStart(8, "0") + b.toString(16).padStart(8, "0");
}
