import { RE2JS } from "re2js";
import type { SampleSource } from "../../src/query/frame.ts";
import { OwnLabels } from "../../src/query/series.ts";
import type { Aggregation, BinaryExpression, Expression, LabelMatcher, Selector } from "../../src/query/syntax.ts";

/** The evaluator read off Prometheus' documentation: one step at a time, no sharing, nothing saved. */
export interface NaiveSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly (readonly [time: number, value: number])[];
}

interface Point {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export type NaiveValue = number | readonly Point[];

/** Which of equals `topk` takes, nobody says. */
export class NaiveTie extends Error {}

export class NaiveFailure extends Error {}

const LOOKBACK = 300_000;

export function naive(expression: Expression, all: readonly NaiveSeries[], at: number): NaiveValue {
  const of = (inner: Expression): NaiveValue => naive(inner, all, at);
  const points = (inner: Expression): readonly Point[] => of(inner) as readonly Point[];
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "selector":
      return selected(expression, all).flatMap(({ labels, samples }) => {
        const last = samples.findLast(([time]) => time <= at && time > at - LOOKBACK);
        return last === undefined ? [] : [{ labels, value: last[1] }];
      });
    case "negation": {
      const value = of(expression.of);
      return typeof value === "number" ? -value : unique(value.map((one) => ({ ...unnamed(one), value: -one.value })));
    }
    case "aggregation":
      return aggregated(
        expression,
        points(expression.of),
        expression.parameter === null ? 0 : of(expression.parameter),
      );
    case "binary":
      return joined(expression, of(expression.left), of(expression.right));
    case "call": {
      const [first, second] = expression.of as [Expression, Expression];
      switch (expression.name) {
        case "vector":
          return [{ labels: {}, value: of(first) as number }];
        case "clamp_min":
          return unique(
            points(first).map((one) => ({ ...unnamed(one), value: Math.max(one.value, of(second) as number) })),
          );
        case "round": {
          const inverse = 1 / (second === undefined ? 1 : (of(second) as number));
          return unique(
            points(first).map((one) => ({ ...unnamed(one), value: Math.floor(one.value * inverse + 0.5) / inverse })),
          );
        }
        case "label_join": {
          const [to = "", separator = "", ...from] = expression.texts;
          return unique(
            points(first).map(({ labels, value }) => {
              const { [to]: _, ...rest } = labels;
              const joined = from.map((name) => labels[name] ?? "").join(separator);
              return { labels: joined === "" ? rest : { ...rest, [to]: joined }, value };
            }),
          );
        }
        case "histogram_quantile":
          return quantile(of(first) as number, points(second));
        case "rate":
        case "irate":
        case "increase":
          return grown(expression.name, first as Selector, all, at);
      }
    }
  }
}

function selected({ matchers }: Selector, all: readonly NaiveSeries[]): readonly NaiveSeries[] {
  return all.filter(({ labels }) => matchers.every((matcher) => holds(matcher, labels[matcher.label] ?? "")));
}

function holds({ operator, value }: LabelMatcher, label: string): boolean {
  switch (operator) {
    case "=":
      return label === value;
    case "!=":
      return label !== value;
    case "=~":
      return RE2JS.matches(value, label);
    case "!~":
      return !RE2JS.matches(value, label);
  }
}

function grown(name: "rate" | "irate" | "increase", selector: Selector, all: readonly NaiveSeries[], at: number) {
  const range = selector.rangeMs!;
  return unique(
    selected(selector, all).flatMap((series) => {
      const samples = series.samples.filter(([time]) => time > at - range && time <= at);
      const value = samples.length < 2 ? null : name === "irate" ? ofLastTwo(samples) : ofAll(samples, at - range, at);
      if (value === null) return [];
      return [
        {
          labels: unnamed({ labels: series.labels, value }).labels,
          value: name === "rate" ? value / (range / 1_000) : value,
        },
      ];
    }),
  );
}

function ofLastTwo(samples: NaiveSeries["samples"]): number | null {
  const [before, last] = samples.slice(-2) as [readonly [number, number], readonly [number, number]];
  return (last[1] < before[1] ? last[1] : last[1] - before[1]) / ((last[0] - before[0]) / 1_000);
}

