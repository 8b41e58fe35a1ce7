import type { Budget } from "./budget.ts";
import {
  emptySeries,
  keyOf,
  type Labels,
  METRIC_NAME,
  type Value,
  type VectorSeries,
  valuesOf,
  type VectorValue,
  withoutName,
} from "./series.ts";
import { type BinaryExpression, isComparison, type Matching, QueryFailure } from "./syntax.ts";

type Operator = Exclude<BinaryExpression["operator"], "or">;

/** `left operator right`, at each step. */
export function binary(
  { operator, bool, matching }: BinaryExpression,
  left: Value,
  right: Value,
  budget: Budget,
): Value {
  if (operator === "or") return united(vectorOf(left), vectorOf(right), matching, budget);
  if (left.kind === "scalar" && right.kind === "scalar")
    return {
      kind: "scalar",
      values: left.values.map((value, step) => compute(operator, value, right.values[step] ?? 0)),
    };
  if (left.kind === "vector" && right.kind === "vector") return matched(operator, bool, left, right, budget);
  return left.kind === "vector"
    ? withScalar(operator, bool, left, right.kind === "scalar" ? right.values : new Float64Array(), false)
    : withScalar(operator, bool, vectorOf(right), left.values, true);
}

function vectorOf(value: Value): VectorValue {
  return value.kind === "vector" ? value : { kind: "vector", series: [], distinct: true };
}

function withScalar(
  operator: Operator,
  bool: boolean,
  vector: VectorValue,
  scalar: Float64Array,
  scalarIsLeft: boolean,
): VectorValue {
  const filters = isComparison(operator) && !bool;
  const series = vector.series.map((one) => {
    const result = emptySeries(filters ? one.labels : withoutName(one.labels), one.values.length);
    for (let step = 0; step < one.values.length; step += 1) {
      if (one.present[step] !== 1) continue;
      const [value = 0, other = 0] = [one.values[step], scalar[step]];
      const computed = scalarIsLeft ? compute(operator, other, value) : compute(operator, value, other);
      if (filters && computed === 0) continue;
      result.values[step] = filters ? value : computed;
      result.present[step] = 1;
    }
    return result;
  });
  return { ...vector, series: series.filter(({ present }) => present.includes(1)) };
}

/** Each with the one of the other side that has the same labels but for the metric's name. */
function matched(
  operator: Operator,
  bool: boolean,
  left: VectorValue,
  right: VectorValue,
  budget: Budget,
): VectorValue {
  const filters = isComparison(operator) && !bool;
  const others = bySignature(right, budget);
  refuseTwins(others);
  const taken = new Map<string, Uint8Array>();
  budget.spendKeys(left.series.length);
  const series = left.series.flatMap((one) => {
    const key = budget.key(keyOf(one.labels, METRIC_NAME));
    const result = emptySeries(filters ? one.labels : withoutName(one.labels), one.values.length);
    for (const other of others.get(key) ?? [])
      for (let step = 0; step < one.values.length; step += 1) {
        if (one.present[step] !== 1 || other.present[step] !== 1) continue;
        claim(taken, key, step, one.values.length);
        const [value = 0, second = 0] = [one.values[step], other.values[step]];
        const computed = compute(operator, value, second);
        if (filters && computed === 0) continue;
        result.values[step] = filters ? value : computed;
        result.present[step] = 1;
      }
    return result.present.includes(1) ? [result] : [];
  });
  return { kind: "vector", series, distinct: left.distinct };
}

function claim(taken: Map<string, Uint8Array>, key: string, step: number, steps: number): void {
  const claimed = taken.get(key) ?? new Uint8Array(steps);
  taken.set(key, claimed);
  if (claimed[step] === 1) throw severalOf("left");
  claimed[step] = 1;
}

function bySignature({ series }: VectorValue, budget: Budget): Map<string, VectorSeries[]> {
  budget.spendKeys(series.length);
  return Map.groupBy(series, ({ labels }) => budget.key(keyOf(labels, METRIC_NAME)));
}

function refuseTwins(groups: ReadonlyMap<string, readonly VectorSeries[]>): void {
  for (const twins of groups.values()) {
    if (twins.length < 2) continue;
    const steps = twins[0]?.present.length ?? 0;
    for (let step = 0; step < steps; step += 1)
      if (twins.filter(({ present }) => present[step] === 1).length > 1) throw severalOf("right");
  }
}

function severalOf(side: "left" | "right"): QueryFailure {
  return new QueryFailure(
    "query_failed",
    `several series on the ${side} of an operator have the same labels but for the metric's name; select one metric, or aggregate`,
  );
}

/** All of the left, and of the right what the left has not. */
function united(left: VectorValue, right: VectorValue, matching: Matching | null, budget: Budget): VectorValue {
  const signature = signatureBy(matching);
  const many = left.series.length + right.series.length;
  const lefts = new Map<string, Uint8Array>();
  budget.spendKeys(many);
  budget.spendLookUps(many * (matching?.labels.length ?? 0));
  for (const { labels, present } of left.series) {
    const key = budget.key(signature(labels));
    const seen = lefts.get(key);
    if (seen === undefined) lefts.set(key, present.slice());
    else for (const [step, is] of present.entries()) if (is === 1) seen[step] = 1;
  }
  const rest = right.series.flatMap((one) => {
    const seen = lefts.get(budget.key(signature(one.labels)));
    const present = one.present.map((is, step) => (seen?.[step] === 1 ? 0 : is));
    return present.includes(1) ? [{ ...one, present }] : [];
  });
  return { kind: "vector", series: [...left.series, ...rest], distinct: false };
}

/** The same text for series that belong together. */
function signatureBy(matching: Matching | null): (labels: Labels) => string {
  if (matching === null) return (labels) => keyOf(labels, METRIC_NAME);
  const { on, labels: names } = matching;
  if (!on) return (labels) => keyOf(labels, METRIC_NAME, ...names);
  return (labels) => valuesOf(labels, names);
}

/** Of a comparison 0 or 1. */
function compute(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
    case "^":
      return power(left, right);
    case "==":
      return Number(left === right);
    case "!=":
      return Number(left !== right);
    case "<":
      return Number(left < right);
    case "<=":
      return Number(left <= right);
    case ">":
      return Number(left > right);
    case ">=":
      return Number(left >= right);
  }
}

/** As IEEE 754 has it, and with it Prometheus: JavaScript differs where the base is 1 or -1. */
function power(base: number, exponent: number): number {
  if (base === 1 || (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY)) return 1;
  return base ** exponent;
}
