/** Counters beside Istio's, with their labels in order; what they count stands in counter-pieces.ts: gateways, which only count, need no words for it. */
const COUNTERS = {
  tulle_ejections_total: ["source_principal", "cluster", "endpoint", "cause"],
  tulle_retries_total: ["source_principal", "cluster", "result"],
  tulle_mirror_requests_total: ["source_principal", "cluster", "result"],
  tulle_observed_refusals_total: ["details", "policy", "cluster"],
  tulle_ext_authz_requests_total: ["provider", "result"],
  tulle_rate_limited_total: ["limit", "verdict"],
  tulle_limiter_failures_total: [],
  tulle_api_key_lookups_total: ["result"],
  tulle_body_length_unknown_total: ["body", "destination_service"],
  tulle_authz_audit_total: ["policy", "cluster"],
  tulle_authz_dry_run_total: ["action", "result", "policy", "cluster"],
} as const;

export type CounterName = keyof typeof COUNTERS;

/** The key of a series: the counter's name and its label values, as JSON. */
export function counterKey<Name extends CounterName>(
  name: Name,
  labels: Readonly<Record<(typeof COUNTERS)[Name][number], string>>,
): string {
  const values: Readonly<Record<string, string>> = labels;
  return JSON.stringify([name, ...COUNTERS[name].map((label) => values[label])]);
}

/** Labels of a counter, in the order in which a key has them; null: it is not known here. */
export function counterLabels(name: string): readonly string[] | null {
  return Object.hasOwn(COUNTERS, name) ? COUNTERS[name as CounterName] : null;
}
