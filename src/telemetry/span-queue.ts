import { bytesHeld, type Kept, spanCount } from "./spans.ts";

/** Spans of an isolate that wait for one collector, and about what they hold: more are dropped. */
const MAX_SPANS = 2_048;
const MAX_BYTES = 2 * 1_048_576;
/** Spans of a batch: half a megabyte of text. */
const BATCH_SPANS = 256;

/** After a failure it waits twice as long as after the last one. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** Room for what comes after a batch's own time: one that is under way longer has been ended by the platform. */
const SLACK_MS = 3_000;

/** Spans on their way to one collector: one batch at a time, bounded, and patient with one that is away. Times are epoch ms. */
export class SpanQueue {
  #waiting: Kept[] = [];
  #spans = 0;
  #bytes = 0;
  #flight: { readonly batch: readonly Kept[]; readonly until: number } | null = null;
  #waitMs = 0;
  #notBefore = 0;

  /** @returns whether there was room */
  add(kept: Kept): boolean {
    const spans = spanCount(kept);
    const bytes = bytesHeld(kept);
    if (this.#spans + spans > MAX_SPANS || this.#bytes + bytes > MAX_BYTES) return false;
    this.#waiting.push(kept);
    this.#spans += spans;
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

  /** Forgets a batch that the platform ended with its request. @returns spans that nobody knows of any more */
  lost(now: number): number {
    if (this.#flight === null || now <= this.#flight.until) return 0;
    return this.#ended(this.#flight.batch, now, false);
  }

  /** @param timeoutMs in which the batch's own sender ends it */
  take(now: number, timeoutMs: number): readonly Kept[] {
    let spans = 0;
    let count = 0;
    for (const kept of this.#waiting) {
      if (spans >= BATCH_SPANS) break;
      spans += spanCount(kept);
      count += 1;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const kept of batch) {
      this.#spans -= spanCount(kept);
      this.#bytes -= bytesHeld(kept);
    }
    this.#flight = { batch, until: now + timeoutMs + SLACK_MS };
    return batch;
  }

  /**
   * The batch has ended.
   *
   * @returns its spans, where they were lost: one that was counted as such already is not counted again
   */
  ended(batch: readonly Kept[], now: number, ok: boolean): number {
    return this.#flight?.batch === batch ? this.#ended(batch, now, ok) : 0;
  }

  #ended(batch: readonly Kept[], now: number, ok: boolean): number {
    this.#flight = null;
    this.#waitMs = ok ? 0 : Math.min(Math.max(2 * this.#waitMs, FIRST_WAIT_MS), LONGEST_WAIT_MS);
    this.#notBefore = now + this.#waitMs;
    return ok ? 0 : batch.reduce((sum, kept) => sum + spanCount(kept), 0);
  }
}
