/** Of an isolate's 128 MB: what bodies may take that are kept, and copies that are under way. */
const MAX_BYTES = 16 * 1_048_576;

/** Of that, what is left to those without whom nobody passes: clients that are slow where a body may be sent twice leave it alone. */
const FOR_NEEDED_BYTES = 4 * 1_048_576;

/** What requests hold in memory longer than they pass through: without a bound slow clients, or a slow mirror, would fill it. */
export class MemoryBudget {
  #left = MAX_BYTES;

  /**
   * For what a request can do without, a copy or another try.
   *
   * @returns whether there was so much left; then `give` must follow
   */
  take(bytes: number): boolean {
    return bytes <= this.#left - FOR_NEEDED_BYTES && this.takeNeeded(bytes);
  }

  /** For what it cannot do without: an external authorizer is told of the body. */
  takeNeeded(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}
