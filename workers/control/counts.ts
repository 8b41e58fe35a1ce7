import { DurableObject } from "cloudflare:workers";
import { mayHold } from "../../src/limits/counter-name.ts";
import {
  byNearness,
  type CountOrders,
  type CountReport,
  type CountReset,
  type SeenCount,
} from "../../src/limits/seen-counts.ts";

/** Counts that are remembered, of all objects. */
const MAX_COUNTS = 10_000;
/** Orders that are kept for objects that nobody asks for now. The oldest are forgotten. */
const MAX_RESETS = 1_000;
/** An object tells no more often than that, */
const TELL_EVERY_MS = 2_000;
/** and all of them together no more than so often: one tells each so many ms. */
const SHARE_MS = 10;
/** One that was silent for longer does not count among them. */
const SILENT_MS = 60_000;
const RESETS = "resets";

/** A count with the object that told of it. */
export interface KeptCount extends SeenCount {
  readonly object: string;
}

/**
 * Who is how near to which limit, as the objects that count told last, and whose count is to be taken back to zero. Orders are
 * stored: an object that nobody asks for now hears them when it is asked again.
 */
export class Counts extends DurableObject {
  readonly #counts = new Map<string, KeptCount>();
  /** Epoch ms at which each object told last. */
  readonly #tellers = new Map<string, number>();

  async counted({ object, counts, obeyed }: CountReport): Promise<CountOrders> {
    const now = Date.now();
    for (const count of counts) {
      const name = `${object} ${count.counter}`;
      this.#counts.delete(name);
      this.#counts.set(name, { ...count, object });
    }
    if (this.#counts.size > MAX_COUNTS) this.#forget(now);
    this.#tellers.set(object, now);
    for (const [teller, at] of this.#tellers) if (now - at > SILENT_MS) this.#tellers.delete(teller);
    const resets = this.#resets().filter(({ counter, at }) => at > obeyed && mayHold(object, counter));
    return { nextMs: Math.max(TELL_EVERY_MS, this.#tellers.size * SHARE_MS), resets };
  }

  /** Nearest to their limits first; those of which nothing is used any more are left out. */
  async list(): Promise<readonly KeptCount[]> {
    const now = Date.now();
    return [...this.#counts.values()].filter(({ at, resetMs }) => at + resetMs > now).toSorted(byNearness);
  }

  async reset(counters: readonly string[]): Promise<void> {
    const before = this.#resets();
    let at = Math.max(Date.now(), (before.at(-1)?.at ?? 0) + 1);
    const added = counters.map((counter): CountReset => ({ counter, at: at++ }));
    this.ctx.storage.kv.put(RESETS, [...before, ...added].slice(-MAX_RESETS));
    for (const [name, { counter }] of this.#counts) if (counters.includes(counter)) this.#counts.delete(name);
  }

  #resets(): readonly CountReset[] {
    return this.ctx.storage.kv.get<readonly CountReset[]>(RESETS) ?? [];
  }

  /** What is used up by nobody first, then what was told longest ago. */
  #forget(now: number): void {
    for (const [name, { at, resetMs }] of this.#counts) if (at + resetMs <= now) this.#counts.delete(name);
    for (const name of this.#counts.keys()) {
      if (this.#counts.size <= MAX_COUNTS) return;
      this.#counts.delete(name);
    }
  }
}
