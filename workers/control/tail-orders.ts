import type { TailOrder } from "../../src/snapshot/tail-model.ts";

/** An order of tails counts so long after it was last said (tails.ts says it again in time). */
const FORGET_AFTER_MS = 30_000;

/** Which tails are open, as was said last. */
export class TailOrders {
  #order: TailOrder = { revision: 0, wishes: [] };
  #at = 0;

  /** @param now epoch ms */
  take(order: TailOrder, now: number): void {
    // Calls may pass each other.
    if (order.revision < this.#order.revision) return;
    this.#order = order;
    this.#at = now;
  }

  /** Null: none is. @param now epoch ms */
  open(now: number): TailOrder | null {
    return this.#order.wishes.length > 0 && now - this.#at < FORGET_AFTER_MS ? this.#order : null;
  }
}
