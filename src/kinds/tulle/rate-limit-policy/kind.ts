import { POLICY_TARGETS } from "../../../compile/entries.ts";
import type { Entries } from "../../../compile/inventory.ts";
import { RATE_LIMITS } from "../../../compile/limited-place.ts";
import { namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import { type KubeObject, refKey } from "../../../resources/object.ts";
import {
  checkRateLimitPolicy,
  type LimitTargetSpec,
  RateLimitPolicy,
  type RateLimitPolicySpec,
} from "../../../resources/rate-limit-policy.ts";
import { canonicalHost } from "../../../resources/host.ts";
import type { VirtualServiceSpec } from "../../../resources/virtual-service.ts";
import { AGE, field, listOf, text, textOf, valueAt } from "../../columns.ts";
import { meshKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

/** Its targets are of its own namespace: nobody limits what is another's. */
export const RATE_LIMIT_POLICY = meshKind({
  group: "tulle.dev",
  version: "v1alpha1",
  versions: ["v1alpha1"],
  kind: "RateLimitPolicy",
  plural: "ratelimitpolicies",
  shortNames: ["rlp"],
  categories: ["all"],
  reader: reader(RateLimitPolicy, checkRateLimitPolicy),
  entries,
  check: checkTargets,
  columns: [
    field("Target", "The first of what it is for.", "spec", "targetRefs", "0", "name"),
    text("Limits", "Each by its name, and its first rate.", (object) =>
      listOf(valueAt(object, "spec", "limits"))
        .map(limitText)
        .join(","),
    ),
    AGE,
  ],
  descriptions: DESCRIPTIONS,
});

function limitText(limit: unknown): string {
  const name = textOf(valueAt(limit, "name"));
  const rate = valueAt(limit, "rates", "0");
  return rate === undefined ? name : `${name}=${textOf(valueAt(rate, "limit"))}/${textOf(valueAt(rate, "window"))}`;
}

function* entries(object: KubeObject): Entries {
  yield [POLICY_TARGETS, namespaceOf(object)];
  for (const ref of targetsOf(object)) yield [RATE_LIMITS, `${namespaceOf(object)}/${ref.kind}/${ref.name}`];
}

function targetsOf({ spec }: KubeObject): readonly LimitTargetSpec[] {
  return (spec as RateLimitPolicySpec).targetRefs;
}

/** The target may come yet. */
function checkTargets(world: World, object: KubeObject): readonly Finding[] {
  const namespace = namespaceOf(object);
  return targetsOf(object).flatMap((ref, index) => {
    const found = targetOf(world, namespace, ref);
    const at = `spec.targetRefs[${index}]`;
    if (found === null) {
      const message = `there is no \`${namespace}/${ref.kind}/${ref.name}\` yet: nothing is limited there`;
      return [warningAt(at, message, "TULLE0113")];
    }
    return ref.kind === "VirtualService" ? checkParts(ref, found, at) : [];
  });
}

function targetOf({ inventory }: World, namespace: string, { kind, name }: LimitTargetSpec): KubeObject | null {
  const group = kind === "Service" ? "" : "networking.istio.io";
  return inventory.object(refKey({ group, kind, namespace, name }));
}

function checkParts({ sectionName, host }: LimitTargetSpec, { spec }: KubeObject, at: string): readonly Finding[] {
  const { hosts = [], http } = spec as VirtualServiceSpec;
  const findings: Finding[] = [];
  if (sectionName !== undefined && !http.some(({ name }) => name === sectionName))
    findings.push(
      warningAt(`${at}.sectionName`, `no route has the name \`${sectionName}\`: nothing is limited`, "TULLE0113"),
    );
  if (host !== undefined && !hosts.some((one) => canonicalHost(one) === canonicalHost(host)))
    findings.push(warningAt(`${at}.host`, `\`${host}\` is none of its hosts: no request may have it`, "TULLE0113"));
  return findings;
}
