import type { RetryCondition, RetryPolicy } from "../snapshot/model.ts";

/** How an attempt ended, as far as it tells whether to try again. */
export type Result =
  | {
      readonly kind: "answer";
      readonly status: number;
      /** Of the headers; null: none there. */
      readonly grpcStatus: string | null;
      /** It bears `x-envoy-ratelimited`. */
      readonly rateLimited: boolean;
    }
  /**
   * `unsent`: no byte of the request went out. `reset`: the call broke off before an answer, or no connection came about, which
   * look alike here. `protocol`: what came is no answer. `late`: the time of one try was up.
   */
  | { readonly kind: "unsent" | "reset" | "protocol" | "late" };

/** A policy made ready: its conditions by what they look at. */
export interface LinkedRetries {
  readonly policy: RetryPolicy;
  /** Any end without an answer, and what is answered from and up to these. */
  readonly onReset: boolean;
  readonly onConnectFailure: boolean;
  readonly onUnsent: boolean;
  readonly on5xx: boolean;
  readonly onGatewayError: boolean;
  readonly onConflict: boolean;
  readonly onRateLimited: boolean;
  readonly statusCodes: ReadonlySet<number>;
  /** As they stand in the header; empty: none is looked at. */
  readonly grpcStatuses: ReadonlySet<string>;
}

/** Numbers of gRPC's statuses. */
const GRPC_STATUS: Readonly<Partial<Record<RetryCondition, string>>> = {
  cancelled: "1",
  "deadline-exceeded": "4",
  "resource-exhausted": "8",
  internal: "13",
  unavailable: "14",
};

export function linkRetries(policy: RetryPolicy): LinkedRetries {
  const on = new Set(policy.on);
  const onReset = on.has("5xx") || on.has("gateway-error") || on.has("reset");
  const onConnectFailure = onReset || on.has("connect-failure");
  return {
    policy,
    onReset,
    onConnectFailure,
    onUnsent: onConnectFailure || on.has("reset-before-request"),
    on5xx: on.has("5xx"),
    onGatewayError: on.has("gateway-error"),
    onConflict: on.has("retriable-4xx"),
    onRateLimited: on.has("envoy-ratelimited"),
    statusCodes: new Set(policy.statusCodes),
    grpcStatuses: new Set(policy.on.flatMap((condition) => GRPC_STATUS[condition] ?? [])),
  };
}

/** A second call of them does no more than the first (RFC 9110 §9.2.2; of WebDAV those that only read). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "QUERY", "PROPFIND", "SEARCH", "REPORT"]);

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/**
 * Whether a request that the service may have got can be sent again (R34): one that does no more the second time, and any other
 * where the route's author asked for it.
 */
export function isRepeatable({ explicit }: RetryPolicy, method: string): boolean {
  return explicit === true || isIdempotent(method);
}

/**
 * Whether one of the policy's conditions holds, as Envoy reads them.
 *
 * @param idempotent a broken call may have reached the service: as a failure to connect it counts only where that does no harm
 */
export function isRetried(retries: LinkedRetries, result: Result, idempotent: boolean): boolean {
  switch (result.kind) {
    case "unsent":
      return retries.onUnsent;
    case "reset":
      return idempotent ? retries.onConnectFailure : retries.onReset;
    case "protocol":
    case "late":
      return retries.onReset;
    case "answer":
      return isRetriedAnswer(retries, result.status, result.grpcStatus, result.rateLimited);
  }
}

/** The same of an answer: asked of each, so nothing is built for it. */
export function isRetriedAnswer(
  retries: LinkedRetries,
  status: number,
  grpcStatus: string | null,
  rateLimited: boolean,
): boolean {
  // Who limits the rate says whether to come again, whatever else stands in the answer.
  if (rateLimited) return retries.onRateLimited;
  if (status >= 500 && retries.on5xx) return true;
  if (status >= 502 && status <= 504 && retries.onGatewayError) return true;
  if (status === 409 && retries.onConflict) return true;
  if (retries.statusCodes.has(status)) return true;
  return grpcStatus !== null && retries.grpcStatuses.has(grpcStatus);
}
