/** A record of a decision comes within seconds of it. */
const KEPT_MS = 60_000;
/** Characters of all of them; what went first is forgotten first. */
const MAX_TEXT = 8 * 1024 * 1024;

/** Slices that gateways were given a moment ago: records of decisions name them after newer ones took their place. */
export class RetiredSlices {
  readonly #texts = new Map<string, { readonly text: string; readonly at: number }>();
  #size = 0;

  get(id: string): string | undefined {
    return this.#texts.get(id)?.text;
  }

  /**
   * @param before what a gateway was given
   * @param after what it is given from now on
   * @param now epoch ms
   */
  add(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>, now: number): void {
    for (const [id, text] of before) {
      if (after.has(id)) continue;
      this.#forget(id);
      this.#texts.set(id, { text, at: now });
      this.#size += text.length;
    }
    for (const [id, { at }] of this.#texts) {
      if (now - at <= KEPT_MS && this.#size <= MAX_TEXT) break;
      this.#forget(id);
    }
  }

  #forget(id: string): void {
    this.#size -= this.#texts.get(id)?.text.length ?? 0;
    this.#texts.delete(id);
  }
}