function ofAll(samples: NaiveSeries["samples"], start: number, end: number): number {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  let increase = last[1] - first[1];
  for (let at = 1; at < samples.length; at += 1)
    if (samples[at]![1] < samples[at - 1]![1]) increase += samples[at - 1]![1];
  let toStart = (first[0] - start) / 1_000;
  let toEnd = (end - last[0]) / 1_000;
  const sampled = (last[0] - first[0]) / 1_000;
  const average = sampled / (samples.length - 1);
  if (toStart >= average * 1.1) toStart = average / 2;
  if (increase > 0 && first[1] >= 0) toStart = Math.min(toStart, sampled * (first[1] / increase));
  if (toEnd >= average * 1.1) toEnd = average / 2;
  return (increase * (sampled + toStart + toEnd)) / sampled;
}

function aggregated(
  { operator, labels, without }: Aggregation,
  points: readonly Point[],
  parameter: NaiveValue,
): readonly Point[] {
  const groupOf = (one: Point): Record<string, string> =>
    Object.fromEntries(
      Object.entries(one.labels).filter(([name]) =>
        without ? !labels.includes(name) && name !== "__name__" : labels.includes(name),
      ),
    );
  const groups = Object.groupBy(points, (one) => textOf(groupOf(one)));
  return Object.values(groups).flatMap((members = []) => {
    const values = members.map(({ value }) => value);
    const numbers = values.filter((value) => !Number.isNaN(value));
    const result = (value: number): readonly Point[] => [{ labels: groupOf(members[0]!), value }];
    switch (operator) {
      case "sum":
        return result(values.reduce((sum, value) => sum + value));
      case "avg":
        return result(values.reduce((sum, value) => sum + value) / values.length);
      case "count":
        return result(values.length);
      case "min":
        return result(numbers.length === 0 ? Number.NaN : Math.min(...numbers));
      case "max":
        return result(numbers.length === 0 ? Number.NaN : Math.max(...numbers));
      case "topk": {
        const left = [...members];
        const kept: Point[] = [];
        while (kept.length < Math.trunc(parameter as number) && left.length > 0) {
          let best = 0;
          for (const [at, { value }] of left.entries())
            if (value > left[best]!.value || (Number.isNaN(left[best]!.value) && !Number.isNaN(value))) best = at;
          kept.push(...left.splice(best, 1));
        }
        const least = kept.at(-1)?.value;
        if (
          least !== undefined &&
          left.some(({ value }) => value === least || (Number.isNaN(value) && Number.isNaN(least)))
        )
          throw new NaiveTie();
        return kept;
      }
    }
  });
}

function joined({ operator, bool, matching }: BinaryExpression, left: NaiveValue, right: NaiveValue): NaiveValue {
  if (operator === "or") {
    const isMatched = (name: string): boolean =>
      matching?.on === true
        ? matching.labels.includes(name)
        : name !== "__name__" && matching?.labels.includes(name) !== true;
    const signature = ({ labels }: Point): string =>
      textOf(Object.fromEntries(Object.entries(labels).filter(([name]) => isMatched(name))));
    const has = new Set((left as readonly Point[]).map(signature));
    return [...(left as readonly Point[]), ...(right as readonly Point[]).filter((one) => !has.has(signature(one)))];
  }
  const arithmetic: Record<string, (one: number, other: number) => number> = {
    "+": (one, other) => one + other,
    "-": (one, other) => one - other,
    "*": (one, other) => one * other,
    "/": (one, other) => one / other,
    "%": (one, other) => one % other,
    // In C, and in Go with it, 1 to the power of anything is 1.
    "^": (one, other) =>
      one === 1 || (one === -1 && !Number.isFinite(other) && !Number.isNaN(other)) ? 1 : one ** other,
  };
  const comparison: Record<string, (one: number, other: number) => boolean> = {
    "==": (one, other) => one === other,
    "!=": (one, other) => one !== other,
    "<": (one, other) => one < other,
    "<=": (one, other) => one <= other,
    ">": (one, other) => one > other,
    ">=": (one, other) => one >= other,
  };
  const compare = comparison[operator];
  const result = (kept: Point, one: number, other: number): readonly Point[] => {
    if (compare === undefined) return [{ ...unnamed(kept), value: arithmetic[operator]!(one, other) }];
    if (bool) return [{ ...unnamed(kept), value: Number(compare(one, other)) }];
    return compare(one, other) ? [kept] : [];
  };
  if (typeof left === "number" && typeof right === "number")
    return compare === undefined ? arithmetic[operator]!(left, right) : Number(compare(left, right));
  if (typeof right === "number")
    return unique((left as readonly Point[]).flatMap((one) => result(one, one.value, right)));
  if (typeof left === "number") return unique(right.flatMap((one) => result(one, left, one.value)));
  const others = Object.groupBy(right, (one) => textOf(unnamed(one).labels));
  if (Object.values(others).some((same) => (same ?? []).length > 1)) throw new NaiveFailure();
  const taken = new Set<string>();
  return unique(
    left.flatMap((one) => {
      const key = textOf(unnamed(one).labels);
      const [other] = others[key] ?? [];
      if (other === undefined) return [];
      if (taken.has(key)) throw new NaiveFailure();
      taken.add(key);
      return result(one, one.value, other.value);
    }),
  );
}

