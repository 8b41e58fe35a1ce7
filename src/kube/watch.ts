import type { KubeObject, ObjectRef } from "../resources/object.ts";
import { type Change, EVENTS } from "./events.ts";
import type { ResourceForm } from "./forms.ts";
import type { Selects } from "./selectors.ts";

/** What a client asks to be told of. */
export interface WatchWish {
  /** Of the token: nobody holds all of the watches. */
  readonly account: string;
  /** The browser's session that opened it: it ends with that as well. Null: none. */
  readonly browser: string | null;
  readonly group: string;
  readonly kind: string;
  /** That objects are answered in. */
  readonly apiVersion: string;
  /** Null: all, or a kind that has none. */
  readonly namespace: string | null;
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly form: ResourceForm;
  readonly includeObject: "None" | "Metadata" | "Object";
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
  /** Changes after this resourceVersion; null: first what there is. */
  readonly after: number | null;
  /** A bookmark tells the end of what there was. */
  readonly initialBookmark: boolean;
}

type EventType = "ADDED" | "MODIFIED" | "DELETED";

/** A change as the log keeps it. */
export interface LoggedChange extends Change {
  readonly ref: ObjectRef;
  /** Null where the object was not there before. */
  readonly previousLabels: Readonly<Record<string, string>> | null;
}

export interface Seen {
  readonly type: EventType;
  readonly object: KubeObject;
}

/** Which changes a watch is about, before any selector. */
export function isWatched(
  { group, kind, namespace }: Pick<WatchWish, "group" | "kind" | "namespace">,
  ref: ObjectRef,
): boolean {
  if (namespace !== null && ref.namespace !== namespace) return false;
  return ref.group === group && ref.kind === kind;
}

export function isEvents({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
  return group === EVENTS.group && kind === EVENTS.kind;
}

/** What a watch with these selectors sees of a change: an object that begins or ceases to match comes or goes. */
export function seenOf(change: LoggedChange, selects: Selects): Seen | null {
  const { object, previousLabels, type } = change;
  const was =
    previousLabels !== null && selects({ ...object, metadata: { ...object.metadata, labels: previousLabels } });
  const is = type !== "DELETED" && selects(object);
  if (is) return { type: was ? "MODIFIED" : "ADDED", object };
  return was ? { type: "DELETED", object } : null;
}
