import type { LimitTargetSpec } from "../resources/rate-limit-policy.ts";

/** `namespace/kind/name` of what limits may be set on. */
export type LimitedPlace = `${string}/${"Gateway" | "Service" | "ServiceEntry" | "VirtualService"}/${string}`;

/** How a target of a policy is told from its others where they are counted apart. */
export function targetText({ kind, name, sectionName, host }: LimitTargetSpec): string {
  return [kind, name, sectionName, host].filter((part) => part !== undefined).join("/");
}

/** Where a RateLimitPolicy is found: by each of its targets. */
export const RATE_LIMITS = "rate-limit";
