import { type KubeObject, refKey } from "../../resources/object.ts";
import type { LimitSpec, LimitTargetSpec, RateLimitPolicySpec, RateSpec } from "../../resources/rate-limit-policy.ts";
import { type LimitedPlace, RATE_LIMITS, targetText } from "../limited-place.ts";
import { namespaceOf } from "../view.ts";
import type { World } from "../world.ts";
import { type DescribedPart, part } from "./described.ts";
import { observes } from "./policies.ts";

/** The limits that are set on something, each with the policy that says so. */
export function limitParts(world: World, place: LimitedPlace): DescribedPart[] {
  const [, kind, name] = place.split("/");
  return world.inventory.of(RATE_LIMITS, place).flatMap((policy) => {
    const { targetRefs } = policy.spec as RateLimitPolicySpec;
    const refs = targetRefs.filter((ref) => ref.kind === kind && ref.name === name);
    return refs.flatMap((ref) => partsOf(world, policy, ` of ${[kind, ...narrowed(ref)].join(", ")}`));
  });
}

/** What a RateLimitPolicy says, and what for; null: there is none. */
export function describeLimits(world: World, namespace: string, name: string): readonly DescribedPart[] | null {
  const ref = { group: "tulle.dev", kind: "RateLimitPolicy", namespace, name };
  const policy = world.inventory.object(refKey(ref));
  if (policy === null) return null;
  const { targetRefs } = policy.spec as RateLimitPolicySpec;
  return [
    ...targetRefs.map((target, at) => part("for", targetText(target), policy, `spec.targetRefs[${at}]`)),
    ...partsOf(world, policy, ""),
  ];
}

function partsOf(world: World, policy: KubeObject, whose: string): DescribedPart[] {
  const { limits } = policy.spec as RateLimitPolicySpec;
  const observed = observes(world, namespaceOf(policy));
  return limits.map((limit, at) =>
    part(`limit ${limit.name}`, `${limitText(limit, observed)}${whose}`, policy, `spec.limits[${at}]`),
  );
}

function narrowed({ sectionName, host }: LimitTargetSpec): string[] {
  return [
    ...(sectionName === undefined ? [] : [`its route ${sectionName}`]),
    ...(host === undefined ? [] : [`its host ${host}`]),
  ];
}

function limitText(
  { rates, key = [], when, tiers = [], overrides = [], ...rest }: LimitSpec,
  observed: boolean,
): string {
  const counted = { Global: "in the mesh", Location: "in each location", Local: "in each isolate" };
  return [
    rates.map(rateText).join(" and "),
    ...(key.length === 0 ? [] : [`by ${key.join(" and ")}`]),
    ...(when === undefined ? [] : [`where ${when}`]),
    ...(tiers.length === 0 ? [] : [`${tiers.length} tiers`]),
    ...(overrides.length === 0 ? [] : [`${overrides.length} overrides`]),
    counted[rest.scope ?? "Global"],
    ...(observed || rest.onExceeded === "Audit" ? ["audited, it refuses nobody"] : []),
  ].join(", ");
}

function rateText({ limit, window, burst }: RateSpec): string {
  return `${limit} in ${window}${burst === undefined ? "" : ` (burst ${burst})`}`;
}
