import { DurableObject } from "cloudflare:workers";
import { mayHold } from "../../src/limits/counter-name.ts";
import {
  byNearness,
  type CountOrders,
  type CountReport,
  type CountReset,
  type SeenCount,
} from "../../src/limits/seen-counts.ts";

/** Objects whose counts are kept, and counts of each: those of further ones are told by nobody until others have recovered. */
const MAX_OBJECTS = 500;
const MAX_COUNTS = 50;
const TOLD = "told ";
/** Orders of one namespace that are kept for objects that nobody asks for now. Its oldest are forgotten. */
const MAX_RESETS = 1_000;
/** An object tells no more often than that, */
const TELL_EVERY_MS = 2_000;
/** and all of them together no more than so often: one tells each so many ms. */
const SHARE_MS = 10;
/** One that was silent for longer does not count among them. */
const SILENT_MS = 60_000;
const RESETS = "resets ";

/** A count with the object that told of it. */
export interface KeptCount extends SeenCount {
  readonly object: string;
}

/**
 * Who is how near to which limit, as the objects that count told last, and whose count is to be taken back to zero. Both are
 * stored: this object is asked seldom, and an object that counts hears orders when it is asked again.
 */
export class Counts extends DurableObject {
  /** Epoch ms at which each object told last. */
  readonly #tellers = new Map<string, number>();

  async counted({ object, counts, obeyed }: CountReport): Promise<CountOrders> {
    const now = Date.now();
    if (counts.length > 0) this.#keep(object, counts, now);
    this.#tellers.set(object, now);
    for (const [teller, at] of this.#tellers) if (now - at > SILENT_MS) this.#tellers.delete(teller);
    const resets = this.#resets().filter(({ counter, at }) => at > obeyed && mayHold(object, counter));
    return { nextMs: Math.max(TELL_EVERY_MS, this.#tellers.size * SHARE_MS), resets };
  }

  /** Nearest to their limits first; those of which nothing is used any more are left out. */
  async list(): Promise<readonly KeptCount[]> {
    const now = Date.now();
    return [...this.ctx.storage.kv.list<readonly SeenCount[]>({ prefix: TOLD })]
      .flatMap(([key, counts]) => counts.map((count) => ({ ...count, object: key.slice(TOLD.length) })))
      .filter((count) => isUsed(count, now))
      .toSorted(byNearness);
  }

  /** Each namespace has room of its own: nobody's orders push out another's. @param counters of that namespace */
  async reset(namespace: string, counters: readonly string[]): Promise<void> {
    const { kv } = this.ctx.storage;
    const key = `${RESETS}${namespace}`;
    let at = Math.max(Date.now(), (this.#resets().at(-1)?.at ?? 0) + 1);
    const added = counters.map((counter): CountReset => ({ counter, at: at++ }));
    kv.put(key, [...(kv.get<readonly CountReset[]>(key) ?? []), ...added].slice(-MAX_RESETS));
    const all = [...kv.list<readonly SeenCount[]>({ prefix: TOLD })];
    for (const [key, counts] of all) {
      const left = counts.filter(({ counter }) => !counters.includes(counter));
      if (left.length < counts.length) kv.put(key, left);
    }
  }

  /** Of all namespaces, in the order in which they were given: an object obeys those behind the last that it obeyed. */
  #resets(): readonly CountReset[] {
    return [...this.ctx.storage.kv.list<readonly CountReset[]>({ prefix: RESETS })]
      .flatMap(([, resets]) => resets)
      .toSorted((a, b) => a.at - b.at);
  }

  /** What it told now, and what it told before of others that are used still. */
  #keep(object: string, told: readonly SeenCount[], now: number): void {
    const { kv } = this.ctx.storage;
    const before = kv.get<readonly SeenCount[]>(`${TOLD}${object}`);
    if (before === undefined && !this.#hasRoom(now)) return;
    const news = new Set(told.map(({ counter }) => counter));
    const others = (before ?? []).filter((count) => !news.has(count.counter) && isUsed(count, now));
    kv.put(`${TOLD}${object}`, [...told, ...others].toSorted(byNearness).slice(0, MAX_COUNTS));
  }

  #hasRoom(now: number): boolean {
    const { kv } = this.ctx.storage;
    const all = [...kv.list<readonly SeenCount[]>({ prefix: TOLD })];
    if (all.length < MAX_OBJECTS) return true;
    const empty = all.filter(([, counts]) => !counts.some((count) => isUsed(count, now)));
    for (const [key] of empty) kv.delete(key);
    return empty.length > 0;
  }
}

function isUsed({ at, resetMs }: SeenCount, now: number): boolean {
  return at + resetMs > now;
}
