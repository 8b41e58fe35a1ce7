import { gatewaysOf } from "../../../compile/entries.ts";
import { destinationPolicy } from "../../../compile/istio/destination-rules.ts";
import { serviceFor } from "../../../compile/services.ts";
import { namespaceOf, qualified } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import type { DestinationSpec } from "../../../resources/destination.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import type { VirtualServiceSpec } from "../../../resources/virtual-service.ts";
import { checkCallerLabels } from "../caller-labels.ts";
import { checkBlocks } from "./blocks.ts";
import { checkVerified } from "./claims.ts";
import { delegationFindings } from "./delegation.ts";
import { checkDestination } from "../endpoints-of.ts";
import { inFull } from "../full-name.ts";
import { askedPorts, checkHosts, checkMeshRules } from "./hosts.ts";

/** Whether its Gateways and destinations are there, and whether an older one takes its hosts. */
export function checkAmongOthers(world: World, object: KubeObject): readonly Finding[] {
  const spec = object.spec as VirtualServiceSpec;
  const findings: Finding[] = [];
  const isRoot = (spec.hosts ?? []).length > 0;
  const gateways = isRoot ? gatewaysOf(object) : [];
  if (isRoot) findings.push(...checkHosts(world, object), ...checkBlocks(world, object));
  for (const [index, rule] of spec.http.entries())
    for (const [place, destination, meanwhile] of destinationsIn(rule))
      findings.push(
        ...destinationFindings(world, object, rule, destination, `spec.http[${index}].${place}`, meanwhile),
      );
  for (const [index, { match = [] }] of spec.http.entries())
    for (const [at, { sourceLabels, sourceNamespace, gateways: own }] of match.entries())
      if (sourceLabels !== undefined && own === undefined && gateways.includes("mesh")) {
        const field = `spec.http[${index}].match[${at}].sourceLabels`;
        findings.push(...checkCallerLabels(world, sourceLabels, sourceNamespace ?? null, field));
      }
  return [...findings, ...checkVerified(world, object, gateways), ...delegationFindings(world, object)];
}

type Rule = VirtualServiceSpec["http"][number];

/** Where a rule sends requests, and copies of them; with what comes of it while there is nobody. */
function* destinationsIn({
  route = [],
  mirror,
  mirrors = [],
}: Rule): Generator<readonly [field: string, DestinationSpec, meanwhile: string]> {
  for (const [at, { destination }] of route.entries())
    yield [`route[${at}].destination`, destination, "its requests are answered with 503"];
  if (mirror !== undefined) yield ["mirror", mirror, NO_COPIES];
  for (const [at, { destination }] of mirrors.entries()) yield [`mirrors[${at}].destination`, destination, NO_COPIES];
}

const NO_COPIES = "it gets no copies";

function destinationFindings(
  world: World,
  object: KubeObject,
  rule: Rule,
  { host, subset, port }: DestinationSpec,
  field: string,
  meanwhile: string,
): readonly Finding[] {
  const namespace = namespaceOf(object);
  const name = qualified(host, namespace);
  const service = serviceFor(world, name, namespace);
  if (!service) {
    const meant = inFull(world, name, namespace);
    return [warningAt(field, `there is no service \`${name}\` yet: ${meanwhile}${meant}`, "TULLE0102")];
  }
  const numbers = service.ports.map(({ number }) => number);
  if (port !== undefined && !numbers.includes(port.number))
    return [warningAt(field, `\`${name}\` has no port ${port.number}: ${meanwhile}`, "TULLE0103")];
  const { subsets } = destinationPolicy(world, name, service.namespace, namespace);
  if (subset !== undefined && !subsets.has(subset)) {
    const message = `no DestinationRule of \`${name}\` has a subset \`${subset}\` yet: ${meanwhile}`;
    return [warningAt(field, message, "TULLE0104")];
  }
  const asked = port === undefined && numbers.length > 1 ? askedPorts(world, object, rule) : [];
  const unknown = asked.find((number) => !numbers.includes(number));
  if (unknown !== undefined) {
    const message = `name a port: \`${name}\` has ${numbers.join(", ")}; on port ${unknown} ${meanwhile}`;
    return [warningAt(field, message, "TULLE0116")];
  }
  const [only = 0, ...others] = numbers;
  const asks = port?.number ?? (others.length === 0 ? only : asked[0]);
  return [
    ...(asks === undefined ? [] : checkDestination(world, service, asks, field, meanwhile)),
    ...(subset === undefined ? checkMeshRules(world, object, name, field) : []),
  ];
}
