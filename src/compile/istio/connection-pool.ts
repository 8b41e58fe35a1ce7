import type { ConnectionPoolSpec, RetryBudgetSpec } from "../../resources/connection-pool.ts";
import { parseDuration } from "../../resources/duration.ts";
import type { PoolSettings } from "../../snapshot/model.ts";

/** How many calls run, wait and are tried again at once. */
export function poolSettings(pool: ConnectionPoolSpec = {}, budget: RetryBudgetSpec | undefined): PoolSettings {
  const { tcp = {}, http = {} } = pool;
  const { maxConnections } = tcp;
  const { http2MaxRequests: maxRequests, http1MaxPendingRequests: maxPending, maxRetries } = http;
  return {
    // 0 is no limit, as in Istio.
    ...(maxConnections && { maxConnections }),
    ...(maxRequests && { maxRequests }),
    ...(maxPending && { maxPending }),
    ...(maxRetries && { maxRetries }),
    ...(budget && { retryBudget: budgetSettings(budget) }),
  };
}

function budgetSettings({ percent = 20, minRetryConcurrency = 3, budgetInterval }: RetryBudgetSpec) {
  return {
    percent,
    minConcurrency: minRetryConcurrency,
    intervalMs: budgetInterval === undefined ? 0 : (parseDuration(budgetInterval) ?? 0),
  };
}
