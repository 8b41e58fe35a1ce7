/** What is charted: labels that calls have in common. */
export type Selector = Readonly<Record<string, string>>;

/** Prometheus' answer to a range. */
export interface RangeAnswer {
  readonly status: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [number, string])[];
    }[];
  };
}

/** The same of one moment. */
export interface Instant {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [number, string];
    }[];
  };
}

export interface Lines {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

/** A selector's text: values are quoted as PromQL quotes them. */
export function selectorText(selector: Selector): string {
  return Object.entries(selector)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(",");
}

/** The golden signals of calls, or of a route's answers, as PromQL. */
export function goldenQueries(selector: Selector, ofRoute: boolean) {
  // Istio's are named by milliseconds, which are what is charted; our own have Prometheus' base unit.
  const [requests, duration, times] = ofRoute
    ? ["tulle_route_requests_total", "tulle_route_request_duration_seconds", "1000 * "]
    : ["istio_requests_total", "istio_request_duration_milliseconds", ""];
  const labels = selectorText(ofRoute ? selector : { reporter: "destination", ...selector });
  const all = `sum(rate(${requests}{${labels}}[1m]))`;
  const quantile = (part: number): string =>
    `${times}histogram_quantile(${part}, sum by (le) (rate(${duration}_bucket{${labels}}[1m])))`;
  return {
    requests: `sum by (response_code) (rate(${requests}{${labels}}[1m]))`,
    success: `(${all} - (sum(rate(${requests}{${labels},response_code=~"5.."}[1m])) or vector(0))) / ${all}`,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
  };
}

/** @param seconds how far back */
export function rangePath(query: string, seconds: number, now: number): string {
  const step = Math.max(15, Math.ceil(seconds / 120 / 15) * 15);
  const end = Math.floor(now / 1_000 / step) * step;
  const parameters = new URLSearchParams({ query, start: String(end - seconds), end: String(end), step: String(step) });
  return `/api/v1/query_range?${parameters}`;
}

/**
 * Several answers as lines over the same moments.
 *
 * @param answers each with what its lines are called: a text, or the label that names them
 */
export function linesOf(
  answers: readonly { readonly answer: RangeAnswer; readonly name: string; readonly by?: string }[],
): Lines {
  const named = answers.flatMap(({ answer, name, by }) =>
    answer.data.result.map(({ metric, values }) => ({
      label: by === undefined ? name : (metric[by] ?? name),
      values: new Map(values.map(([at, value]) => [at, Number(value)])),
    })),
  );
  const times = [...new Set(named.flatMap(({ values }) => [...values.keys()]))].sort((a, b) => a - b);
  return {
    times,
    series: named.map(({ label, values }) => ({
      label,
      values: times.map((at) => {
        const value = values.get(at);
        return value === undefined || !Number.isFinite(value) ? null : value;
      }),
    })),
  };
}
