/** Calls of objects, by the second: what each kind gets at most, and how many of its objects were awake. */
export class Calls {
  readonly #kinds = new Map<string, Map<string, Map<number, number>>>();
  readonly #begin: number;

  /** @param begin epoch ms */
  constructor(begin: number) {
    this.#begin = begin;
  }

  count(kind: string, object: string, now: number): void {
    const second = Math.floor((now - this.#begin) / 1_000);
    const objects = this.#kinds.get(kind) ?? new Map<string, Map<number, number>>();
    this.#kinds.set(kind, objects);
    const seconds = objects.get(object) ?? new Map<number, number>();
    objects.set(object, seconds);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }

  /** @param from the first second that counts @param to the first that does not @param only absent: all of the kind */
  of(kind: string, from: number, to: number, only?: string) {
    const named = this.#kinds.get(kind) ?? new Map<string, Map<number, number>>();
    const of = only === undefined ? [...named.values()] : [named.get(only) ?? new Map<number, number>()];
    const objects = of.map((seconds) => {
      const counts = [...seconds].filter(([second]) => second >= from && second < to).map(([, count]) => count);
      return { all: counts.reduce((sum, count) => sum + count, 0), most: Math.max(0, ...counts) };
    });
    const awake = objects.filter(({ all }) => all > 0);
    return {
      objects: awake.length,
      calls: awake.reduce((sum, { all }) => sum + all, 0),
      /** Of the object that is called most: on average, and in its busiest second. */
      mean: Math.max(0, ...awake.map(({ all }) => all)) / (to - from),
      most: Math.max(0, ...awake.map(({ most }) => most)),
    };
  }
}
