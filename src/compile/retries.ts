import { parseDuration } from "../resources/duration.ts";
import { MAX_ATTEMPTS, readRetryOn, type RetriesSpec } from "../resources/retries.ts";
import type { RetryCondition, RetryPolicy } from "../snapshot/model.ts";
import { meshConfig } from "./view.ts";
import type { World } from "./world.ts";

/** Istio's default; what never happens here (`refused-stream`, `retriable-status-codes` without a code) is left out. */
const DEFAULT_ATTEMPTS = 2;
const DEFAULT_ON: readonly RetryCondition[] = ["connect-failure", "unavailable", "cancelled"];
const DEFAULT_BACKOFF_MS = 25;

const DEFAULT_POLICY: RetryPolicy = {
  attempts: DEFAULT_ATTEMPTS,
  on: DEFAULT_ON,
  statusCodes: [],
  backoffMs: DEFAULT_BACKOFF_MS,
};

/**
 * How calls of a route are tried again: as it says, else as the mesh's default does, else as Istio's. What a route leaves out is
 * Istio's, not the mesh's.
 */
export function retriesOf(world: World, spec: RetriesSpec | undefined): { readonly retries?: RetryPolicy } {
  const chosen = spec ?? meshConfig(world).defaultHttpRetryPolicy;
  if (chosen === undefined) return { retries: DEFAULT_POLICY };
  const policy = policyOf(chosen);
  if (policy === null) return {};
  return { retries: spec === undefined ? policy : { ...policy, explicit: true } };
}

function policyOf(spec: RetriesSpec): RetryPolicy | null {
  const { attempts = 0, retryOn = "", perTryTimeout, backoff, retryRemoteLocalities, retryIgnorePreviousHosts } = spec;
  if (attempts === 0) return null;
  const { conditions, codes } = readRetryOn(retryOn);
  const perTryTimeoutMs = perTryTimeout === undefined ? null : parseDuration(perTryTimeout);
  return {
    attempts: Math.min(attempts, MAX_ATTEMPTS),
    on: retryOn === "" ? DEFAULT_ON : conditions,
    statusCodes: codes,
    ...(perTryTimeoutMs !== null && { perTryTimeoutMs }),
    backoffMs: (backoff === undefined ? null : parseDuration(backoff)) ?? DEFAULT_BACKOFF_MS,
    ...(retryIgnorePreviousHosts !== undefined && { avoidPrevious: retryIgnorePreviousHosts }),
    ...(retryRemoteLocalities === true && { remoteLocalities: true }),
  };
}
