/** Records tell of people: none is kept for longer. */
export const MAX_AGE_MS = 24 * 3_600_000;
/** How often that is looked at. */
export const LOOK_MS = 3_600_000;
/** What was erased does not come back with a report that was under way. */
export const ERASED_FOR_MS = 10 * 60_000;

/**
 * When the records of a location are looked at next, epoch ms; null: nothing is kept that ends. The hash of whom somebody wanted
 * forgotten ends as well, also where no record is left.
 *
 * @param kept.erasedAt of the oldest such hash; null: there is none
 */
export function nextLook(
  { records, erasedAt }: { readonly records: number; readonly erasedAt: number | null },
  now: number,
): number | null {
  const times = [...(records > 0 ? [now + LOOK_MS] : []), ...(erasedAt === null ? [] : [erasedAt + ERASED_FOR_MS])];
  return times.length === 0 ? null : Math.max(Math.min(...times), now + 1);
}
