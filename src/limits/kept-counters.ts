import type { CounterState } from "./counter.ts";
import type { Ask, Counters } from "./limiter.ts";

/** Ones that are as if nothing had been taken are looked for at most so often. */
const SWEEP_EVERY_MS = 1_000;

/** Counters in memory, of a bounded number of keys. */
export class KeptCounters implements Counters {
  readonly #most: number;
  readonly #kept = new Map<string, { readonly state: CounterState; readonly emptyAt: number }>();
  #sweptAt = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(counter: string): CounterState | undefined {
    return this.#kept.get(counter)?.state;
  }

  set({ counter }: Pick<Ask, "counter">, state: CounterState, emptyAt: number): void {
    this.#kept.set(counter, { state, emptyAt });
  }

  /** Under which name a key is counted: where there is no room for more of them, all further ones are one. */
  nameOf(counter: string, shared: string, now: number): string {
    if (this.#kept.has(counter) || this.#kept.size < this.#most) return counter;
    if (now - this.#sweptAt >= SWEEP_EVERY_MS || now < this.#sweptAt) {
      this.#sweptAt = now;
      for (const [name, { emptyAt }] of this.#kept) if (emptyAt <= now) this.#kept.delete(name);
    }
    return this.#kept.size < this.#most ? counter : shared;
  }
}
