/** Spans, or lines, of an isolate that wait for one collector, and about what they hold: more are dropped. */
const MAX_COUNT = 2_048;
const MAX_BYTES = 2 * 1_048_576;
/** Of a batch: half a megabyte of text. */
const BATCH_COUNT = 256;
const BATCH_BYTES = 524_288;

/** After a failure it waits twice as long as after the last one. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** Room for what comes after a batch's own time: one that is under way longer has been ended by the platform. */
const SLACK_MS = 3_000;

/** What of an item counts. */
export interface Measure<T> {
  /** Spans, or lines, that come of it. */
  readonly count: (item: T) => number;
  /** About what it holds in memory. */
  readonly bytes: (item: T) => number;
}

/** Spans, or lines, on their way to one collector: one batch at a time, bounded, and patient with one that is away. Times are epoch ms. */
export class SendQueue<T> {
  readonly #measure: Measure<T>;
  #waiting: T[] = [];
  #count = 0;
  #bytes = 0;
  #flight: { readonly batch: readonly T[]; readonly until: number } | null = null;
  #waitMs = 0;
  #notBefore = 0;

  constructor(measure: Measure<T>) {
    this.#measure = measure;
  }

  /** @returns whether there was room */
  add(item: T): boolean {
    const count = this.#measure.count(item);
    const bytes = this.#measure.bytes(item);
    if (this.#count + count > MAX_COUNT || this.#bytes + bytes > MAX_BYTES) return false;
    this.#waiting.push(item);
    this.#count += count;
    this.#bytes += bytes;
    return true;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Something may be sent now. */
  isDue(now: number): boolean {
    return !this.isEmpty && this.#flight === null && now >= this.#notBefore;
  }

  /** Forgets a batch that the platform ended with its request. @returns how many nobody knows of any more */
  lost(now: number): number {
    if (this.#flight === null || now <= this.#flight.until) return 0;
    return this.#ended(this.#flight.batch, now, false);
  }

  /** @param timeoutMs in which the batch's own sender ends it */
  take(now: number, timeoutMs: number): readonly T[] {
    let [items, count, bytes] = [0, 0, 0];
    for (const item of this.#waiting) {
      if (count >= BATCH_COUNT || bytes >= BATCH_BYTES) break;
      count += this.#measure.count(item);
      bytes += this.#measure.bytes(item);
      items += 1;
    }
    const batch = this.#waiting.slice(0, items);
    this.#waiting = this.#waiting.slice(items);
    this.#count -= count;
    this.#bytes -= bytes;
    this.#flight = { batch, until: now + timeoutMs + SLACK_MS };
    return batch;
  }

  /**
   * The batch has ended.
   *
   * @returns how many were in it, where they were lost: one that was counted as such already is not counted again
   */
  ended(batch: readonly T[], now: number, ok: boolean): number {
    return this.#flight?.batch === batch ? this.#ended(batch, now, ok) : 0;
  }

  #ended(batch: readonly T[], now: number, ok: boolean): number {
    this.#flight = null;
    this.#waitMs = ok ? 0 : Math.min(Math.max(2 * this.#waitMs, FIRST_WAIT_MS), LONGEST_WAIT_MS);
    this.#notBefore = now + this.#waitMs;
    return ok ? 0 : batch.reduce((sum, item) => sum + this.#measure.count(item), 0);
  }
}
