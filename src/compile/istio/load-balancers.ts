import { MOST_PLACES_HERE, MOST_SLOTS_HERE } from "../../resources/consistent-hash.ts";
import { parseDuration } from "../../resources/duration.ts";
import type { LoadBalancerSpec } from "../../resources/load-balancer.ts";
import type { HashKey, LoadBalancer, Warmup } from "../../snapshot/model.ts";

type ConsistentHash = NonNullable<LoadBalancerSpec["consistentHash"]>;
type Cookie = NonNullable<ConsistentHash["httpCookie"]>;

const DEFAULT_RING_SIZE = 1024;
const DEFAULT_MINIMUM_PERCENT = 10;

/** LEAST_REQUEST unless something else is said, as in Istio. */
export function loadBalancerOf(spec: LoadBalancerSpec | undefined): LoadBalancer {
  const { simple, consistentHash } = spec ?? {};
  if (consistentHash !== undefined) return hashing(consistentHash);
  return simple === "ROUND_ROBIN" || simple === "RANDOM" ? simple : "LEAST_REQUEST";
}

/** Istio's defaults: from a tenth of the weight, in a straight line. */
export function warmupOf(spec: LoadBalancerSpec | undefined): Warmup | null {
  const { warmup, warmupDurationSecs, simple, consistentHash } = spec ?? {};
  const durationMs = parseDuration(warmup?.duration ?? warmupDurationSecs ?? "");
  if (durationMs === null || simple === "RANDOM" || consistentHash !== undefined) return null;
  return {
    durationMs,
    minimum: (warmup?.minimumPercent ?? DEFAULT_MINIMUM_PERCENT) / 100,
    aggression: warmup?.aggression ?? 1,
  };
}

function hashing(spec: ConsistentHash): LoadBalancer {
  const found = keyOf(spec);
  const key = found === null ? {} : { key: found };
  if (spec.maglev !== undefined) return { maglev: Math.min(spec.maglev.tableSize, MOST_SLOTS_HERE), ...key };
  // 0 is unset, as everywhere in protobuf.
  const size = spec.ringHash?.minimumRingSize || spec.minimumRingSize || DEFAULT_RING_SIZE;
  return { ring: Math.min(size, MOST_PLACES_HERE), ...key };
}

function keyOf({ httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName }: ConsistentHash): HashKey | null {
  if (httpHeaderName !== undefined) return { kind: "header", name: httpHeaderName.toLowerCase() };
  if (httpCookie !== undefined) return cookieKey(httpCookie);
  if (httpQueryParameterName !== undefined) return { kind: "query", name: httpQueryParameterName };
  return useSourceIp === true ? { kind: "sourceIp" } : null;
}

function cookieKey({ name, path, ttl, attributes }: Cookie): HashKey {
  if (ttl === undefined) return { kind: "cookie", name };
  const create = {
    maxAgeSeconds: Math.floor((parseDuration(ttl) ?? 0) / 1000),
    ...(path !== undefined && path !== "" && { path }),
    ...(attributes && { attributes: attributes.map(({ name: attribute, value = "" }) => [attribute, value] as const) }),
  };
  return { kind: "cookie", name, create };
}
