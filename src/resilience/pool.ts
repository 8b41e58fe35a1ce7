import type { PoolSettings } from "../snapshot/model.ts";

/** Who holds a slot: judged dead past its deadline by whoever looks next. */
interface Lease {
  readonly deadline: number;
}

/** One who waits. `granted` is set by whoever frees a slot; the waiter itself looks. */
export interface Ticket {
  granted: boolean;
  readonly lease: Lease;
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

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param leaseMs how long a slot counts at most */
  enter(settings: PoolSettings, now: number, leaseMs: number): Admission {
    this.#expire(now);
    const ticket: Ticket = { granted: false, lease: { deadline: now + leaseMs }, wake: null };
    if (this.#waiting.length === 0 && this.#running.size < limitOf(settings)) {
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
    this.#expire(now);
    while (this.#waiting.length > 0 && this.#running.size < limitOf(settings)) {
      const next = this.#waiting.shift();
      if (!next) break;
      next.granted = true;
      this.#running.add(next);
      next.wake?.();
    }
  }

  #expire(now: number): void {
    for (const ticket of this.#running) if (ticket.lease.deadline <= now) this.#running.delete(ticket);
    if (this.#waiting.some(({ lease }) => lease.deadline <= now))
      this.#waiting = this.#waiting.filter(({ lease }) => lease.deadline > now);
  }
}

/** Whether anything bounds this cluster at all. */
export function isBounded({ maxConnections, maxRequests }: PoolSettings): boolean {
  return maxConnections !== undefined || maxRequests !== undefined;
}

function limitOf({ maxConnections, maxRequests }: PoolSettings): number {
  return Math.min(maxConnections ?? Number.POSITIVE_INFINITY, maxRequests ?? Number.POSITIVE_INFINITY);
}
