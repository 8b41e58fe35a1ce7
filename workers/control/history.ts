import type { LoggedChange } from "../../src/kube/watch.ts";
import type { ObjectStore } from "./db/store.ts";

/** The newest changes are kept in memory too: most watches begin where the last one ended. */
const IN_MEMORY = 2_000;
/** What is younger than both is kept (kube-api: at least 10 minutes and 1,000 changes). */
const KEPT_CHANGES = 5_000;
const KEPT_MS = 60 * 60_000;
/** Pruning is a write of its own. */
const PRUNE_EVERY_MS = 60_000;

/** The change log, as far back as it is kept. */
export class History {
  readonly #store: ObjectStore;
  /** Every change after `#from`, oldest first. */
  #recent: LoggedChange[] = [];
  #from = 0;
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
  }

  add(changes: readonly LoggedChange[], rv: number): void {
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

  async all(): Promise<readonly LoggedChange[]> {
    return this.after(this.#compacted, null);
  }

  async prune(rv: number, now: number): Promise<void> {
    if (now - this.#prunedAt < PRUNE_EVERY_MS) return;
    this.#prunedAt = now;
    await this.#store.prune(rv - KEPT_CHANGES, now - KEPT_MS);
    this.#compacted = (await this.#store.counters()).compacted;
  }
}

function versionOf(change: LoggedChange | undefined): number | undefined {
  return change && Number(change.object.metadata.resourceVersion);
}
