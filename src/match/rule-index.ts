/**
 * By what a rule is found. A rule without anchors is looked at for every request; with them, only for requests that have
 * one of its paths and one of its key's values. Anchors narrow; whoever asks still tests the rule itself.
 */
export interface Anchors {
  readonly paths?: readonly { readonly kind: "exact" | "prefix"; readonly value: string }[];
  /** A property of the request by name, and the values of it that the rule may hold for. */
  readonly key?: { readonly name: string; readonly values: readonly string[] };
}

interface Entry<T> {
  readonly order: number;
  readonly rule: T;
}

/** Rules of one path anchor, by key. */
interface Bucket<T> {
  readonly plain: Entry<T>[];
  readonly keyed: Map<string, Map<string, Entry<T>[]>>;
}

/** More pairs of paths and values than this are not worth the memory: the key is then left out. */
const MAX_PAIRS = 1_024;

/**
 * Rules in order, found by path and key: a look-up costs as many steps as the path is long and as there are key names, not
 * as there are rules.
 */
export class RuleIndex<T> {
  readonly #exact = new Map<string, Bucket<T>>();
  readonly #prefixes = new Map<string, Bucket<T>>();
  /** Lengths of prefixes, ascending. */
  #lengths: readonly number[] = [];
  readonly #anywhere: Bucket<T> = { plain: [], keyed: new Map() };
  readonly size: number;

  constructor(rules: readonly { readonly anchors: Anchors; readonly rule: T }[]) {
    this.size = rules.length;
    for (const [order, { anchors, rule }] of rules.entries()) this.#insert({ order, rule }, anchors);
    this.#lengths = [...new Set([...this.#prefixes.keys()].map(({ length }) => length))].sort((a, b) => a - b);
  }

  /**
   * The first rule, in order, that holds.
   *
   * @param keyOf the request's value for a key's name; null where it has none
   * @param holds the rule's own test
   */
  find(path: string, keyOf: (name: string) => string | null, holds: (rule: T) => boolean): T | null {
    let best: Entry<T> | null = firstIn(this.#anywhere, keyOf, holds, null);
    const exact = this.#exact.get(path);
    if (exact) best = firstIn(exact, keyOf, holds, best);
    for (const length of this.#lengths) {
      if (length > path.length) break;
      const bucket = this.#prefixes.get(path.slice(0, length));
      if (bucket) best = firstIn(bucket, keyOf, holds, best);
    }
    return best === null ? null : best.rule;
  }

  #insert(entry: Entry<T>, { paths, key }: Anchors): void {
    const buckets = paths === undefined ? [this.#anywhere] : paths.map((path) => this.#bucket(path));
    const usable = key !== undefined && key.values.length * buckets.length <= MAX_PAIRS ? key : undefined;
    for (const bucket of new Set(buckets)) {
      if (usable === undefined) bucket.plain.push(entry);
      else for (const value of new Set(usable.values)) listOf(bucket, usable.name, value).push(entry);
    }
  }

  #bucket({ kind, value }: { kind: "exact" | "prefix"; value: string }): Bucket<T> {
    const buckets = kind === "exact" ? this.#exact : this.#prefixes;
    let bucket = buckets.get(value);
    if (!bucket) buckets.set(value, (bucket = { plain: [], keyed: new Map() }));
    return bucket;
  }
}

function listOf<T>(bucket: Bucket<T>, name: string, value: string): Entry<T>[] {
  let byValue = bucket.keyed.get(name);
  if (!byValue) bucket.keyed.set(name, (byValue = new Map()));
  let list = byValue.get(value);
  if (!list) byValue.set(value, (list = []));
  return list;
}

function firstIn<T>(
  bucket: Bucket<T>,
  keyOf: (name: string) => string | null,
  holds: (rule: T) => boolean,
  best: Entry<T> | null,
): Entry<T> | null {
  let found = firstOf(bucket.plain, holds, best);
  for (const [name, byValue] of bucket.keyed) {
    const value = keyOf(name);
    const list = value === null ? undefined : byValue.get(value);
    if (list) found = firstOf(list, holds, found);
  }
  return found;
}

function firstOf<T>(list: readonly Entry<T>[], holds: (rule: T) => boolean, best: Entry<T> | null): Entry<T> | null {
  for (const entry of list) {
    if (best !== null && entry.order >= best.order) return best;
    if (holds(entry.rule)) return entry;
  }
  return best;
}
