const TOLD_EVERY_MS = 60_000;
/** Routes of which it is remembered when they were told of. */
const MAX_TOLD = 1_000;

/** When each route was last warned of. */
export class HopWarnings {
  readonly #toldAt = new Map<string, number>();

  /** @returns whether it is a minute since it was told. @param now epoch ms */
  isDue(route: string, now: number): boolean {
    const toldAt = this.#toldAt.get(route);
    if (toldAt !== undefined && now - toldAt < TOLD_EVERY_MS) return false;
    this.#toldAt.delete(route);
    const [oldest] = this.#toldAt.keys();
    if (this.#toldAt.size >= MAX_TOLD && oldest !== undefined) this.#toldAt.delete(oldest);
    this.#toldAt.set(route, now);
    return true;
  }
}
