import { z } from "zod";
import { checkConsistentHash, ConsistentHash } from "./consistent-hash.ts";
import { duration } from "./duration.ts";
import { choice, never, REASON, strict } from "./fields.ts";
import { checkLocalityLb, LocalityLb } from "./locality-lb.ts";
import type { Report } from "./report.ts";

const Warmup = strict({
  duration,
  minimumPercent: z.number().min(0).max(100).exactOptional(),
  aggression: z.number().min(1).exactOptional(),
});

export const LoadBalancer = strict(
  {
    simple: choice(["UNSPECIFIED", "LEAST_CONN", "RANDOM", "ROUND_ROBIN", "LEAST_REQUEST"], {
      PASSTHROUGH: never(REASON.socket),
    }).exactOptional(),
    consistentHash: ConsistentHash.exactOptional(),
    localityLbSetting: LocalityLb.exactOptional(),
    warmup: Warmup.exactOptional(),
    warmupDurationSecs: duration.exactOptional(),
  },
  {
    zoneAwareLbSetting: never(REASON.zones),
  },
);

export type LoadBalancerSpec = z.infer<typeof LoadBalancer>;

/** @param ejects whether there is outlier detection beside it */
export function checkLoadBalancer(spec: LoadBalancerSpec, ejects: boolean, report: Report): void {
  const { simple, consistentHash, localityLbSetting, warmup, warmupDurationSecs } = spec;
  if (consistentHash !== undefined) {
    if (simple !== undefined) report.at("simple").error("cannot go with `consistentHash`");
    checkConsistentHash(consistentHash, report.at("consistentHash"));
  }
  if (localityLbSetting !== undefined) checkLocalityLb(localityLbSetting, ejects, report.at("localityLbSetting"));
  if (warmup === undefined && warmupDurationSecs === undefined) return;
  const place = report.at(warmup === undefined ? "warmupDurationSecs" : "warmup");
  if (warmup === undefined) place.warn("the old form of `warmup.duration`", "TULLE0004");
  else if (warmupDurationSecs !== undefined) report.at("warmupDurationSecs").error("cannot go with `warmup`");
  if (simple === "RANDOM" || consistentHash !== undefined)
    place.warn("without effect: only ROUND_ROBIN and LEAST_REQUEST let new endpoints warm up");
}
