/** What ends a call. */
interface Ending {
  end(how: "DC"): void;
}

/** Somebody looks at most this often. */
const LOOK_MS = 1_000;

/**
 * Calls of which nobody tells that their caller went away: where the runtime gives them up with all that was to come, the next to
 * come by ends those that are past their time. That says nothing of the service (R33).
 */
export class OpenCalls {
  readonly #until = new Map<Ending, number>();
  #lookedAt = 0;

  /** @param until epoch ms by which it has ended; said again, the later word counts */
  expect(lease: Ending, until: number): void {
    this.#until.set(lease, until);
  }

  ended(lease: Ending): void {
    this.#until.delete(lease);
  }

  /** @param now epoch ms */
  look(now: number): void {
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    for (const [lease, until] of this.#until) {
      if (until > now) continue;
      this.#until.delete(lease);
      lease.end("DC");
    }
  }
}
