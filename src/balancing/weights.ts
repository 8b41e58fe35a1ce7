/** What is chosen among, with weights: where they differ, as a line on which each one is as long as its weight. */
export interface Weights {
  readonly total: number;
  /** The end of each on the line, ascending; null: all weigh the same, and the line has one place for each. */
  readonly ends: readonly number[] | null;
}

/** @param weights positive */
export function weigh(weights: readonly number[]): Weights {
  const [first] = weights;
  if (weights.every((weight) => weight === first)) return { total: weights.length, ends: null };
  let total = 0;
  const ends = weights.map((weight) => (total += weight));
  return { total, ends };
}

/** Which one holds a place on the line, in [0, total). */
export function indexAt({ total, ends }: Weights, place: number): number {
  if (ends === null) return Math.min(Math.floor(place), total - 1);
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The golden ratio's steps go round a circle as evenly as any do. */
const GOLDEN = 0.6180339887498949;

/**
 * Whose turn it is: each gets its share of any run of turns, as evenly spread as weights allow. With whole weights every
 * `total` turns give each exactly its weight.
 */
export function indexOfTurn(weights: Weights, turn: number): number {
  const { total, ends } = weights;
  if (ends === null) return turn % total;
  const at = Number.isInteger(total) ? (turn * strideOf(total)) % total : ((turn * GOLDEN) % 1) * total;
  return indexAt(weights, at);
}

/** Steps of this length visit each of the places before they come back to the first. */
function strideOf(total: number): number {
  let stride = Math.max(1, Math.round(total * GOLDEN));
  while (divisor(stride, total) > 1) stride += 1;
  return stride;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
