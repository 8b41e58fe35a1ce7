import type { LinkedCluster } from "../snapshot/link.ts";

/**
 * Where a cluster is whose endpoint is the host that was asked for.
 *
 * @param host as it will be sent: lower case, without port
 * @returns `https://` and the host; null where it is none of those that may be called so
 */
export function dynamicOrigin({ dynamic }: LinkedCluster, host: string): string | null {
  return dynamic !== null && dynamic.hosts.has(host) && !dynamic.except.has(host) ? `https://${host}` : null;
}
