import { eventsOf } from "../../src/kube/events.ts";
import type { LoggedChange } from "../../src/kube/watch.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import type { ObjectStore } from "./db/store.ts";

/** The newest changes are kept in memory too: most watches begin where the last one ended. */
const IN_MEMORY = 2_000;
/** What is younger than both is kept (kube-api: at least 10 minutes and 1,000 changes). */
const KEPT_CHANGES = 5_000;
const KEPT_MS = 60 * 60_000;
/** Events are for people, who look at the newest. */
const MAX_EVENTS = 5_000;
/** Pruning is a write of its own. */
const PRUNE_EVERY_MS = 60_000;

/** The change log, as far back as it is kept. */
export class History {
  readonly #store: ObjectStore;
  /** Every change after `#from`, oldest first. */
  #recent: LoggedChange[] = [];
  #from = 0;
  /** By namespace and name, oldest first; null: nobody asked yet. */
  #events: Map<string, KubeObject> | null = null;
  /** The database has every change after this one. */
  #compacted = 0;
  #prunedAt = 0;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  begin(rv: number, compacted: number): void {
    this.#recent = [];
    this.#from = rv;
    this.#compacted = compacted;
    this.#events = null;
  }

  /** @returns the Events that are new by it; none where nobody has asked for Events yet */
  add(changes: readonly LoggedChange[], rv: number): readonly KubeObject[] {
    this.#keep(changes, rv);
    return this.#events ? addEvents(this.#events, changes) : [];
  }

  #keep(changes: readonly LoggedChange[], rv: number): void {
    if (changes.length >= IN_MEMORY) {
      this.#recent = [];
      this.#from = rv;
      return;
    }
    this.#recent.push(...changes);
    if (this.#recent.length < 2 * IN_MEMORY) return;
    const dropped = this.#recent.splice(0, this.#recent.length - IN_MEMORY);
    this.#from = versionOf(dropped.at(-1)) ?? this.#from;
  }

  /** Whether every change after a resourceVersion is kept. */
  reaches(rv: number): boolean {
    return rv >= this.#compacted;
  }

  async after(
    rv: number,
    of: { readonly group: string; readonly kind: string } | null,
  ): Promise<readonly LoggedChange[]> {
    if (rv < this.#from) return this.#store.changesAfter(rv, of && { group: of.group, kind: of.kind });
    return this.#recent.filter((change) => (versionOf(change) ?? 0) > rv);
  }

  /** Kubernetes' Events of the changes that are kept, the oldest first; each once. */
  async events(): Promise<readonly KubeObject[]> {
    if (!this.#events) {
      const events = new Map<string, KubeObject>();
      addEvents(events, await this.after(this.#compacted, null));
      this.#events = events;
    }
    return [...this.#events.values()];
  }

  async prune(rv: number, now: number): Promise<void> {
    if (now - this.#prunedAt < PRUNE_EVERY_MS) return;
    this.#prunedAt = now;
    await this.#store.prune(rv - KEPT_CHANGES, now - KEPT_MS);
    this.#compacted = (await this.#store.counters()).compacted;
    for (const [key, { metadata }] of this.#events ?? [])
      if (Number(metadata.resourceVersion) <= this.#compacted) this.#events?.delete(key);
  }
}

/** @returns those that were not there: of several changes in one second only the first tells of a turn */
function addEvents(events: Map<string, KubeObject>, changes: readonly LoggedChange[]): readonly KubeObject[] {
  const fresh: KubeObject[] = [];
  for (const event of changes.flatMap(eventsOf)) {
    const key = `${event.metadata.namespace ?? ""}/${event.metadata.name}`;
    if (events.has(key)) continue;
    events.set(key, event);
    fresh.push(event);
  }
  for (const key of events.keys()) {
    if (events.size <= MAX_EVENTS) break;
    events.delete(key);
  }
  return fresh;
}

function versionOf(change: LoggedChange | undefined): number | undefined {
  return change && Number(change.object.metadata.resourceVersion);
}
