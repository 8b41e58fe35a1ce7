import { counterLabels, type CounterName } from "./counters.ts";
import { escaped, type Format, head } from "./exposition.ts";

/** What the counters beside Istio's count. */
const HELP: Readonly<Record<CounterName, string>> = {
  tulle_ejections_total:
    "Endpoints that outlier detection ejected, as the cell of each location joined what its isolates saw.",
  tulle_retries_total: "Attempts that failed in a way that the route's policy tries again, by what became of it.",
  tulle_mirror_requests_total: "Copies of requests, by what became of them: an answer, or why there was none.",
  tulle_observed_refusals_total:
    "Requests that would have been refused where their service's namespace did not observe, by why and by which policy.",
  tulle_ext_authz_requests_total: "Questions to external authorizers, by what came of them.",
  tulle_rate_limited_total:
    "Requests that were over a rate limit, audited ones too, lacked what it counts by, or whose limit is closed and could not be asked.",
  tulle_limiter_failures_total: "Calls of the objects that count requests which failed, or took too long.",
  tulle_api_key_lookups_total:
    "API keys that a gateway asked control about, by what came of it; failed: calls that brought nothing.",
  tulle_body_length_unknown_total:
    "Bodies of requests and of answers whose length is not known: they are in no histogram of bytes.",
  tulle_authz_audit_total: "Requests that an AUDIT policy matches.",
  tulle_authz_dry_run_total: "Requests that policies under istio.io/dry-run looked at, by what would have come of it.",
};

/** A text a counter. @param counts by `counterKey`; those of a name that is not known here are left out */
export function counterPieces(counts: Readonly<Record<string, number>>, format: Format): readonly string[] {
  const series = Object.entries(counts).map(([key, count]) => ({ values: JSON.parse(key) as string[], count }));
  return Object.entries(HELP).map(([name, help]) => {
    const labels = counterLabels(name) ?? [];
    const lines = series
      .filter(({ values: [of] }) => of === name)
      .map(({ values: [, ...values], count }) => {
        const text = labels.map((one, at) => `${one}="${escaped(values[at] ?? "")}"`);
        return `${name}{${text.join(",")}} ${count}\n`;
      });
    return head(name, "counter", help, format) + lines.join("");
  });
}
