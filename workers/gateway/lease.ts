/** How a call ended: well, or by Envoy's flag for what broke it. */
export type End = "ok" | "DC" | "UC" | "UT";

export type Context = Pick<ExecutionContext, "waitUntil">;

/**
 * What a call holds until its end: a slot, and the duty to log and count it. Open it before the first `await`.
 *
 * A client's reset stops the handler wherever it awaits, and neither `catch` nor `finally` need run; the signal's listeners do.
 * So everything that must happen hangs on `onEnd`, which runs exactly once: for the first of the answer's end, a failure, and
 * the client's abort.
 */
export class Lease implements Context {
  readonly #ctx: Context;
  /**
   * Null past the end. The runtime keeps the listener of the abort until it collects the request as a whole: what hung on it longer,
   * the call with all that was read and decided, would grow old with it, and cost more than all that it did.
   */
  #onEnd: ((end: End) => void) | null;
  #release: (() => void) | null = null;
  /** Something of this request is pending in `waitUntil`: it keeps alive what the client's abort would end otherwise. */
  held = false;

  /** @param hold keep the call alive until its end even where nothing of it is pending; costs a tenth of a request */
  constructor(ctx: Context, signal: AbortSignal | null, onEnd: (end: End) => void, hold: boolean) {
    this.#ctx = ctx;
    this.#onEnd = onEnd;
    if (hold) this.waitUntil(new Promise<void>((resolve) => (this.#release = resolve)));
    if (signal === null) return;
    if (signal.aborted) this.end("DC");
    else signal.addEventListener("abort", () => this.end("DC"));
  }

  /**
   * Where a client tells of its abort, and the call has no answer yet, this says that it is gone, at less cost than its signal.
   */
  get ended(): boolean {
    return this.#onEnd === null;
  }

  /** A second call does nothing. */
  end(how: End): void {
    const onEnd = this.#onEnd;
    if (onEnd === null) return;
    this.#onEnd = null;
    try {
      onEnd(how);
    } finally {
      this.#release?.();
    }
  }

  waitUntil(promise: Promise<unknown>): void {
    this.held = true;
    this.#ctx.waitUntil(promise);
  }
}
