/** One derived value, and what it was made of. */
interface Derived {
  readonly value: unknown;
  readonly from: ReadonlySet<string>;
}

/** What is derived while a change is tried; `stale` hides what was derived before it. */
interface Trial {
  readonly stale: ReadonlySet<string>;
  readonly derived: Map<string, Derived>;
}

/**
 * Derived values that know what they were made of: a change drops those that read what changed, and nothing else. So the
 * cost of a change is that of what it touches, not of the whole configuration. A change is tried first, and what was
 * derived before it stays until it is accepted: a rejected one costs nothing afterwards.
 */
export class Memo {
  readonly #derived = new Map<string, Derived>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #reading: Set<string>[] = [];
  #trial: Trial | null = null;

  /** Notes that what is being derived now depends on `key`. */
  read(key: string): void {
    this.#reading.at(-1)?.add(key);
  }

  /** @param derive reads by `read` and `get` alone, and is pure otherwise: the same key means the same derivation */
  get<T>(key: string, derive: () => T): T {
    this.read(key);
    const known = this.#known(key);
    if (known) return known.value as T;
    const from = new Set<string>();
    this.#reading.push(from);
    let value: T;
    try {
      value = derive();
    } finally {
      this.#reading.pop();
    }
    if (this.#trial) this.#trial.derived.set(key, { value, from });
    else this.#keep(key, { value, from });
    return value;
  }

  /**
   * Begins to try a change.
   *
   * @param change makes it, and returns the keys that it touches
   * @returns the keys of the derived values that no longer hold: made of these, directly or not
   */
  try(change: () => Iterable<string>): ReadonlySet<string> {
    if (this.#trial) throw new Error("a change is being tried already");
    const stale = new Set<string>();
    const touched = [...change()];
    for (let key = touched.pop(); key !== undefined; key = touched.pop()) {
      for (const dependent of this.#dependents.get(key) ?? []) {
        if (stale.has(dependent)) continue;
        stale.add(dependent);
        touched.push(dependent);
      }
    }
    this.#trial = { stale, derived: new Map() };
    return stale;
  }

  /** What was tried holds. */
  accept(): void {
    const trial = this.#ended();
    for (const key of trial.stale) this.#drop(key);
    for (const [key, derived] of trial.derived) this.#keep(key, derived);
  }

  /** What was tried never was. */
  reject(): void {
    this.#ended();
  }

  #ended(): Trial {
    const trial = this.#trial;
    if (!trial) throw new Error("no change is being tried");
    this.#trial = null;
    return trial;
  }

  #known(key: string): Derived | undefined {
    const trial = this.#trial;
    if (!trial) return this.#derived.get(key);
    return trial.derived.get(key) ?? (trial.stale.has(key) ? undefined : this.#derived.get(key));
  }

  #keep(key: string, derived: Derived): void {
    this.#derived.set(key, derived);
    for (const source of derived.from) {
      const dependents = this.#dependents.get(source);
      if (dependents) dependents.add(key);
      else this.#dependents.set(source, new Set([key]));
    }
  }

  #drop(key: string): void {
    for (const source of this.#derived.get(key)?.from ?? []) {
      const dependents = this.#dependents.get(source);
      dependents?.delete(key);
      if (dependents?.size === 0) this.#dependents.delete(source);
    }
    this.#derived.delete(key);
  }
}
