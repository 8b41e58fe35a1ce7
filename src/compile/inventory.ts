import { type KubeObject, refKey, refOf } from "../resources/object.ts";
import type { Memo } from "./memo.ts";

/** Where an object is found: by the keys of the tables that it stands in. */
export type Entries = Iterable<readonly [table: string, key: string]>;

/** One object before and after a change; null where it was not, or is no more. */
export interface ObjectChange {
  readonly before: KubeObject | null;
  readonly after: KubeObject | null;
}

/** All objects, in tables by what the compiler looks for. Each look is noted, so that a change reaches what depends on it. */
export class Inventory {
  readonly #memo: Memo;
  readonly #entriesOf: (object: KubeObject) => Entries;
  readonly #tables = new Map<string, Map<string, Map<string, KubeObject>>>();
  readonly #objects = new Map<string, KubeObject>();

  constructor(memo: Memo, entriesOf: (object: KubeObject) => Entries) {
    this.#memo = memo;
    this.#entriesOf = entriesOf;
  }

  /** One object by its `refKey`. */
  object(key: string): KubeObject | null {
    this.#memo.read(objectKey(key));
    return this.#objects.get(key) ?? null;
  }

  /** The objects under a key, the oldest first. */
  of(table: string, key: string): readonly KubeObject[] {
    this.#memo.read(entryKey(table, key));
    const found = this.#tables.get(table)?.get(key);
    return found ? [...found.values()].sort(byAge) : [];
  }

  /** Whether something stands under a key. */
  has(table: string, key: string): boolean {
    this.#memo.read(entryKey(table, key));
    return this.#tables.get(table)?.has(key) ?? false;
  }

  /** Whether one of the objects under a key is meant. */
  some(table: string, key: string, isMeant: (object: KubeObject) => boolean): boolean {
    this.#memo.read(entryKey(table, key));
    for (const object of this.#tables.get(table)?.get(key)?.values() ?? []) if (isMeant(object)) return true;
    return false;
  }

  /** Whether anything stands in a table. */
  hasAny(table: string): boolean {
    this.#memo.read(keysKey(table));
    return (this.#tables.get(table)?.size ?? 0) > 0;
  }

  /** The keys of a table under which something stands, sorted. */
  keys(table: string): readonly string[] {
    this.#memo.read(keysKey(table));
    return [...(this.#tables.get(table)?.keys() ?? [])].sort();
  }

  /** @returns the keys under which something was found or not found before, and may not be so now */
  change(changes: Iterable<ObjectChange>): ReadonlySet<string> {
    const touched = new Set<string>();
    for (const { before, after } of changes) {
      if (before) this.#remove(before, touched);
      if (after) this.#add(after, touched);
    }
    return touched;
  }

  #add(object: KubeObject, touched: Set<string>): void {
    const name = refKey(refOf(object));
    this.#objects.set(name, object);
    touched.add(objectKey(name));
    for (const [table, key] of this.#entriesOf(object)) {
      touched.add(entryKey(table, key));
      let keys = this.#tables.get(table);
      if (!keys) this.#tables.set(table, (keys = new Map()));
      let objects = keys.get(key);
      if (!objects) {
        keys.set(key, (objects = new Map()));
        touched.add(keysKey(table));
      }
      objects.set(name, object);
    }
  }

  #remove(object: KubeObject, touched: Set<string>): void {
    const name = refKey(refOf(object));
    this.#objects.delete(name);
    touched.add(objectKey(name));
    for (const [table, key] of this.#entriesOf(object)) {
      touched.add(entryKey(table, key));
      const keys = this.#tables.get(table);
      const objects = keys?.get(key);
      objects?.delete(name);
      if (objects?.size !== 0) continue;
      keys?.delete(key);
      touched.add(keysKey(table));
    }
  }
}

function objectKey(name: string): string {
  return `object ${name}`;
}

function entryKey(table: string, key: string): string {
  return `entry ${table} ${key}`;
}

function keysKey(table: string): string {
  return `keys ${table}`;
}

/** Istio's order where objects compete: creation time, then name, then namespace. */
export function byAge(first: KubeObject, second: KubeObject): number {
  const [a, b] = [first.metadata, second.metadata];
  return (
    compare(a.creationTimestamp ?? "", b.creationTimestamp ?? "") ||
    compare(a.name, b.name) ||
    compare(a.namespace ?? "", b.namespace ?? "")
  );
}

function compare(first: string, second: string): number {
  return first < second ? -1 : first > second ? 1 : 0;
}
