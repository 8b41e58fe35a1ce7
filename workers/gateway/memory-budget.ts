/** Of an isolate's 128 MB: what bodies may take that are kept, and copies that are under way. */
const MAX_BYTES = 16 * 1_048_576;

/** What requests hold in memory longer than they pass through: without a bound slow clients, or a slow mirror, would fill it. */
export class MemoryBudget {
  #left = MAX_BYTES;

  /** @returns whether there was so much left; then `give` must follow */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}
