/** What is chosen among, with weights: where they differ, as a line on which each one is as long as its weight. */
export interface Weights {
  readonly total: number;
  /** The end of each on the line, ascending; null: all weigh the same, and the line has one place for each. */
  readonly ends: readonly number[] | null;
  /** Steps of this length round the line visit each whole place once; 0 where the total is no whole number, or too large. */
  readonly stride: number;
}

/** Above it products of places and strides would no longer be exact. */
const MOST_PLACES = 2 ** 26;

/** @param weights positive */
export function weigh(weights: readonly number[]): Weights {
  const [first] = weights;
  if (weights.every((weight) => weight === first)) return { total: weights.length, ends: null, stride: 1 };
  let total = 0;
  const ends = weights.map((weight) => (total += weight));
  return { total, ends, stride: Number.isInteger(total) && total <= MOST_PLACES ? strideOf(total) : 0 };
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
  const { total, ends, stride } = weights;
  if (ends === null) return turn % total;
  return indexAt(weights, stride === 0 ? ((turn * GOLDEN) % 1) * total : ((turn % total) * stride) % total);
}

function strideOf(total: number): number {
  let stride = Math.max(1, Math.round(total * GOLDEN));
  while (divisor(stride, total) > 1) stride += 1;
  return stride;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
