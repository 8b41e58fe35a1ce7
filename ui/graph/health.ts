import type { Traffic } from "./model.ts";

export type Health = "healthy" | "degraded" | "failure" | "idle";

/**
 * Kiali's thresholds in percent: of its default tolerance a share at or above one counts, and none counts where nothing failed.
 *
 * @see https://kiali.io/docs/configuration/health
 */
const ERRORS = { degraded: 0, failure: 10 };
const REFUSED = { degraded: 10, failure: 20 };

export function healthOf({
  requests,
  errorRate,
  refusedRate,
}: Pick<Traffic, "requests" | "errorRate" | "refusedRate">): Health {
  if (requests === 0) return "idle";
  return worse(judged(errorRate * 100, ERRORS), judged(refusedRate * 100, REFUSED));
}

function judged(share: number, { degraded, failure }: { readonly degraded: number; readonly failure: number }): Health {
  if (share <= 0) return "healthy";
  if (share >= failure) return "failure";
  return share >= degraded ? "degraded" : "healthy";
}

const ORDER = ["idle", "healthy", "degraded", "failure"] as const satisfies readonly Health[];

export function worse(a: Health, b: Health): Health {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}
