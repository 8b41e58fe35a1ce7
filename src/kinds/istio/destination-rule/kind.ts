import { clientLabels } from "../../../compile/istio/destination-rules.ts";
import { serviceFor } from "../../../compile/services.ts";
import { namespaceOf, qualified } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import {
  checkDestinationRule,
  DestinationRule,
  type DestinationRuleSpec,
} from "../../../resources/destination-rule.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { AGE, field } from "../../columns.ts";
import { networkingKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkCallerLabels } from "../caller-labels.ts";
import { DESCRIPTIONS } from "./descriptions.ts";
import { checkEjections } from "./ejections.ts";

export const DESTINATION_RULE = networkingKind({
  kind: "DestinationRule",
  plural: "destinationrules",
  shortNames: ["dr"],
  reader: reader(DestinationRule, checkDestinationRule),
  entries: (object) => [["rule", hostOf(object)]],
  check: checkHost,
  columns: [field("Host", "The service that the rule applies to.", "spec", "host"), AGE],
  descriptions: DESCRIPTIONS,
});

function hostOf(object: KubeObject): string {
  return qualified((object.spec as DestinationRuleSpec).host, namespaceOf(object));
}

function checkHost(world: World, object: KubeObject): readonly Finding[] {
  const name = hostOf(object);
  const namespace = namespaceOf(object);
  const labels = clientLabels(object);
  const clients =
    labels === null ? [] : checkCallerLabels(world, labels, namespace, "spec.workloadSelector.matchLabels");
  if (name.startsWith("*")) return clients;
  const service = serviceFor(world, name, namespace);
  if (service === null) return [...clients, warningAt("spec.host", `there is no service \`${name}\` yet`, "TULLE0105")];
  return [...clients, ...checkEjections(world, object.spec as DestinationRuleSpec, service)];
}
