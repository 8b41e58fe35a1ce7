/** One derived value, and what it was made of. */
interface Derived {
  readonly value: unknown;
  readonly from: ReadonlySet<string>;
}

/**
 * Derived values that know what they were made of: a change drops those that read what changed, and nothing else. So the
 * cost of a change is that of what it touches, not of the whole configuration.
 */
export class Memo {
  readonly #derived = new Map<string, Derived>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #reading: Set<string>[] = [];

  /** Notes that what is being derived now depends on `key`. */
  read(key: string): void {
    this.#reading.at(-1)?.add(key);
  }

  /** @param derive reads by `read` and `get` alone, and is pure otherwise: the same key means the same derivation */
  get<T>(key: string, derive: () => T): T {
    this.read(key);
    const known = this.#derived.get(key);
    if (known) return known.value as T;
    const from = new Set<string>();
    this.#reading.push(from);
    let value: T;
    try {
      value = derive();
    } finally {
      this.#reading.pop();
    }
    this.#derived.set(key, { value, from });
    for (const source of from) {
      const dependents = this.#dependents.get(source);
      if (dependents) dependents.add(key);
      else this.#dependents.set(source, new Set([key]));
    }
    return value;
  }

  /**
   * Drops whatever was derived from these, directly or not.
   *
   * @returns the keys of what was dropped
   */
  invalidate(keys: Iterable<string>): readonly string[] {
    const stale = [...keys];
    const dropped: string[] = [];
    for (let key = stale.pop(); key !== undefined; key = stale.pop()) {
      const dependents = this.#dependents.get(key) ?? [];
      this.#dependents.delete(key);
      for (const dependent of dependents) {
        const derived = this.#derived.get(dependent);
        if (!derived) continue;
        this.#derived.delete(dependent);
        for (const source of derived.from) this.#dependents.get(source)?.delete(dependent);
        stale.push(dependent);
        dropped.push(dependent);
      }
    }
    return dropped;
  }
}
