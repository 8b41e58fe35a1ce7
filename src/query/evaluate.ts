import { err, ok, type Result } from "../result.ts";
import { aggregate } from "./aggregate.ts";
import { binary } from "./binary.ts";
import type { Frame } from "./frame.ts";
import { histogramQuantile } from "./quantile.ts";
import { instantVector, rangeFunction, rangeVector } from "./selectors.ts";
import {
  ChangedLabels,
  emptySeries,
  keyOf,
  OwnLabels,
  type SampledSeries,
  type ScalarValue,
  type Value,
  type VectorSeries,
  type VectorValue,
  withoutName,
} from "./series.ts";
import { type Call, type Expression, type QueryError, QueryFailure, typeOf } from "./syntax.ts";

/** Of a label that a query makes: calls nest, and each could make one many times as long as the last. */
const MAX_LABEL_CHARACTERS = 4_096;

export type Evaluated = Value | { readonly kind: "range"; readonly series: readonly SampledSeries[] };

/** Works an expression out at each step of the frame; of a range vector at the first. */
export function evaluate(expression: Expression, frame: Frame): Result<Evaluated, QueryError> {
  try {
    if (expression.kind === "selector" && typeOf(expression) === "range")
      return ok({ kind: "range", series: rangeVector(expression, frame) });
    const value = valueOf(expression, frame);
    return ok(value.kind === "vector" ? merged(value, frame) : value);
  } catch (error) {
    if (error instanceof QueryFailure) return err({ code: error.code, message: error.message });
    throw error;
  }
}

function valueOf(expression: Expression, frame: Frame): Value {
  switch (expression.kind) {
    case "number":
      return { kind: "scalar", values: new Float64Array(frame.steps.length).fill(expression.value) };
    case "selector":
      return instantVector(expression, frame);
    case "call":
      return called(expression, frame);
    case "aggregation": {
      const parameter = expression.parameter === null ? null : scalarOf(expression.parameter, frame);
      return aggregate(expression, vectorOf(expression.of, frame), parameter, frame.budget);
    }
    case "binary": {
      const [left, right] = [valueOf(expression.left, frame), valueOf(expression.right, frame)];
      spend(left, frame);
      spend(right, frame);
      const value = binary(expression, left, right, frame.budget);
      return value.kind === "vector" ? merged(value, frame) : value;
    }
    case "negation": {
      const of = valueOf(expression.of, frame);
      if (of.kind === "scalar") return { kind: "scalar", values: of.values.map((value) => -value) };
      return mapped(of, frame, (value) => -value);
    }
  }
}

function called({ name, of, texts }: Call, frame: Frame): VectorValue {
  const [first, second] = of;
  if (first === undefined) throw new Error("the parser has counted the arguments");
  switch (name) {
    case "rate":
    case "irate":
    case "increase":
      if (first.kind !== "selector") throw new Error("the parser lets a selector alone be a range vector");
      return merged(rangeFunction(name, first, frame), frame);
    case "histogram_quantile": {
      const buckets = vectorOf(second ?? first, frame);
      return histogramQuantile(scalarOf(first, frame), buckets, frame.budget);
    }
    case "clamp_min": {
      const least = scalarOf(second ?? first, frame);
      return mapped(vectorOf(first, frame), frame, (value, step) => Math.max(value, least[step] ?? 0));
    }
    case "round": {
      // Multiplied by the inverse, as Prometheus does it: to divide first comes out otherwise in the last digits.
      const to = second === undefined ? null : scalarOf(second, frame);
      return mapped(vectorOf(first, frame), frame, (value, step) => {
        const inverse = 1 / (to?.[step] ?? 1);
        return Math.floor(value * inverse + 0.5) / inverse;
      });
    }
    case "label_join":
      return withJoined(vectorOf(first, frame), texts, frame);
    case "vector": {
      frame.budget.spend(frame.steps.length);
      const series = { ...emptySeries(new OwnLabels([]), frame.steps.length), values: scalarOf(first, frame) };
      series.present.fill(1);
      return { kind: "vector", series: [series], distinct: true };
    }
  }
}

/** Another value in the place of each; the result is no metric, and has no name. */
function mapped(vector: VectorValue, frame: Frame, map: (value: number, step: number) => number): VectorValue {
  spend(vector, frame);
  const series = vector.series.map(({ labels, values, present }) => ({
    labels: withoutName(labels),
    values: values.map(map),
    present,
  }));
  return merged({ ...vector, series }, frame);
}

/** The values of some labels, with a separator between them, in one label. */
function withJoined(vector: VectorValue, texts: readonly string[], frame: Frame): VectorValue {
  const [to = "", separator = "", ...from] = texts;
  spend(vector, frame);
  frame.budget.spend(vector.series.length * from.length);
  const series = vector.series.map((one) => {
    const values = from.map((name) => one.labels.get(name) ?? "");
    const length = values.reduce((sum, value) => sum + value.length, separator.length * Math.max(0, from.length - 1));
    if (length > MAX_LABEL_CHARACTERS) throw tooLong(to, length);
    frame.budget.spendCharacters(length);
    const joined = values.join(separator);
    return { ...one, labels: new ChangedLabels(one.labels, to, joined === "" ? undefined : joined) };
  });
  return merged({ kind: "vector", series, distinct: false }, frame);
}

function tooLong(label: string, length: number): QueryFailure {
  const message = `\`label_join\` would make the label \`${label}\` ${length} characters long, and a label has at most ${MAX_LABEL_CHARACTERS}; join fewer labels`;
  return new QueryFailure("query_too_large", message);
}

function vectorOf(expression: Expression, frame: Frame): VectorValue {
  const value = valueOf(expression, frame);
  if (value.kind !== "vector") throw new Error("the parser has checked the types");
  return value;
}

function scalarOf(expression: Expression, frame: Frame): ScalarValue["values"] {
  const value = valueOf(expression, frame);
  if (value.kind !== "scalar") throw new Error("the parser has checked the types");
  return value.values;
}

function spend(value: Value, { budget, steps }: Frame): void {
  budget.spend((value.kind === "vector" ? value.series.length : 1) * steps.length);
}

/** Where names were dropped: series that are the same now are one, unless both have a value at one step. */
function merged(vector: VectorValue, { budget }: Frame): VectorValue {
  if (vector.distinct) return vector;
  budget.spendKeys(vector.series.length);
  const groups = Map.groupBy(vector.series, ({ labels }) => budget.key(keyOf(labels)));
  return { ...vector, series: [...groups.values()].map(oneOf) };
}

function oneOf(twins: readonly VectorSeries[]): VectorSeries {
  const [first] = twins;
  if (first === undefined || twins.length === 1) return first ?? emptySeries(new OwnLabels([]), 0);
  const one = emptySeries(first.labels, first.values.length);
  for (const twin of twins)
    for (let step = 0; step < one.values.length; step += 1) {
      if (twin.present[step] !== 1) continue;
      if (one.present[step] === 1)
        throw new QueryFailure("query_failed", "several series have the same labels once the metric's name is gone");
      one.values[step] = twin.values[step] ?? 0;
      one.present[step] = 1;
    }
  return one;
}
