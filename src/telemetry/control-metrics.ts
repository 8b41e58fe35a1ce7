import { escaped, type Format, head } from "./exposition.ts";

/** What control counts of itself, under Istio's names as far as something here is what they mean. */
const CONTROL_COUNTERS = {
  pilot_xds_pushes: { help: "Roots and slices that were handed to cells.", labels: ["type"] },
  pilot_push_triggers: { help: "What made roots be written anew.", labels: ["type"] },
  pilot_k8s_cfg_events: { help: "Changes of configuration that were stored.", labels: ["type", "event"] },
  pilot_k8s_reg_events: {
    help: "Changes of services and their endpoints that were stored.",
    labels: ["type", "event"],
  },
  pilot_total_xds_rejects: { help: "Roots that isolates of gateways refused.", labels: ["type"] },
  pilot_total_xds_internal_errors: { help: "Cells that were not answered because of a fault of control.", labels: [] },
  galley_validation_passed: {
    help: "Objects that were valid when they were written, dry runs too.",
    labels: ["group", "kind"],
  },
  galley_validation_failed: {
    help: "Objects that were refused when they were written, dry runs too.",
    labels: ["group", "kind", "reason"],
  },
} as const;

/** Bounds as Istio has them; one more bucket counts what is above. */
const CONTROL_HISTOGRAMS = {
  pilot_xds_push_time: {
    help: "Seconds from the storing of a generation until a cell was handed a root of it.",
    labels: ["type"],
    bounds: [0.01, 0.1, 1, 3, 5, 10, 20, 30],
  },
  pilot_xds_config_size_bytes: {
    help: "Characters of each root and slice that was handed to a cell.",
    labels: ["type"],
    bounds: [10_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000],
  },
} as const;

type Labels<Names extends readonly string[]> = Readonly<Record<Names[number], string>>;
export type CounterName = keyof typeof CONTROL_COUNTERS;
export type CounterLabels<Name extends CounterName> = Labels<(typeof CONTROL_COUNTERS)[Name]["labels"]>;
export type HistogramName = keyof typeof CONTROL_HISTOGRAMS;
type HistogramLabels<Name extends HistogramName> = Labels<(typeof CONTROL_HISTOGRAMS)[Name]["labels"]>;

/** Where the sum stands, in the place of a bucket's index. */
const SUM = "sum";

/** The key under which a counter of control's grows, among those of `TelemetryReport.counts`. */
export function controlKey<Name extends CounterName>(name: Name, labels: CounterLabels<Name>): string {
  return keyOf(name, CONTROL_COUNTERS[name].labels, labels, []);
}

/** What grows where a value is observed, and by how much. */
export function observed<Name extends HistogramName>(
  name: Name,
  labels: HistogramLabels<Name>,
  value: number,
): readonly (readonly [key: string, by: number])[] {
  const { labels: names, bounds } = CONTROL_HISTOGRAMS[name];
  const found = bounds.findIndex((bound) => value <= bound);
  const bucket = String(found === -1 ? bounds.length : found);
  return [[keyOf(name, names, labels, [bucket]), 1] as const, [keyOf(name, names, labels, [SUM]), value] as const];
}

function keyOf(
  name: string,
  names: readonly string[],
  labels: Readonly<Record<string, string>>,
  more: readonly string[],
): string {
  return JSON.stringify([name, ...names.map((label) => labels[label]), ...more]);
}

/** A text a metric. @param counts by key; those of other names are left out */
export function* controlPieces(counts: Readonly<Record<string, number>>, format: Format): Generator<string> {
  const grown = Object.entries(counts).map(([key, count]) => ({ values: JSON.parse(key) as string[], count }));
  const of = (name: string) =>
    grown.filter(({ values }) => values[0] === name).map(({ values, count }) => ({ values: values.slice(1), count }));
  for (const [name, { help, labels }] of Object.entries(CONTROL_COUNTERS)) {
    const series = of(name);
    // One without labels is there from the start.
    if (labels.length === 0 && series.length === 0) series.push({ values: [], count: 0 });
    const lines = series.map(({ values, count }) => `${name}${braced(textOf(labels, values))} ${count}\n`);
    yield head(name, "counter", help, format) + lines.join("");
  }
  for (const [name, { help, labels, bounds }] of Object.entries(CONTROL_HISTOGRAMS)) {
    const series = new Map<string, Map<string, number>>();
    for (const { values, count } of of(name)) {
      const text = textOf(labels, values);
      const buckets = series.get(text) ?? new Map<string, number>();
      series.set(text, buckets.set(values[labels.length] ?? "", count));
    }
    yield head(name, "histogram", help, format);
    for (const [text, buckets] of series) yield histogram(name, text, bounds, buckets);
  }
}

function histogram(
  name: string,
  text: string,
  bounds: readonly number[],
  buckets: ReadonlyMap<string, number>,
): string {
  let reached = 0;
  let lines = "";
  for (let at = 0; at <= bounds.length; at += 1) {
    reached += buckets.get(String(at)) ?? 0;
    lines += `${name}_bucket{${text},le="${bounds[at] ?? "+Inf"}"} ${reached}\n`;
  }
  return `${lines}${name}_sum{${text}} ${buckets.get(SUM) ?? 0}\n${name}_count{${text}} ${reached}\n`;
}

/** What a key of control's counts in: a counter, or one part of a histogram. */
export interface ControlPart {
  readonly name: string;
  readonly labels: readonly string[];
  readonly values: readonly string[];
  /** Of a histogram: its bounds, and which bucket this is, or its sum. Absent: a counter. */
  readonly histogram?: { readonly bounds: readonly number[]; readonly part: number | "sum" };
}

/** @returns null where it is no key of control's */
export function controlPart(key: string): ControlPart | null {
  const [name = "", ...values] = JSON.parse(key) as string[];
  if (Object.hasOwn(CONTROL_COUNTERS, name))
    return { name, labels: CONTROL_COUNTERS[name as CounterName].labels, values };
  if (!Object.hasOwn(CONTROL_HISTOGRAMS, name)) return null;
  const { labels, bounds } = CONTROL_HISTOGRAMS[name as HistogramName];
  // The key of a whole histogram names no part: any will do.
  const part = values[labels.length] ?? SUM;
  const histogram = { bounds, part: part === SUM ? SUM : Number(part) } as const;
  return { name, labels, values: values.slice(0, labels.length), histogram };
}

function textOf(labels: readonly string[], values: readonly string[]): string {
  return labels.map((label, at) => `${label}="${escaped(values[at] ?? "")}"`).join(",");
}

function braced(text: string): string {
  return text === "" ? "" : `{${text}}`;
}
