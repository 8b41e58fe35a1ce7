import type { Ask, Taken } from "./limiter.ts";
import { burstOf, isGcra } from "./rate.ts";

/** How one count stood when it was last asked. */
export interface SeenCount {
  /** As it is stored: without what it is counted by (src/limits/counter-name.ts). */
  readonly counter: string;
  /** Of the rate that leaves the least: its number and window, */
  readonly limit: number;
  readonly windowMs: number;
  /** what may be taken of it at once, */
  readonly most: number;
  /** what is left of that, */
  readonly left: number;
  /** and milliseconds until nothing of it is used. */
  readonly resetMs: number;
  /** Epoch ms. */
  readonly at: number;
}

/** What an object that counts tells control, */
export interface CountReport {
  /** Its name. */
  readonly object: string;
  /** Those that were asked since it told last, nearest to their limits first. */
  readonly counts: readonly SeenCount[];
  /** Of the last order that it obeyed. */
  readonly obeyed: number;
}

/** and what it is told. */
export interface CountOrders {
  /** Milliseconds until it tells again. */
  readonly nextMs: number;
  /** In their order. */
  readonly resets: readonly CountReset[];
}

/** A count to be taken back to zero. */
export interface CountReset {
  readonly counter: string;
  /** Epoch ms, larger than that of the order before. */
  readonly at: number;
}

/** So many are told at a time, of so many that are remembered. */
const MAX_TOLD = 50;
const MAX_KEPT = 500;

/** How near to their limits the counts of one object are, since it told last. */
export class SeenCounts {
  #seen = new Map<string, SeenCount>();

  saw(asks: readonly Ask[], { grants, at }: Taken): void {
    asks.forEach(({ counter, rates }, index) => {
      const grant = grants[index];
      const rate = rates[grant?.rate ?? 0];
      if (grant === undefined || rate === undefined) return;
      const { limit, windowMs } = rate;
      const most = isGcra(rate) ? burstOf(rate) : limit;
      this.#seen.set(counter, { counter, limit, windowMs, most, left: grant.left, resetMs: grant.resetMs, at });
    });
    if (this.#seen.size > MAX_KEPT) this.#keep(MAX_TOLD);
  }

  /** The nearest ones, once. */
  told(): readonly SeenCount[] {
    this.#keep(MAX_TOLD);
    const told = [...this.#seen.values()];
    this.#seen = new Map();
    return told;
  }

  #keep(most: number): void {
    const nearest = [...this.#seen.values()].toSorted(byNearness).slice(0, most);
    this.#seen = new Map(nearest.map((one) => [one.counter, one]));
  }
}

/** Which share of what may be taken at once is used. */
export function usedShare({ most, left }: Pick<SeenCount, "most" | "left">): number {
  return most === 0 ? 0 : Math.max(0, most - left) / most;
}

export function byNearness(one: SeenCount, other: SeenCount): number {
  return usedShare(other) - usedShare(one) || (one.counter < other.counter ? -1 : 1);
}
