import type { Frame } from "./frame.ts";
import {
  emptySeries,
  METRIC_NAME,
  type SampledSeries,
  type VectorSeries,
  type VectorValue,
  withoutName,
} from "./series.ts";
import type { FunctionName, Selector } from "./syntax.ts";

/** How far back an instant vector looks for a sample, as Prometheus does where nothing else is set. */
const LOOKBACK_MS = 5 * 60_000;

/** The newest sample of each step's last five minutes. */
export function instantVector(selector: Selector, frame: Frame): VectorValue {
  const series = sampled(selector, LOOKBACK_MS, frame).map(({ labels, times, values }) => {
    const result = emptySeries(labels, frame.steps.length);
    eachWindow(frame.steps, times, LOOKBACK_MS, (step, from, to) => {
      if (to <= from) return;
      result.values[step] = values[to - 1] ?? 0;
      result.present[step] = 1;
    });
    return result;
  });
  return { kind: "vector", series: series.filter(hasAny), distinct: hasOneName(selector) };
}

/** `rate`, `irate` or `increase` of a range vector. */
export function rangeFunction(name: FunctionName, selector: Selector, frame: Frame): VectorValue {
  const rangeMs = selector.rangeMs ?? LOOKBACK_MS;
  const compute = name === "irate" ? instantRate : extrapolated;
  const series = sampled(selector, rangeMs, frame).map((one) => {
    const result = emptySeries(withoutName(one.labels), frame.steps.length);
    const resets = resetsOf(one.values);
    eachWindow(frame.steps, one.times, rangeMs, (step, from, to) => {
      if (to - from < 2) return;
      const end = frame.steps[step] ?? 0;
      const value = compute({ ...one, resets }, { from, to, start: end - rangeMs, end });
      if (value === null) return;
      result.values[step] = name === "rate" ? value / (rangeMs / 1_000) : value;
      result.present[step] = 1;
    });
    return result;
  });
  return { kind: "vector", series: series.filter(hasAny), distinct: hasOneName(selector) };
}

/** The samples themselves, of a query for a range vector. */
export function rangeVector(selector: Selector, frame: Frame): readonly SampledSeries[] {
  const end = frame.steps[0] ?? 0;
  const start = end - (selector.rangeMs ?? LOOKBACK_MS);
  return sampled(selector, end - start, frame).flatMap(({ labels, times, values }) => {
    const [from, to] = [firstAfter(times, start, 0), firstAfter(times, end, 0)];
    return to > from ? [{ labels, times: times.subarray(from, to), values: values.subarray(from, to) }] : [];
  });
}

function sampled(selector: Selector, reachMs: number, { source, steps, budget }: Frame): readonly SampledSeries[] {
  const series = source.select(selector.matchers, { steps, reachMs }, budget);
  budget.spend(series.length * steps.length);
  return series;
}

/** Whether all series of a selector are of one metric: then they differ in other labels. */
function hasOneName({ matchers }: Selector): boolean {
  return matchers.some(({ label, operator }) => label === METRIC_NAME && operator === "=");
}

function hasAny({ present }: VectorSeries): boolean {
  return present.includes(1);
}

/** Tells for each step which samples lie in (step - reachMs, step]: from the first of them to the first past them. */
function eachWindow(
  steps: Float64Array,
  times: Float64Array,
  reachMs: number,
  tell: (step: number, from: number, to: number) => void,
): void {
  let [from, to] = [0, 0];
  for (const [step, end] of steps.entries()) {
    from = firstAfter(times, end - reachMs, from);
    to = firstAfter(times, end, Math.max(from, to));
    tell(step, from, to);
  }
}

function firstAfter(times: Float64Array, time: number, from: number): number {
  let at = from;
  while (at < times.length && (times[at] ?? 0) <= time) at += 1;
  return at;
}

/** For each sample how much was lost up to it by resets: a counter that falls began again at 0. */
function resetsOf(values: Float64Array): Float64Array {
  const lost = new Float64Array(values.length);
  for (let at = 1; at < values.length; at += 1) {
    const [before = 0, value = 0] = [values[at - 1], values[at]];
    lost[at] = (lost[at - 1] ?? 0) + (value < before ? before : 0);
  }
  return lost;
}

interface Window {
  /** The first sample, and the one past the last. */
  readonly from: number;
  readonly to: number;
  /** Epoch ms. */
  readonly start: number;
  readonly end: number;
}

type Counter = SampledSeries & { readonly resets: Float64Array };

/**
 * How much a counter grew in a window, reckoned out to the window's ends as Prometheus 3 does: to an end that is nearer than 1.1 of
 * the mean interval, else by half of one; never to before the counter was 0.
 */
function extrapolated({ times, values, resets }: Counter, { from, to, start, end }: Window): number | null {
  const last = to - 1;
  const [firstTime = 0, lastTime = 0, first = 0] = [times[from], times[last], values[from]];
  const grown = (values[last] ?? 0) - first + (resets[last] ?? 0) - (resets[from] ?? 0);
  const seconds = (lastTime - firstTime) / 1_000;
  const interval = seconds / (last - from);
  const near = interval * 1.1;
  const reach = (distance: number): number => (distance >= near ? interval / 2 : distance);
  const toZero = grown > 0 && first >= 0 ? seconds * (first / grown) : Number.POSITIVE_INFINITY;
  const before = Math.min(reach((firstTime - start) / 1_000), toZero);
  const after = reach((end - lastTime) / 1_000);
  return grown * ((seconds + before + after) / seconds);
}

/** By the last two samples. */
function instantRate({ times, values }: Counter, { to }: Window): number | null {
  const [before = 0, last = 0] = [values[to - 2], values[to - 1]];
  const seconds = ((times[to - 1] ?? 0) - (times[to - 2] ?? 0)) / 1_000;
  return seconds === 0 ? null : (last < before ? last : last - before) / seconds;
}
