interface Event {
  readonly at: number;
  /** Of two at one time the one that was set first comes first. */
  readonly order: number;
  readonly happens: () => void;
}

/** Time that moves from one event to the next, as fast as the machine works them off. */
export class ModelClock {
  readonly #heap: Event[] = [];
  #order = 0;
  now: number;

  /** @param now epoch ms */
  constructor(now: number) {
    this.now = now;
  }

  in(ms: number, happens: () => void): void {
    this.#push({ at: this.now + ms, order: (this.#order += 1), happens });
  }

  async wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.in(ms, resolve));
  }

  /** What follows from an event without waiting has happened before the next one. */
  async until(end: number): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop();
      this.now = next.at;
      next.happens();
      await settled();
    }
    this.now = end;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child])) child += 1;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Event, other: Event | undefined): boolean {
  return other === undefined || one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** Longer than any chain of promises of the code that runs on this clock. */
async function settled(): Promise<void> {
  for (let i = 0; i < 24; i += 1) await Promise.resolve();
}

/** Numbers below one, the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
