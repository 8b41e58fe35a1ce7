/** `namespace/kind/name` of what limits may be set on. */
export type LimitedPlace = `${string}/${"Gateway" | "Service" | "ServiceEntry" | "VirtualService"}/${string}`;

/** Where a RateLimitPolicy is found: by each of its targets. */
export const RATE_LIMITS = "rate-limit";
