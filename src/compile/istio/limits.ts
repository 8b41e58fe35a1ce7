import { compileExpression, type ExpressionUse } from "../../resources/cel.ts";
import { parseDuration } from "../../resources/duration.ts";
import { canonicalHost } from "../../resources/host.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { LimitSpec, LimitTargetSpec, RateLimitPolicySpec, RateSpec } from "../../resources/rate-limit-policy.ts";
import { keyText } from "../../limits/key-text.ts";
import { looksAtKeys } from "../../limits/link.ts";
import type { Rate } from "../../limits/rate.ts";
import type { LimitModel } from "../../snapshot/limit-model.ts";
import type { CompiledExpression } from "../../snapshot/telemetry-model.ts";
import { registrationsOf } from "../addresses.ts";
import { type LimitedPlace, RATE_LIMITS, targetText } from "../limited-place.ts";
import { targetLabels } from "../targets.ts";
import { namespaceOf, rootNamespace } from "../view.ts";
import type { World } from "../world.ts";
import { observes } from "./policies.ts";

const NONE: readonly LimitModel[] = [];

/**
 * The limits of one target.
 *
 * @param section of a VirtualService: the name of its rule; absent: it has none
 */
export function limitsOf(world: World, target: LimitedPlace, section?: string): readonly LimitModel[] {
  if (!world.inventory.hasAny(RATE_LIMITS)) return NONE;
  return world.memo.get(`rate-limits ${target} ${section ?? ""}`, () =>
    world.inventory.of(RATE_LIMITS, target).flatMap((policy) => modelsFor(world, policy, target, section)),
  );
}

/** Those of all services that an endpoint is registered for: limits follow it, by whatever name it is called. */
export function endpointLimits(world: World, key: string, port: number): readonly LimitModel[] {
  if (!world.inventory.hasAny(RATE_LIMITS)) return NONE;
  return limitedPlaces(world, key, port).flatMap((target) => limitsOf(world, target));
}

/** The services that an endpoint is registered for, as far as a policy names them. */
export function limitedPlaces(world: World, key: string, port: number): readonly LimitedPlace[] {
  const labels = registrationsOf(world, key, port).flatMap(({ namespace }) =>
    Object.keys(targetLabels(world, namespace, key, port)),
  );
  return [...new Set(labels)].map((label) => label.replace(/^target:/, "") as LimitedPlace);
}

function modelsFor(
  world: World,
  policy: KubeObject,
  target: LimitedPlace,
  section: string | undefined,
): readonly LimitModel[] {
  const { targetRefs } = policy.spec as RateLimitPolicySpec;
  const [, kind, name] = target.split("/");
  const of = { observed: observes(world, namespaceOf(policy)), root: rootNamespace(world) };
  return targetRefs.flatMap((ref, index) => {
    const isMeant =
      ref.kind === kind && ref.name === name && (ref.sectionName === undefined || ref.sectionName === section);
    if (!isMeant) return [];
    return modelsOf(policy, index, of);
  });
}

/** An object never changes: its models are the same for all routes that it limits, which may be many. */
const known = new WeakMap<KubeObject, Map<string, readonly LimitModel[]>>();

/** What a mesh adds to a policy. */
interface Surroundings {
  /** The policy's namespace does. */
  readonly observed: boolean;
  /** The mesh's root namespace. */
  readonly root: string;
}

function modelsOf(policy: KubeObject, index: number, { observed, root }: Surroundings): readonly LimitModel[] {
  const { targetRefs, limits } = policy.spec as RateLimitPolicySpec;
  const ref = targetRefs[index];
  const of = known.get(policy) ?? new Map<string, readonly LimitModel[]>();
  known.set(policy, of);
  const name = `${index} ${observed} ${root}`;
  const models = of.get(name) ?? (ref ? limits.map((limit) => modelOf(policy, ref, limit, { observed, root })) : []);
  of.set(name, models);
  return models;
}

function modelOf(policy: KubeObject, ref: LimitTargetSpec, limit: LimitSpec, around: Surroundings): LimitModel {
  const model = ownModel(policy, ref, limit, around.observed);
  return looksAtKeys(model) ? { ...model, keysOf: [...new Set([namespaceOf(policy), around.root])] } : model;
}

function ownModel(policy: KubeObject, ref: LimitTargetSpec, limit: LimitSpec, observed: boolean): LimitModel {
  const { key = [], tiers = [], overrides = [], cost, headers = "Standard" } = limit;
  const when = conditionOf(ref, limit);
  return {
    name: `${namespaceOf(policy)}/${policy.metadata.name}/${limit.name}`,
    ...(limit.shared !== true && { target: targetText(ref) }),
    scope: ({ Global: "GLOBAL", Location: "LOCATION", Local: "LOCAL" } as const)[limit.scope ?? "Global"],
    ...(when && { when }),
    key: key.map((part) => compiled(part, "key")),
    missing: ({ Share: "SHARE", Skip: "SKIP", Refuse: "REFUSE" } as const)[limit.onMissingKey ?? "Share"],
    rates: limit.rates.map(rateOf),
    ...(tiers.length > 0 && {
      tiers: tiers.map((tier) => ({ when: compiled(tier.when, "condition"), rates: tier.rates.map(rateOf) })),
    }),
    ...(overrides.length > 0 && {
      overrides: Object.fromEntries(overrides.map((one) => [keyText(one.key), one.rates.map(rateOf)])),
    }),
    ...(cost?.request !== undefined && { cost: compiled(cost.request, "cost") }),
    ...(cost?.answer !== undefined && { answerCost: compiled(cost.answer, "answer") }),
    ...((observed || limit.onExceeded === "Audit") && { audit: true as const }),
    ...(limit.timeout !== undefined && { timeoutMs: parseDuration(limit.timeout) ?? 0 }),
    ...(limit.onError === "Refuse" && { closed: true as const }),
    ...(headers !== "None" && { told: true as const }),
    ...(headers === "Both" && { toldOlder: true as const }),
  };
}

function rateOf({ limit, window, burst }: RateSpec): Rate {
  return { limit, windowMs: parseDuration(window) ?? 1_000, ...(burst !== undefined && { burst }) };
}

/** Checked when it was applied. */
function compiled(source: string, use: ExpressionUse): CompiledExpression {
  const read = compileExpression(source, use);
  return read.ok ? read.value.tree : { kind: "value", value: null };
}

/** What its author wrote, for the host that the target names. */
function conditionOf({ host }: LimitTargetSpec, { when }: LimitSpec): CompiledExpression | null {
  const own = when === undefined ? null : compiled(when, "condition");
  if (host === undefined) return own;
  const name = canonicalHost(host);
  const of = { kind: "attribute", name: "host" } as const;
  const test: CompiledExpression = name.startsWith("*")
    ? { kind: "call", name: "endsWith", args: [of, { kind: "value", value: name.slice(1) }] }
    : { kind: "==", left: of, right: { kind: "value", value: name } };
  return own === null ? test : { kind: "and", left: test, right: own };
}
