import type { Budget } from "./budget.ts";
import {
  ChangedLabels,
  emptySeries,
  keyOf,
  METRIC_NAME,
  type VectorSeries,
  type VectorValue,
  withoutName,
} from "./series.ts";

interface Bucket {
  /** `le`. */
  readonly bound: number;
  /** Of it and all below. */
  readonly count: number;
}

/** Counts that differ by less than this part are the same: sums of fractions are not exact. */
const TOLERANCE = 1e-12;

/** `histogram_quantile`: series that are the same but for `le` are one histogram's. @param wanted for each step */
export function histogramQuantile(wanted: Float64Array, { series }: VectorValue, budget: Budget): VectorValue {
  budget.spendKeys(series.length);
  const buckets = series.flatMap((one) => {
    const bound = boundOf(one.labels.get("le") ?? "");
    return Number.isNaN(bound) ? [] : [{ bound, one }];
  });
  const groups = Map.groupBy(buckets, ({ one }) => budget.key(keyOf(one.labels, METRIC_NAME, "le")));
  const quantiles = [...groups.values()].map((group): VectorSeries => {
    const [first] = group;
    const labels = new ChangedLabels(withoutName(first?.one.labels ?? NONE), "le", undefined);
    const result = emptySeries(labels, wanted.length);
    const sorted = group.toSorted((one, other) => one.bound - other.bound);
    for (const [step, part] of wanted.entries()) {
      const counts = sorted.flatMap(({ bound, one }) =>
        one.present[step] === 1 ? [{ bound, count: one.values[step] ?? 0 }] : [],
      );
      if (counts.length === 0) continue;
      result.values[step] = quantileOf(part, counts);
      result.present[step] = 1;
    }
    return result;
  });
  return { kind: "vector", series: quantiles.filter(({ present }) => present.includes(1)), distinct: true };
}

const NONE = { get: () => undefined, names: () => [], depth: 0 };

function boundOf(text: string): number {
  if (/^\+?inf$/i.test(text)) return Number.POSITIVE_INFINITY;
  return text.trim() === "" ? Number.NaN : Number(text);
}

/**
 * The value that a part of all lies below, by a straight line inside of its bucket.
 *
 * @param buckets in the order of their bounds
 * @returns NaN where there is nothing to say; the last finite bound for what lies above it
 */
export function quantileOf(part: number, buckets: readonly Bucket[]): number {
  if (Number.isNaN(part)) return Number.NaN;
  if (part < 0) return Number.NEGATIVE_INFINITY;
  if (part > 1) return Number.POSITIVE_INFINITY;
  if (buckets.at(-1)?.bound !== Number.POSITIVE_INFINITY) return Number.NaN;
  const rising = monotonic(merged(buckets));
  const all = rising.at(-1)?.count ?? 0;
  if (rising.length < 2 || all === 0 || Number.isNaN(all)) return Number.NaN;
  const rank = part * all;
  const at = rising.slice(0, -1).findIndex(({ count }) => count >= rank);
  if (at === -1) return rising.at(-2)?.bound ?? Number.NaN;
  const { bound, count } = rising[at] ?? NOTHING;
  if (at === 0 && bound <= 0) return bound;
  const below = at === 0 ? NOTHING : (rising[at - 1] ?? NOTHING);
  return below.bound + (bound - below.bound) * ((rank - below.count) / (count - below.count));
}

const NOTHING: Bucket = { bound: 0, count: 0 };

/** Buckets of one bound are one. */
function merged(buckets: readonly Bucket[]): readonly Bucket[] {
  return [...Map.groupBy(buckets, ({ bound }) => bound)].map(([bound, same]) => ({
    bound,
    count: same.reduce((sum, { count }) => sum + count, 0),
  }));
}

/** A bucket holds at least what the one below it holds, though its series may have been read at another moment. */
function monotonic(buckets: readonly Bucket[]): readonly Bucket[] {
  let most = Number.NaN;
  return buckets.map(({ bound, count }) => {
    const same = Math.abs(count - most) <= TOLERANCE * Math.min(Math.abs(count), Math.abs(most));
    if (!(count <= most) && !same) most = count;
    return { bound, count: most };
  });
}
