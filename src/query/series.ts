/** Names and values of a series' labels, the metric's name as `__name__`; no value is empty. */
export interface Labels {
  get(name: string): string | undefined;
  /** In no order that means anything. */
  names(): Iterable<string>;
  /** How many changes stand on top of each other. */
  readonly depth: number;
}

export const METRIC_NAME = "__name__";

/** Labels of their own. */
export class OwnLabels implements Labels {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: Iterable<readonly [name: string, value: string]>) {
    this.#values = new Map([...values].filter(([, value]) => value !== ""));
  }

  get depth(): number {
    return 0;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  names(): Iterable<string> {
    return this.#values.keys();
  }
}

/** A histogram's series with a changed label and no name have so many changes. */
const MAX_DEPTH = 4;

/** Calls nest, and each may change labels: many changes become labels of their own, or each look would go through all of them. */
function shallow(labels: Labels): Labels {
  if (labels.depth < MAX_DEPTH) return labels;
  return new OwnLabels(Array.from(labels.names(), (name) => [name, labels.get(name) ?? ""] as const));
}

/** Those of another with one changed or taken away: a histogram's series share all but two of their many labels. */
export class ChangedLabels implements Labels {
  readonly #base: Labels;
  readonly #name: string;
  readonly #value: string | undefined;
  readonly depth: number;

  /** @param value undefined: it is taken away */
  constructor(base: Labels, name: string, value: string | undefined) {
    this.#base = shallow(base);
    this.depth = this.#base.depth + 1;
    this.#name = name;
    this.#value = value;
  }

  get(name: string): string | undefined {
    return name === this.#name ? this.#value : this.#base.get(name);
  }

  *names(): Iterable<string> {
    for (const name of this.#base.names()) if (name !== this.#name) yield name;
    if (this.#value !== undefined) yield this.#name;
  }
}

/** Those of another but some: in one step, however many these are. */
export class RemainingLabels implements Labels {
  readonly #base: Labels;
  readonly #left: ReadonlySet<string>;
  readonly depth: number;

  /** @param left may be shared by many series */
  constructor(base: Labels, left: ReadonlySet<string>) {
    this.#base = shallow(base);
    this.depth = this.#base.depth + 1;
    this.#left = left;
  }

  get(name: string): string | undefined {
    return this.#left.has(name) ? undefined : this.#base.get(name);
  }

  *names(): Iterable<string> {
    for (const name of this.#base.names()) if (!this.#left.has(name)) yield name;
  }
}

export function withoutName(labels: Labels): Labels {
  return labels.get(METRIC_NAME) === undefined ? labels : new ChangedLabels(labels, METRIC_NAME, undefined);
}

/** The same text for the same labels. @param except left out */
export function keyOf(labels: Labels, ...except: readonly string[]): string {
  const names = [...labels.names()].filter((name) => !except.includes(name)).sort();
  return JSON.stringify(names.map((name) => [name, labels.get(name)]));
}

/** The same text for the same values of these. */
export function valuesOf(labels: Labels, names: readonly string[]): string {
  return JSON.stringify(names.map((name) => labels.get(name) ?? ""));
}

/** What was measured of one series, in the order of time. */
export interface SampledSeries {
  readonly labels: Labels;
  /** Epoch ms; mostly shared by many series. */
  readonly times: Float64Array;
  readonly values: Float64Array;
}

/** One series of an instant vector, at each step. */
export interface VectorSeries {
  readonly labels: Labels;
  readonly values: Float64Array;
  /** 1 where it has a value: NaN is one. */
  readonly present: Uint8Array;
}

export interface VectorValue {
  readonly kind: "vector";
  readonly series: readonly VectorSeries[];
  /** Whether no two of them are the same but for the metric's name. */
  readonly distinct: boolean;
}

export interface ScalarValue {
  readonly kind: "scalar";
  readonly values: Float64Array;
}

export type Value = VectorValue | ScalarValue;

export function emptySeries(labels: Labels, steps: number): VectorSeries {
  return { labels, values: new Float64Array(steps), present: new Uint8Array(steps) };
}
