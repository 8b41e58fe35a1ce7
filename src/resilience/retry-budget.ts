import type { PoolSettings } from "../snapshot/model.ts";

/** Of the requests of the last ten seconds one in so many may be tried again, */
const SHARE = 0.2;
const SHARE_OVER_MS = 10_000;

/** and beside that so many a second, which is what a quiet service lives on. */
const PER_SECOND = 10;

/**
 * How many retries one caller may add to what one cluster gets from this isolate (R34). `maxRetries` and `retryBudget` bound
 * how many are under way besides; they can only tighten it.
 */
export class RetryBudget {
  readonly #requests = new Tally(SHARE_OVER_MS);
  readonly #retries = new Tally(SHARE_OVER_MS);
  readonly #reserve = new Reserve();
  #active = 0;
  /** Retries that wait or run. */
  #retrying = 0;
  #recent: { readonly overMs: number; readonly tally: Tally } | null = null;

  /** Calls under way. */
  get active(): number {
    return this.#active;
  }

  /** A call begins; `end` must follow. @param now epoch ms */
  begin({ retryBudget }: PoolSettings, now: number): void {
    this.#active += 1;
    this.#requests.add(now);
    if (retryBudget !== undefined && retryBudget.intervalMs > 0) this.#recentOver(retryBudget.intervalMs).add(now);
  }

  end(): void {
    this.#active -= 1;
  }

  /**
   * Takes a retry out of the budget.
   *
   * @param now epoch ms
   * @returns whether there was one; then `give` must follow, when it has ended
   */
  take(settings: PoolSettings, now: number): boolean {
    if (this.#retrying >= this.#mostAtOnce(settings, now)) return false;
    // What a second leaves of the reserve is lost, what it leaves of the share is there for a burst.
    if (!this.#reserve.take(now)) {
      if (this.#retries.count(now) + 1 > SHARE * this.#requests.count(now)) return false;
      this.#retries.add(now);
    }
    this.#retrying += 1;
    return true;
  }

  give(): void {
    this.#retrying -= 1;
  }

  #mostAtOnce({ maxRetries, retryBudget }: PoolSettings, now: number): number {
    if (retryBudget === undefined) return maxRetries ?? Number.POSITIVE_INFINITY;
    const { percent, minConcurrency, intervalMs } = retryBudget;
    const of = intervalMs > 0 ? this.#recentOver(intervalMs).count(now) : this.#active;
    return Math.max(minConcurrency, Math.floor((percent / 100) * of));
  }

  /** Another interval begins to count anew. */
  #recentOver(overMs: number): Tally {
    if (this.#recent?.overMs !== overMs) this.#recent = { overMs, tally: new Tally(overMs) };
    return this.#recent.tally;
  }
}

/** In no second more than so many, wherever it begins. */
class Reserve {
  /** When each was taken; the oldest is next. */
  readonly #taken: number[] = Array.from({ length: PER_SECOND }, () => Number.NEGATIVE_INFINITY);
  #next = 0;
  /** When it was last asked for. */
  #newest = Number.NEGATIVE_INFINITY;

  take(now: number): boolean {
    // Where the clock went back they were taken just now: else there were none for as long as that went back.
    if (now < this.#newest) for (const [at, taken] of this.#taken.entries()) this.#taken[at] = Math.min(taken, now);
    this.#newest = now;
    if (now - (this.#taken[this.#next] ?? 0) < 1_000) return false;
    this.#taken[this.#next] = now;
    this.#next = (this.#next + 1) % PER_SECOND;
    return true;
  }
}

const SLOTS = 10;

/** Counts what happened of late, in slots of a tenth of the time: the oldest falls out as a new one begins. */
class Tally {
  readonly #slotMs: number;
  readonly #counts: number[] = Array.from({ length: SLOTS }, () => 0);
  /** Number of the newest slot since the epoch. */
  #newest = 0;
  #sum = 0;

  constructor(overMs: number) {
    this.#slotMs = overMs / SLOTS;
  }

  add(now: number): void {
    const at = this.#turnTo(now);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += 1;
  }

  count(now: number): number {
    this.#turnTo(now);
    return this.#sum;
  }

  /** A clock that goes back stays in the newest slot. */
  #turnTo(now: number): number {
    const slot = Math.floor(now / this.#slotMs);
    if (slot >= this.#newest + SLOTS) {
      this.#counts.fill(0);
      this.#sum = 0;
      this.#newest = slot;
    }
    while (this.#newest < slot) {
      this.#newest += 1;
      const at = this.#newest % SLOTS;
      this.#sum -= this.#counts[at] ?? 0;
      this.#counts[at] = 0;
    }
    return this.#newest % SLOTS;
  }
}
