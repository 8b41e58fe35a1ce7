import type { OnBytes } from "./body.ts";

/** Fires when for some time nothing was touched; knows whose turn it is, so that nobody is blamed for another's silence. */
export class IdleTimer {
  /** It is the client who has to send. */
  isToSend = false;
  /** And who has to read. */
  #isToRead = false;
  readonly #ms: number;
  /** Epoch ms. */
  #touchedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Either is enough: a service whose answer is not read does not read on either, nor need it answer what does not come. */
  get waitsForClient(): boolean {
    return this.isToSend || this.#isToRead;
  }

  /** Begins to wait, anew where it waits already. */
  start(onSilence: () => void): void {
    this.stop();
    this.touch();
    this.#arm(this.#ms, onSilence);
  }

  /** For the bytes of the request. */
  readonly onRequest: OnBytes = (waitsFor) => {
    this.isToSend = waitsFor === "sender";
    this.touch();
  };

  /** For those of the answer. */
  readonly onAnswer: OnBytes = (waitsFor) => {
    this.#isToRead = waitsFor === "receiver";
    this.touch();
  };

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
