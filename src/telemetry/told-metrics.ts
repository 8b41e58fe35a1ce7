import type { IstioMetric, MetricsSettings, TagOverride } from "../snapshot/telemetry-model.ts";
import { type Expression, linkOfCall } from "./attributes.ts";
import type { Journal } from "./journal.ts";
import { UNKNOWN } from "./labels.ts";
import { type MetricLabels, METRIC_LABELS, type MetricSums, ownerOf, type Series, seriesKey } from "./metrics.ts";

/** What a Telemetry makes of the series of one reporter: a series for each group; none: nothing is counted. */
export type ToldMetrics = readonly MetricGroup[];

/** Metrics whose labels are changed alike. */
interface MetricGroup {
  /** Absent: all. */
  readonly only?: readonly IstioMetric[];
  readonly tags: readonly Tag[];
}

interface Tag {
  readonly name: string;
  /** Null: the call says it. */
  readonly fixed: string | null;
  readonly value: Expression;
}

/** Those that are counted here. */
const METRICS: readonly IstioMetric[] = ["REQUEST_COUNT", "REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE"];

/** @returns null where nothing is changed */
export function linkMetrics({ off, overrides }: MetricsSettings): ToldMetrics | null {
  if (off === true) return [];
  const groups = new Map<string, { readonly metrics: IstioMetric[]; readonly tags: readonly TagOverride[] }>();
  for (const metric of METRICS) {
    const { disabled, tags = [] } = overrides.find((override) => override.metric === metric) ?? {};
    if (disabled === true) continue;
    const text = JSON.stringify(tags);
    const group = groups.get(text);
    if (group === undefined) groups.set(text, { metrics: [metric], tags });
    else group.metrics.push(metric);
  }
  const all = [...groups.values()].map(({ metrics, tags }) => ({
    ...(metrics.length < METRICS.length && { only: metrics }),
    tags: tags.map(linkTag),
  }));
  const [first] = all;
  return first !== undefined && first.only === undefined && first.tags.length === 0 ? null : all;
}

function linkTag({ name, value }: TagOverride): Tag {
  if (value === undefined) return { name, fixed: "", value: () => "" };
  return { name, fixed: value.kind === "value" ? String(value.value) : null, value: linkOfCall(value) };
}

/** A label that calls fill is not a place for texts. */
const MAX_VALUE = 128;

/** How many series of which a call says a label an isolate may find: past this its word is `other`. */
export class SeriesBudget {
  #left = 2_000;
  /** Each namespace's part: its authors take no room from others. */
  readonly #owners = new Map<string, number>();

  /** @returns whether there was one left */
  take(owner: string): boolean {
    const left = this.#owners.get(owner) ?? 500;
    if (this.#left <= 0 || left <= 0) return false;
    this.#left -= 1;
    this.#owners.set(owner, left - 1);
    return true;
  }
}

/** Finds the series of one group for the calls that otherwise are of one series. */
export class ToldSeries {
  readonly #labels: MetricLabels;
  readonly #group: MetricGroup;
  readonly #sums: MetricSums;
  readonly #budget: SeriesBudget;
  readonly #owner: string;
  readonly #said: readonly Tag[];
  readonly #found = new Map<string, Series>();

  constructor(labels: MetricLabels, group: MetricGroup, sums: MetricSums, budget: SeriesBudget) {
    this.#labels = labels;
    this.#group = group;
    this.#sums = sums;
    this.#budget = budget;
    const { reporter, source_workload_namespace: source, destination_workload_namespace: destination } = labels;
    this.#owner = ownerOf(reporter, source, destination);
    this.#said = group.tags.filter(({ fixed }) => fixed === null);
  }

  /** @param now epoch ms: the end of the call */
  of(journal: Journal, now: number): Series {
    let text = "";
    for (const { value } of this.#said) text += `${said(value(journal, now))}\0`;
    const found = this.#found.get(text);
    if (found !== undefined) return found;
    if (this.#said.length > 0 && !this.#budget.take(this.#owner))
      return this.#make(
        OTHERS,
        this.#said.map(() => "other"),
      );
    return this.#make(text, text.split("\0"));
  }

  #make(text: string, values: readonly string[]): Series {
    const known = this.#found.get(text);
    if (known !== undefined) return known;
    const labels: Record<string, string> = { ...this.#labels };
    const more: Record<string, string> = {};
    for (const { name, fixed } of this.#group.tags) {
      const value = fixed ?? values[this.#said.findIndex((tag) => tag.name === name)] ?? "";
      if ((METRIC_LABELS as readonly string[]).includes(name)) labels[name] = value;
      else if (value !== "") more[name] = value;
    }
    const key = seriesKey(labels as MetricLabels, { only: this.#group.only, more });
    const series = this.#sums.series(key);
    this.#found.set(text, series);
    return series;
  }
}

const OTHERS = "\0other";

function said(value: string | number | boolean | undefined): string {
  return value === undefined ? UNKNOWN : String(value).replaceAll("\0", "").slice(0, MAX_VALUE);
}
