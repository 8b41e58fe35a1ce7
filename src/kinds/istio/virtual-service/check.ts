import { gatewaysOf } from "../../../compile/entries.ts";
import { destinationPolicy } from "../../../compile/istio/destination-rules.ts";
import { gatewayAt } from "../../../compile/istio/gateway-hosts.ts";
import { routeFor } from "../../../compile/istio/mesh-routes.ts";
import { serviceFor } from "../../../compile/services.ts";
import { namespaceOf, qualified } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import type { VirtualServiceSpec } from "../../../resources/virtual-service.ts";
import { checkCallerLabels } from "../caller-labels.ts";
import { delegationFindings } from "./delegation.ts";

/** Whether its Gateways and destinations are there, and whether an older one takes its hosts. */
export function checkAmongOthers(world: World, object: KubeObject): readonly Finding[] {
  const spec = object.spec as VirtualServiceSpec;
  const namespace = namespaceOf(object);
  const findings: Finding[] = [];
  const gateways = (spec.hosts ?? []).length === 0 ? [] : gatewaysOf(object);
  for (const [index, name] of gateways.entries())
    if (name !== "mesh" && gatewayAt(world, name) === null)
      findings.push(warningAt(`spec.gateways[${index}]`, `there is no Gateway \`${name}\` yet`, "TULLE0101"));
  if (gateways.includes("mesh")) {
    for (const [index, host] of (spec.hosts ?? []).entries()) {
      const other = routeFor(world, qualified(host, namespace), namespace);
      if (other && other.metadata.uid !== object.metadata.uid)
        findings.push(
          warningAt(
            `spec.hosts[${index}]`,
            `no effect on \`${host}\`: the older VirtualService \`${namespaceOf(other)}/${other.metadata.name}\` routes it`,
            "TULLE0301",
          ),
        );
    }
  }
  for (const [index, rule] of spec.http.entries())
    for (const [at, { destination }] of (rule.route ?? []).entries()) {
      const field = `spec.http[${index}].route[${at}].destination`;
      findings.push(...destinationFindings(world, destination, namespace, field));
    }
  for (const [index, { match = [] }] of spec.http.entries())
    for (const [at, { sourceLabels, sourceNamespace, gateways: own }] of match.entries())
      if (sourceLabels !== undefined && own === undefined && gateways.includes("mesh")) {
        const field = `spec.http[${index}].match[${at}].sourceLabels`;
        findings.push(...checkCallerLabels(world, sourceLabels, sourceNamespace ?? null, field));
      }
  return [...findings, ...delegationFindings(world, object)];
}

type Destination = NonNullable<VirtualServiceSpec["http"][number]["route"]>[number]["destination"];

function destinationFindings(
  world: World,
  { host, subset, port }: Destination,
  namespace: string,
  field: string,
): readonly Finding[] {
  const name = qualified(host, namespace);
  const service = serviceFor(world, name, namespace);
  if (!service)
    return [warningAt(field, `there is no service \`${name}\` yet: its requests are answered with 503`, "TULLE0102")];
  if (port !== undefined && !service.ports.some(({ number }) => number === port.number))
    return [
      warningAt(field, `\`${name}\` has no port ${port.number}: its requests are answered with 503`, "TULLE0103"),
    ];
  const { subsets } = destinationPolicy(world, name, service.namespace, namespace);
  if (subset === undefined || subsets.has(subset)) return [];
  const message = `no DestinationRule of \`${name}\` has a subset \`${subset}\` yet: its requests are answered with 503`;
  return [warningAt(field, message, "TULLE0104")];
}
