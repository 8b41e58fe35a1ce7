import type { z } from "zod";
import { checkConsistentHash, ConsistentHash } from "./consistent-hash.ts";
import { choice, later, never, REASON, strict } from "./fields.ts";
import type { Report } from "./report.ts";

export const LoadBalancer = strict(
  {
    simple: choice(["UNSPECIFIED", "LEAST_CONN", "RANDOM", "ROUND_ROBIN", "LEAST_REQUEST"], {
      PASSTHROUGH: never(REASON.socket),
    }).exactOptional(),
    consistentHash: ConsistentHash.exactOptional(),
  },
  {
    localityLbSetting: later(),
    zoneAwareLbSetting: never(
      "a location does not know how many callers there are in it, so there are no shares of zones",
    ),
    warmup: later(),
    warmupDurationSecs: later(),
  },
);

export type LoadBalancerSpec = z.infer<typeof LoadBalancer>;

export function checkLoadBalancer(spec: LoadBalancerSpec, report: Report): void {
  const { simple, consistentHash } = spec;
  if (consistentHash === undefined) return;
  if (simple !== undefined) report.at("simple").error("cannot go with `consistentHash`");
  checkConsistentHash(consistentHash, report.at("consistentHash"));
}
