import type { RetryPolicy } from "../snapshot/model.ts";

/** A second call of them does no more than the first (RFC 9110 §9.2.2; of WebDAV those that only read). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "QUERY", "PROPFIND", "SEARCH", "REPORT"]);

/**
 * Whether a request that the service may have got can be sent again (R34): one that does no more the second time, and any other
 * where the route's author asked for it.
 */
export function isRepeatable({ explicit }: RetryPolicy, method: string): boolean {
  return explicit === true || IDEMPOTENT.has(method);
}
