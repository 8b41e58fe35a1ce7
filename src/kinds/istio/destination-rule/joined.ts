import { clientLabels } from "../../../compile/istio/destination-rules.ts";
import { namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import type { DestinationRuleSpec } from "../../../resources/destination-rule.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import { type KubeObject, refKey, refOf } from "../../../resources/object.ts";

const CODE = "TULLE0310";

/** What does not count of a rule, since an older one for the same host in the namespace says it. */
export function checkJoined(world: World, object: KubeObject, host: string): readonly Finding[] {
  if (clientLabels(object) !== null) return [];
  const rules = world.inventory
    .of("rule", host)
    .filter((rule) => namespaceOf(rule) === namespaceOf(object) && clientLabels(rule) === null);
  const older = rules.slice(
    0,
    rules.findIndex((rule) => refKey(refOf(rule)) === refKey(refOf(object))),
  );
  const findings: Finding[] = [];
  const { trafficPolicy, subsets = [] } = specOf(object);
  const other = trafficPolicy && older.find((rule) => specOf(rule).trafficPolicy !== undefined);
  if (other)
    findings.push(
      warningAt(
        "spec.trafficPolicy",
        `not used: the older DestinationRule \`${other.metadata.name}\` has one for this host`,
        CODE,
      ),
    );
  for (const [index, { name }] of subsets.entries()) {
    const taken = older.find((rule) => specOf(rule).subsets?.some((subset) => subset.name === name));
    if (taken)
      findings.push(
        warningAt(
          `spec.subsets[${index}]`,
          `not used: the older DestinationRule \`${taken.metadata.name}\` has \`${name}\` for this host`,
          CODE,
        ),
      );
  }
  return findings;
}

function specOf(rule: KubeObject): DestinationRuleSpec {
  return rule.spec as DestinationRuleSpec;
}
