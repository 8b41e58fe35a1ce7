import type { SampleSource, Windows } from "../query/frame.ts";
import { linkMatcher } from "../query/matchers.ts";
import { ChangedLabels, type Labels, METRIC_NAME, OwnLabels, type SampledSeries } from "../query/series.ts";
import { decodeRollup, type Growth } from "./rollup-codec.ts";
import { type Exposed, exposedOf, labelsOfKey, type RollupKind } from "./rollup-kinds.ts";
import { FINE_MS, sampleTimes } from "./rollup-times.ts";
import { seesSeries, type SeriesViewer } from "./series-visibility.ts";

/** A series that is kept, and where it stands now. */
export interface StoredSeries {
  readonly kind: RollupKind;
  readonly key: string;
  /** Its number in the rollups; null: they have nothing of it. */
  readonly id: number | null;
  /** Its values now. They are the caller's own. */
  readonly total: () => Growth;
}

/** How series grew up to `end`. */
export interface RollupRow {
  readonly end: number;
  readonly data: Uint8Array;
}

/** A value that is known for now alone. */
export interface Gauge {
  readonly name: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

export interface History {
  readonly series: Iterable<StoredSeries>;
  /** Those that end after a moment, the newest first; none overlaps another. */
  readonly rows: (after: number) => Iterable<RollupRow>;
  readonly gauges: readonly Gauge[];
  /** Epoch ms: where it began. */
  readonly since: number;
  readonly now: number;
}

/**
 * The history as samples for queries, of the series that somebody may see. What stands now is known, and how much each interval
 * added: earlier values come of going back from now.
 */
export function sourceOf(history: History, viewer: SeriesViewer): SampleSource {
  return {
    select: (matchers, windows, budget) => {
      const tests = matchers.map((matcher) => ({
        label: matcher.label,
        test: linkMatcher(matcher, (points) => budget.spend(points)),
      }));
      const times = sampleTimes(windows, history.since, history.now);
      const gauges = viewer.namespace === null ? gaugesIn(history, tests, windows) : [];
      if (times.length === 0) return gauges;
      const wanted = wantedBy(tests);
      const found = [...history.series].flatMap((series) => matching(series, wanted, viewer));
      budget.spend(found.reduce((sum, { exposed }) => sum + exposed.length, 0) * (times.length + SERIES_COST));
      fill(found, times, history);
      return [...gauges, ...found.flatMap(sampled(times))];
    },
  };
}

/** Beside its samples, in points of the budget. */
const SERIES_COST = 60;

interface Test {
  readonly label: string;
  readonly test: (value: string) => boolean;
}

interface Shown {
  readonly of: Exposed;
  values: Float64Array;
  /** Index of its first sample. */
  first: number;
}

interface Found {
  readonly series: StoredSeries;
  readonly base: Labels;
  readonly exposed: readonly Shown[];
}

function matching(series: StoredSeries, { shown, own }: Wanted, viewer: SeriesViewer): readonly Found[] {
  const exposed = shown(exposedOf(series.kind, series.key));
  if (exposed.length === 0) return [];
  const { labels, values } = labelsOfKey(series.kind, series.key);
  const base = new OwnLabels(labels.map((label, at) => [label, values[at] ?? ""] as const));
  if (!seesSeries(viewer, series.kind, base)) return [];
  if (!own.every(({ label, test }) => test(values[labels.indexOf(label)] ?? ""))) return [];
  return [{ series, base, exposed: exposed.map((of) => ({ of, values: new Float64Array(), first: 0 })) }];
}

/** What matchers want of a metric's name and of its buckets, and of labels that series have themselves. */
interface Wanted {
  readonly shown: (exposed: readonly Exposed[]) => readonly Exposed[];
  readonly own: readonly Test[];
}

function wantedBy(tests: readonly Test[]): Wanted {
  const isShared = ({ label }: Test): boolean => label === METRIC_NAME || label === "le";
  const shared = tests.filter(isShared);
  // Thousands of series are exposed by the same few lists.
  const known = new Map<readonly Exposed[], readonly Exposed[]>();
  const shown = (exposed: readonly Exposed[]): readonly Exposed[] => {
    let kept = known.get(exposed);
    if (kept === undefined) {
      kept = exposed.filter(({ name, le }) =>
        shared.every(({ label, test }) => test(label === "le" ? (le ?? "") : name)),
      );
      known.set(exposed, kept);
    }
    return kept;
  };
  return { shown, own: tests.filter((test) => !isShared(test)) };
}

/** Goes from now back to the first of the moments, and notes where each series stood. */
function fill(found: readonly Found[], times: Float64Array, history: History): void {
  for (const { exposed } of found)
    for (const one of exposed) {
      one.values = new Float64Array(times.length);
      one.first = times.length;
    }
  const standing = found.map(({ series, exposed }) => ({ exposed, values: series.total() }));
  const byId = new Map(found.flatMap(({ series: { id } }, at) => (id === null ? [] : [[id, standing[at]?.values]])));
  const rows = history.rows(times[0] ?? history.now)[Symbol.iterator]();
  let row = rows.next();
  for (let at = times.length - 1; at >= 0; at -= 1) {
    const time = times[at] ?? 0;
    for (; row.done !== true && row.value.end > time; row = rows.next()) takeBack(row.value, byId);
    for (const { exposed, values } of standing)
      for (const one of exposed) {
        const { from, to, presentFrom, presentTo, unit } = one.of;
        one.values[at] = sumOf(values, from, to) / unit;
        if (presentTo === 0 || sumOf(values, presentFrom, presentTo) > 0) one.first = at;
      }
  }
}

function takeBack({ data }: RollupRow, byId: ReadonlyMap<number, Growth | undefined>): void {
  decodeRollup(
    data,
    (id) => byId.get(id),
    (values, place, growth) => {
      values[place] = (values[place] ?? 0) - growth;
    },
  );
}

function sumOf(values: Growth, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 1) sum += values[at] ?? 0;
  return sum;
}

/** From where a series is there on: it stays. */
function sampled(times: Float64Array): (found: Found) => readonly SampledSeries[] {
  return ({ base, exposed }) =>
    exposed.flatMap(({ of: { name, le }, values, first }) => {
      if (first >= times.length) return [];
      const named = new ChangedLabels(base, METRIC_NAME, name);
      const labels = le === null ? named : new ChangedLabels(named, "le", le);
      return [{ labels, times: times.subarray(first), values: values.subarray(first) }];
    });
}

/** With one sample each: of their past nothing is known. */
function gaugesIn(
  { gauges, now }: History,
  tests: readonly Test[],
  { steps, reachMs }: Windows,
): readonly SampledSeries[] {
  const time = Math.floor(now / FINE_MS) * FINE_MS;
  const isAsked = steps.some((step) => time <= step && time > step - reachMs);
  if (!isAsked) return [];
  return gauges.flatMap(({ name, labels, value }) => {
    const all = new OwnLabels([[METRIC_NAME, name], ...labels]);
    if (!tests.every(({ label, test }) => test(all.get(label) ?? ""))) return [];
    return [{ labels: all, times: Float64Array.of(time), values: Float64Array.of(value) }];
  });
}
