import type { PoolSettings } from "../snapshot/model.ts";

/** One who waits. `granted` is set by whoever frees a slot; the waiter itself looks. */
export interface Ticket {
  granted: boolean;
  /** Epoch ms; whoever looks after it takes the slot or the place as given back. */
  readonly deadline: number;
  /** Called when a slot is granted: a hint to look at once, not a promise. */
  wake: (() => void) | null;
}

export type Admission =
  | { readonly kind: "running"; readonly ticket: Ticket }
  | { readonly kind: "waiting"; readonly ticket: Ticket }
  | { readonly kind: "overflow" };

/**
 * What runs and what waits of one caller's calls to one cluster in this isolate, as Envoy counts per proxy. First come,
 * first served. A slot is a lease: one that was never given back is free again past its deadline.
 */
export class Pool {
  readonly #running = new Set<Ticket>();
  #waiting: Ticket[] = [];
  /** No deadline of anybody here is before this. */
  #earliest = Number.POSITIVE_INFINITY;

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param leaseMs how long a slot counts at most */
  enter(settings: PoolSettings, now: number, leaseMs: number): Admission {
    const limit = limitOf(settings);
    // Only who would have to wait looks for slots that were never given back.
    if (this.#running.size >= limit || this.#waiting.length > 0) this.#expire(now, limit);
    const ticket: Ticket = { granted: false, deadline: now + leaseMs, wake: null };
    this.#earliest = Math.min(this.#earliest, ticket.deadline);
    if (this.#waiting.length === 0 && this.#running.size < limit) {
      ticket.granted = true;
      this.#running.add(ticket);
      return { kind: "running", ticket };
    }
    if (this.#waiting.length >= (settings.maxPending ?? Number.POSITIVE_INFINITY)) return { kind: "overflow" };
    this.#waiting.push(ticket);
    return { kind: "waiting", ticket };
  }

  /** Gives the slot back, or the place in the queue; whoever is next gets it. A second call does nothing. */
  leave(ticket: Ticket, settings: PoolSettings, now: number): void {
    if (!this.#running.delete(ticket)) this.#waiting = this.#waiting.filter((other) => other !== ticket);
    if (this.#waiting.length > 0) this.#expire(now, limitOf(settings));
  }

  /** Drops who is past the deadline, and lets in who waits. */
  #expire(now: number, limit: number): void {
    if (this.#earliest <= now) {
      for (const ticket of this.#running) if (ticket.deadline <= now) this.#running.delete(ticket);
      this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
      this.#earliest = Math.min(
        ...[...this.#running, ...this.#waiting].map(({ deadline }) => deadline),
        Number.POSITIVE_INFINITY,
      );
    }
    while (this.#waiting.length > 0 && this.#running.size < limit) {
      const next = this.#waiting.shift();
      if (!next) break;
      next.granted = true;
      this.#running.add(next);
      next.wake?.();
    }
  }
}

/** Whether anything bounds this cluster at all. */
export function isBounded({ maxConnections, maxRequests }: PoolSettings): boolean {
  return maxConnections !== undefined || maxRequests !== undefined;
}

function limitOf({ maxConnections, maxRequests }: PoolSettings): number {
  return Math.min(maxConnections ?? Number.POSITIVE_INFINITY, maxRequests ?? Number.POSITIVE_INFINITY);
}