function quantile(part: number, points: readonly Point[]): readonly Point[] {
  const rest = (one: Point): Record<string, string> =>
    Object.fromEntries(Object.entries(one.labels).filter(([name]) => name !== "le" && name !== "__name__"));
  const bounded = points.filter(
    ({ labels }) => labels["le"] === "+Inf" || Number.isFinite(Number.parseFloat(labels["le"] ?? "")),
  );
  const groups = Object.groupBy(bounded, (one) => textOf(rest(one)));
  return Object.values(groups).map((members = []) => {
    const bound = (one: Point): number => (one.labels["le"] === "+Inf" ? Infinity : Number(one.labels["le"]));
    const buckets = members
      .toSorted((one, other) => bound(one) - bound(other))
      .map((one) => ({ le: bound(one), count: one.value }));
    return { labels: rest(members[0]!), value: inBuckets(part, buckets) };
  });
}

function inBuckets(part: number, given: readonly { readonly le: number; readonly count: number }[]): number {
  if (Number.isNaN(part)) return Number.NaN;
  if (part < 0) return -Infinity;
  if (part > 1) return Infinity;
  const bounds = [...new Set(given.map(({ le }) => le))];
  let most = -Infinity;
  const counts = bounds.map((le) => {
    most = Math.max(
      most,
      given.filter((one) => one.le === le).reduce((sum, { count }) => sum + count, 0),
    );
    return most;
  });
  if (bounds.at(-1) !== Infinity || bounds.length < 2 || !(counts.at(-1)! !== 0)) return Number.NaN;
  const rank = part * counts.at(-1)!;
  for (let at = 0; at < bounds.length - 1; at += 1) {
    if (counts[at]! < rank) continue;
    const lower = at === 0 ? 0 : bounds[at - 1]!;
    const below = at === 0 ? 0 : counts[at - 1]!;
    if (at === 0 && bounds[0]! <= 0) return bounds[0]!;
    return lower + ((bounds[at]! - lower) * (rank - below)) / (counts[at]! - below);
  }
  return bounds.at(-2)!;
}

function unnamed({ labels, value }: Point): Point {
  const { __name__: _, ...rest } = labels;
  return { labels: rest, value };
}

/** No two may be the same. */
function unique(points: readonly Point[]): readonly Point[] {
  if (new Set(points.map(({ labels }) => textOf(labels))).size < points.length) throw new NaiveFailure();
  return points;
}

export function textOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

/** The same series for the evaluator under test. */
export function sourceOf(all: readonly NaiveSeries[]): SampleSource {
  return {
    select: (matchers) =>
      all
        .filter(({ labels }) => matchers.every((matcher) => holds(matcher, labels[matcher.label] ?? "")))
        .map(({ labels, samples }) => ({
          labels: new OwnLabels(Object.entries(labels)),
          times: Float64Array.from(samples, ([time]) => time),
          values: Float64Array.from(samples, ([, value]) => value),
        })),
  };
}
