import { downwards } from "./aggregate.ts";
import type { Evaluated } from "./evaluate.ts";
import { keyOf, type Labels, type SampledSeries, type VectorSeries } from "./series.ts";
import { type Expression, QueryFailure } from "./syntax.ts";

/** Values of one answer; some megabytes as text. */
const MAX_VALUES = 250_000;

type Sample = readonly [time: number, value: string];
type Metric = Readonly<Record<string, string>>;

/** `data` of an answer, as Prometheus' API has it. */
export type QueryData =
  | { readonly resultType: "scalar"; readonly result: Sample }
  | { readonly resultType: "vector"; readonly result: readonly { readonly metric: Metric; readonly value: Sample }[] }
  | {
      readonly resultType: "matrix";
      readonly result: readonly { readonly metric: Metric; readonly values: readonly Sample[] }[];
    };

/** Of one moment. @throws QueryFailure where the answer would be too large */
export function instantData(expression: Expression, value: Evaluated, time: number): QueryData {
  switch (value.kind) {
    case "scalar":
      return { resultType: "scalar", result: sample(time, value.values[0] ?? 0) };
    case "range":
      return { resultType: "matrix", result: matrixOf(value.series) };
    case "vector": {
      bound(value.series.length);
      const isSorted = expression.kind === "aggregation" && expression.operator === "topk";
      const series = isSorted
        ? value.series.toSorted((one, other) => downwards(one.values[0] ?? 0, other.values[0] ?? 0))
        : byLabels(value.series);
      const result = series.flatMap(({ labels, values, present }) =>
        present[0] === 1 ? [{ metric: metricOf(labels), value: sample(time, values[0] ?? 0) }] : [],
      );
      return { resultType: "vector", result };
    }
  }
}

/** Of each step. @throws QueryFailure where the answer would be too large */
export function rangeData(value: Evaluated, steps: Float64Array): QueryData {
  if (value.kind === "range") return { resultType: "matrix", result: matrixOf(value.series) };
  if (value.kind === "scalar") {
    const values = [...value.values].map((one, step) => sample(steps[step] ?? 0, one));
    return { resultType: "matrix", result: [{ metric: {}, values }] };
  }
  return { resultType: "matrix", result: matrixOf(value.series.map((one) => sampledOf(one, steps))) };
}

function sampledOf({ labels, values, present }: VectorSeries, steps: Float64Array): SampledSeries {
  const is = (_: number, step: number): boolean => present[step] === 1;
  return { labels, times: steps.filter(is), values: values.filter(is) };
}

function matrixOf(series: readonly SampledSeries[]) {
  bound(series.reduce((sum, { times }) => sum + times.length, 0));
  return byLabels(series.filter(({ times }) => times.length > 0)).map(({ labels, times, values }) => ({
    metric: metricOf(labels),
    values: [...times].map((time, at) => sample(time, values[at] ?? 0)),
  }));
}

function bound(values: number): void {
  if (values > MAX_VALUES)
    throw new QueryFailure(
      "query_too_large",
      `the answer would have ${values} values, and has at most ${MAX_VALUES}; aggregate, or take a longer step`,
    );
}

function byLabels<T extends { readonly labels: Labels }>(series: readonly T[]): readonly T[] {
  const keyed = series.map((one) => ({ one, key: keyOf(one.labels) }));
  return keyed.sort((one, other) => (one.key < other.key ? -1 : 1)).map(({ one }) => one);
}

function metricOf(labels: Labels): Metric {
  return Object.fromEntries([...labels.names()].sort().map((name) => [name, labels.get(name) ?? ""]));
}

/** Seconds, and the value as text. */
function sample(time: number, value: number): Sample {
  return [time / 1_000, textOf(value)];
}

/** As Go writes a float without an exponent. */
export function textOf(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (Object.is(value, -0)) return "-0";
  const text = String(value);
  const [, sign = "", whole = "", fraction = "", exponent] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text) ?? [];
  if (exponent === undefined) return text;
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0")}`;
}
