import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";

/** Whether something holds for a request, and for the tokens that verified on it. */
export type Test = (facts: RequestFacts, tokens: readonly VerifiedToken[]) => boolean;

/** Holds when every one of them does. */
export function allOf(tests: readonly Test[]): Test {
  const [first, second] = tests;
  if (!first) return () => true;
  if (!second) return first;
  return (facts, tokens) => {
    for (const test of tests) if (!test(facts, tokens)) return false;
    return true;
  };
}

/** Holds when any of them does. */
export function anyOf(tests: readonly Test[]): Test {
  const [first, second] = tests;
  if (first && !second) return first;
  return (facts, tokens) => {
    for (const test of tests) if (test(facts, tokens)) return true;
    return false;
  };
}

/** What an index holds: anything with a test of its own. */
export interface Rule {
  readonly holds: Test;
}

/** A property by which rules are found, of the same name wherever it is the same. */
export interface Key {
  readonly name: string;
  /** Its value, or values, in a request; null where it has none. */
  readonly valueOf: (facts: RequestFacts, tokens: readonly VerifiedToken[]) => string | readonly string[] | null;
}

/**
 * By what a rule is found. A rule without anchors is looked at for every request; with them, only for requests that have
 * one of its paths and one of its key's values. Anchors narrow; whoever asks still tests the rule itself.
 */
export interface Anchors {
  readonly paths?: readonly { readonly kind: "exact" | "prefix"; readonly value: string }[];
  /** A property of the request, and the values of it that the rule may hold for. */
  readonly key?: Key & { readonly values: readonly string[] };
}

interface Entry<T extends Rule> {
  readonly order: number;
  readonly rule: T;
}

/** Rules of one path anchor, by key. */
interface Bucket<T extends Rule> {
  readonly plain: Entry<T>[];
  readonly keyed: Map<string, Keyed<T>>;
}

interface Keyed<T extends Rule> {
  readonly valueOf: Key["valueOf"];
  readonly byValue: Map<string, Entry<T>[]>;
}

/** More pairs of paths and values than this are not worth the memory: the key is then left out. */
const MAX_PAIRS = 1_024;

/**
 * Rules in order, found by path and key: a look-up costs as many steps as the path is long and as there are key names, not
 * as there are rules.
 */
export class RuleIndex<T extends Rule> {
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
   * The first rule, in order, that holds. Nothing is allocated.
   */
  find(facts: RequestFacts, tokens: readonly VerifiedToken[]): T | null {
    const { path } = facts;
    let best: Entry<T> | null = firstIn(this.#anywhere, facts, tokens, null);
    const exact = this.#exact.get(path);
    if (exact) best = firstIn(exact, facts, tokens, best);
    for (const length of this.#lengths) {
      if (length > path.length) break;
      const bucket = this.#prefixes.get(path.slice(0, length));
      if (bucket) best = firstIn(bucket, facts, tokens, best);
    }
    return best === null ? null : best.rule;
  }

  #insert(entry: Entry<T>, { paths, key }: Anchors): void {
    const buckets = paths === undefined ? [this.#anywhere] : paths.map((path) => this.#bucket(path));
    const usable = key !== undefined && key.values.length * buckets.length <= MAX_PAIRS ? key : undefined;
    for (const bucket of new Set(buckets)) {
      if (usable === undefined) bucket.plain.push(entry);
      else for (const value of new Set(usable.values)) listOf(bucket, usable, value).push(entry);
    }
  }

  #bucket({ kind, value }: { kind: "exact" | "prefix"; value: string }): Bucket<T> {
    const buckets = kind === "exact" ? this.#exact : this.#prefixes;
    let bucket = buckets.get(value);
    if (!bucket) buckets.set(value, (bucket = { plain: [], keyed: new Map() }));
    return bucket;
  }
}

function listOf<T extends Rule>(bucket: Bucket<T>, { name, valueOf }: Key, value: string): Entry<T>[] {
  let keyed = bucket.keyed.get(name);
  if (!keyed) bucket.keyed.set(name, (keyed = { valueOf, byValue: new Map() }));
  let list = keyed.byValue.get(value);
  if (!list) keyed.byValue.set(value, (list = []));
  return list;
}

function firstIn<T extends Rule>(
  bucket: Bucket<T>,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  best: Entry<T> | null,
): Entry<T> | null {
  let found = firstOf(bucket.plain, facts, tokens, best);
  if (bucket.keyed.size === 0) return found;
  for (const { valueOf, byValue } of bucket.keyed.values()) {
    const value = valueOf(facts, tokens);
    if (value === null) continue;
    if (typeof value === "string") found = firstOf(byValue.get(value) ?? NONE, facts, tokens, found);
    else for (const one of value) found = firstOf(byValue.get(one) ?? NONE, facts, tokens, found);
  }
  return found;
}

const NONE: readonly never[] = [];

function firstOf<T extends Rule>(
  list: readonly Entry<T>[],
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  best: Entry<T> | null,
): Entry<T> | null {
  for (const entry of list) {
    if (best !== null && entry.order >= best.order) return best;
    if (entry.rule.holds(facts, tokens)) return entry;
  }
  return best;
}
