/** Fires when for some time nothing was touched. */
export class IdleTimer {
  readonly #ms: number;
  /** Epoch ms. */
  #touchedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Begins to wait, anew where it waits already. */
  start(onSilence: () => void): void {
    this.stop();
    this.touch();
    this.#arm(this.#ms, onSilence);
  }

  touch(): void {
    this.#touchedAt = Date.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** One timer at a time, however often it is touched: it looks when the last touch may be long enough ago. */
  #arm(ms: number, onSilence: () => void): void {
    this.#timer = setTimeout(() => {
      const left = this.#ms - (Date.now() - this.#touchedAt);
      if (left <= 0) onSilence();
      else this.#arm(left, onSilence);
    }, ms);
  }
}
