/** What the rings and tables of all clusters take at most of an isolate's 128 MB. */
const MAX_BYTES = 32 * 1_048_576;

interface Kept {
  readonly bytes: number;
  readonly drop: () => void;
}

/** Rings and tables, the oldest first: a rule for each of many subsets makes as many, and each may be of megabytes. */
const kept = new Set<Kept>();
let keptBytes = 0;

/**
 * A table that is made when it is first asked for, and made again where others have taken its place since.
 *
 * @param make always makes the same
 */
export function keptTable<T>(make: () => T, bytesOf: (table: T) => number): () => T {
  let made: T | undefined;
  return () => {
    if (made !== undefined) return made;
    const table = make();
    made = table;
    keep({ bytes: bytesOf(table), drop: () => (made = undefined) });
    return table;
  };
}

function keep(one: Kept): void {
  kept.add(one);
  keptBytes += one.bytes;
  for (const oldest of kept) {
    if (keptBytes <= MAX_BYTES) return;
    kept.delete(oldest);
    keptBytes -= oldest.bytes;
    oldest.drop();
  }
}
