import { escaped, type Format, head } from "./exposition.ts";

/** Counters beside Istio's: what they count, and their labels in order. */
const COUNTERS = {
  tulle_ejections_total: {
    help: "Endpoints that outlier detection ejected, as the cell of each location joined what its isolates saw.",
    labels: ["source_principal", "cluster", "endpoint", "cause"],
  },
  tulle_retries_total: {
    help: "Attempts that failed in a way that the route's policy tries again, by what became of it.",
    labels: ["source_principal", "cluster", "result"],
  },
  tulle_mirror_requests_total: {
    help: "Copies of requests, by what became of them: an answer, or why there was none.",
    labels: ["source_principal", "cluster", "result"],
  },
  tulle_observed_refusals_total: {
    help: "Requests that would have been refused where their service's namespace did not observe, by why and by which policy.",
    labels: ["details", "policy", "cluster"],
  },
  tulle_ext_authz_requests_total: {
    help: "Questions to external authorizers, by what came of them.",
    labels: ["provider", "result"],
  },
  tulle_rate_limited_total: {
    help: "Requests that were over a rate limit, audited ones too, lacked what it counts by, or whose limit is closed and could not be asked.",
    labels: ["limit", "verdict"],
  },
  tulle_limiter_failures_total: {
    help: "Calls of the objects that count requests which failed, or took too long.",
    labels: [],
  },
  tulle_api_key_lookups_total: {
    help: "API keys that a gateway asked control about, by what came of it; failed: calls that brought nothing.",
    labels: ["result"],
  },
  tulle_body_length_unknown_total: {
    help: "Bodies of requests and of answers whose length is not known: they are in no histogram of bytes.",
    labels: ["body", "destination_service"],
  },
  tulle_authz_audit_total: {
    help: "Requests that an AUDIT policy matches.",
    labels: ["policy", "cluster"],
  },
  tulle_authz_dry_run_total: {
    help: "Requests that policies under istio.io/dry-run looked at, by what would have come of it.",
    labels: ["action", "result", "policy", "cluster"],
  },
} as const;

type CounterName = keyof typeof COUNTERS;

/** The key of a series: the counter's name and its label values, as JSON. */
export function counterKey<Name extends CounterName>(
  name: Name,
  labels: Readonly<Record<(typeof COUNTERS)[Name]["labels"][number], string>>,
): string {
  const values: Readonly<Record<string, string>> = labels;
  return JSON.stringify([name, ...COUNTERS[name].labels.map((label) => values[label])]);
}

/** Labels of a counter, in the order in which a key has them; null: it is not known here. */
export function counterLabels(name: string): readonly string[] | null {
  return Object.hasOwn(COUNTERS, name) ? COUNTERS[name as CounterName].labels : null;
}

/** A text a counter. @param counts by `counterKey`; those of a name that is not known here are left out */
export function counterPieces(counts: Readonly<Record<string, number>>, format: Format): readonly string[] {
  const series = Object.entries(counts).map(([key, count]) => ({ values: JSON.parse(key) as string[], count }));
  return Object.entries(COUNTERS).map(([name, { help, labels }]) => {
    const lines = series
      .filter(({ values: [of] }) => of === name)
      .map(({ values: [, ...values], count }) => {
        const text = labels.map((one, at) => `${one}="${escaped(values[at] ?? "")}"`);
        return `${name}{${text.join(",")}} ${count}\n`;
      });
    return head(name, "counter", help, format) + lines.join("");
  });
}
