import { partialEntries } from "../../../compile/entries.ts";
import { mayShow } from "../../../compile/istio/credentials.ts";
import { clientLabels } from "../../../compile/istio/destination-rules.ts";
import { serviceFor, type ServiceInfo } from "../../../compile/services.ts";
import { namespaceOf, qualified } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { certificateBinding } from "../../../resources/client-tls.ts";
import {
  checkDestinationRule,
  DestinationRule,
  type DestinationRuleSpec,
} from "../../../resources/destination-rule.ts";
import { errorAt, type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { AGE, field } from "../../columns.ts";
import { type Kind, networkingKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkCallerLabels } from "../caller-labels.ts";
import { checkSubsets } from "../endpoints-of.ts";
import { inFull } from "../full-name.ts";
import { DESCRIPTIONS } from "./descriptions.ts";
import { checkEjections } from "./ejections.ts";
import { checkJoined } from "./joined.ts";
import { checkLocalities } from "./localities.ts";
import { checkWays } from "./ways.ts";

export const DESTINATION_RULE = networkingKind({
  kind: "DestinationRule",
  plural: "destinationrules",
  shortNames: ["dr"],
  reader: reader(DestinationRule, checkDestinationRule),
  entries: (object) => [["rule", hostOf(object)], ...partialEntries([hostOf(object)])],
  check: checkHost,
  addresses: certificates,
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
  const spec = object.spec as DestinationRuleSpec;
  const own = [
    ...clients,
    ...checkCredentials(world, object),
    ...checkJoined(world, object, name),
    ...checkLocalities(world, spec),
  ];
  const service = serviceFor(world, name, namespace);
  if (service === null && name.startsWith("*")) return own;
  if (service === null) {
    const message = `there is no service \`${name}\` yet${inFull(world, name, namespace)}`;
    return [...own, warningAt("spec.host", message, "TULLE0105")];
  }
  return [
    ...own,
    ...checkEjections(world, spec, service),
    ...checkWays(world, spec, service),
    ...checkSubsets(world, spec, service),
    ...checkPorts(spec, service),
  ];
}

/** Bindings of client certificates that the rule names. */
function certificates(object: KubeObject): ReturnType<Kind["addresses"]> {
  return credentials(object).map(({ name, field }) => ({ address: `binding:${certificateBinding(name)}`, field }));
}

/** Certificates prove who calls: a namespace shows those that it was given (R19). */
function checkCredentials(world: World, object: KubeObject): readonly Finding[] {
  const namespace = namespaceOf(object);
  return credentials(object)
    .filter(({ name }) => !mayShow(world, name, namespace))
    .map(({ name, field }) => {
      const message = `namespace \`${namespace}\` may not show \`${name}\`: \`credentials\` of the MeshConfig does not list it; its administrator can add it`;
      return errorAt(field, message, "TULLE0111");
    });
}

/** Settings of ports that the service has not. */
function checkPorts(spec: DestinationRuleSpec, { host, ports }: ServiceInfo): readonly Finding[] {
  return policiesOf(spec).flatMap(({ policy, at }) =>
    (policy?.portLevelSettings ?? []).flatMap(({ port }, index): readonly Finding[] => {
      if (ports.some(({ number }) => number === port.number)) return [];
      const message = `\`${host}\` has no port ${port.number}: these settings are for nobody`;
      return [warningAt(`${at}.portLevelSettings[${index}].port.number`, message, "TULLE0124")];
    }),
  );
}

type Policy = DestinationRuleSpec["trafficPolicy"];

/** Of all endpoints and of each subset, with their places. */
function policiesOf({
  trafficPolicy,
  subsets = [],
}: DestinationRuleSpec): readonly { readonly policy: Policy; readonly at: string }[] {
  return [
    { policy: trafficPolicy, at: "spec.trafficPolicy" },
    ...subsets.map((subset, index) => ({ policy: subset.trafficPolicy, at: `spec.subsets[${index}].trafficPolicy` })),
  ];
}

function credentials({ spec }: KubeObject): readonly { readonly name: string; readonly field: string }[] {
  return policiesOf(spec as DestinationRuleSpec)
    .flatMap(({ policy, at }) => [
      { tls: policy?.tls, at },
      ...(policy?.portLevelSettings ?? []).map(({ tls }, index) => ({ tls, at: `${at}.portLevelSettings[${index}]` })),
    ])
    .flatMap(({ tls, at }) =>
      tls?.credentialName === undefined ? [] : [{ name: tls.credentialName, field: `${at}.tls.credentialName` }],
    );
}
