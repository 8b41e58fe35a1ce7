import type { Rate } from "../../src/limits/rate.ts";

/** What was admitted, and when: all that these models know. They share nothing with what they judge but its types. */
export interface Use {
  readonly at: number;
  readonly cost: number;
}

/** By how much more was used, in the window that is worst, than `limit` for its time and `burst`; not above 0: nowhere. In 1/windowMs. */
export function overshoot(uses: readonly Use[], { limit, windowMs, burst = limit }: Rate): number {
  const sorted = [...uses].sort((a, b) => a.at - b.at);
  let worst = -Infinity;
  // The most that a window which ends here is above what its length allows.
  let over = 0;
  let before = sorted[0]?.at ?? 0;
  for (const { at, cost } of sorted) {
    over = Math.max(0, over - (at - before) * limit) + cost * windowMs;
    worst = Math.max(worst, over);
    before = at;
  }
  return worst - burst * windowMs;
}

/** Virtual scheduling: the other form of GCRA, in whole numbers of any size. */
export class VirtualSchedule {
  #tat = 0n;

  room(rate: Rate, cost: number, now: number): boolean {
    return this.#end(rate, cost, now) - BigInt(now) * BigInt(rate.limit) <= tolerance(rate);
  }

  take(rate: Rate, cost: number, now: number): void {
    this.#tat = this.#end(rate, cost, now);
  }

  #end(rate: Rate, cost: number, now: number): bigint {
    const at = BigInt(now) * BigInt(rate.limit);
    return (this.#tat > at ? this.#tat : at) + BigInt(cost) * BigInt(rate.windowMs);
  }
}

function tolerance({ limit, windowMs, burst = limit }: Rate): bigint {
  return BigInt(burst) * BigInt(windowMs);
}

/** All that was used in the window that ends now, its first moment left out. */
export function usedWithin(uses: readonly Use[], windowMs: number, now: number): number {
  return uses.reduce((sum, { at, cost }) => (at > now - windowMs && at <= now ? sum + cost : sum), 0);
}
