import type { Budget } from "./budget.ts";
import {
  type Labels,
  METRIC_NAME,
  OwnLabels,
  RemainingLabels,
  keyOf,
  valuesOf,
  type VectorSeries,
  type VectorValue,
} from "./series.ts";
import type { Aggregation, AggregationName } from "./syntax.ts";

interface Group {
  readonly labels: Labels;
  readonly members: VectorSeries[];
}

/** @param parameter how many, of topk, for each step */
export function aggregate(
  { operator, labels, without }: Aggregation,
  of: VectorValue,
  parameter: Float64Array | null,
  budget: Budget,
): VectorValue {
  const groups = [...grouped(of.series, labels, without, budget).values()];
  if (operator === "topk") {
    budget.spend(of.series.length * (parameter?.length ?? 0));
    return { ...of, series: groups.flatMap(({ members }) => largest(members, parameter ?? new Float64Array())) };
  }
  budget.spend(groups.length * (of.series[0]?.values.length ?? 0));
  const series = groups.map(({ labels: group, members }) => folded(operator, group, members));
  return { kind: "vector", series, distinct: without || !labels.includes(METRIC_NAME) };
}

function grouped(
  series: readonly VectorSeries[],
  names: readonly string[],
  without: boolean,
  budget: Budget,
): Map<string, Group> {
  if (without) budget.spendKeys(series.length);
  budget.spendLookUps(series.length * names.length);
  const groups = new Map<string, Group>();
  const left = [...names, METRIC_NAME];
  const leftOut = new Set(left);
  for (const one of series) {
    const key = budget.key(without ? keyOf(one.labels, ...left) : valuesOf(one.labels, names));
    const group = groups.get(key);
    if (group !== undefined) group.members.push(one);
    else
      groups.set(key, {
        labels: without ? new RemainingLabels(one.labels, leftOut) : only(one.labels, names),
        members: [one],
      });
  }
  return groups;
}

function only(labels: Labels, names: readonly string[]): Labels {
  return new OwnLabels(names.map((name) => [name, labels.get(name) ?? ""] as const));
}

function folded(
  operator: Exclude<AggregationName, "topk">,
  labels: Labels,
  members: readonly VectorSeries[],
): VectorSeries {
  const steps = members[0]?.values.length ?? 0;
  const values = new Float64Array(steps);
  const counts = new Uint32Array(steps);
  for (const member of members)
    for (let step = 0; step < steps; step += 1) {
      if (member.present[step] !== 1) continue;
      const [before = 0, count = 0, value = 0] = [values[step], counts[step], member.values[step]];
      values[step] = count === 0 && operator !== "count" ? value : joined(operator, before, value);
      counts[step] = count + 1;
    }
  if (operator === "avg")
    for (let step = 0; step < steps; step += 1) values[step] = (values[step] ?? 0) / (counts[step] ?? 1);
  return { labels, values, present: Uint8Array.from(counts, (count) => (count > 0 ? 1 : 0)) };
}

/** NaN is the smallest and the largest only where there is nothing else. */
function joined(operator: Exclude<AggregationName, "topk">, before: number, value: number): number {
  switch (operator) {
    case "sum":
    case "avg":
      return before + value;
    case "min":
      return value < before || Number.isNaN(before) ? value : before;
    case "max":
      return value > before || Number.isNaN(before) ? value : before;
    case "count":
      return before + 1;
  }
}

/** The series of one group, each where it is among the largest. */
function largest(members: readonly VectorSeries[], wanted: Float64Array): readonly VectorSeries[] {
  const kept = members.map((member) => ({ ...member, present: new Uint8Array(member.present.length) }));
  for (const [step, many] of wanted.entries()) {
    const present = members.flatMap((member, at) =>
      member.present[step] === 1 ? [{ at, value: member.values[step] ?? 0 }] : [],
    );
    present.sort((one, other) => downwards(one.value, other.value));
    for (const { at } of present.slice(0, Math.max(0, Math.trunc(many) || 0))) {
      const series = kept[at];
      if (series !== undefined) series.present[step] = 1;
    }
  }
  return kept.filter(({ present }) => present.includes(1));
}

/** The largest first, NaN last. */
export function downwards(one: number, other: number): number {
  if (Number.isNaN(one) || Number.isNaN(other)) return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
  return one < other ? 1 : one > other ? -1 : 0;
}
