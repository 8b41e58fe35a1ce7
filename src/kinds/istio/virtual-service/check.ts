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

/** Whether its Gateways and destinations are there, and whether an older one takes its hosts. */
export function checkAmongOthers(world: World, object: KubeObject): readonly Finding[] {
  const spec = object.spec as VirtualServiceSpec;
  const namespace = namespaceOf(object);
  const findings: Finding[] = [];
  const gateways = gatewaysOf(object);
  for (const [index, name] of gateways.entries())
    if (name !== "mesh" && gatewayAt(world, name) === null)
      findings.push(warningAt(`spec.gateways[${index}]`, `there is no Gateway \`${name}\` yet`));
  if (gateways.includes("mesh")) {
    for (const [index, host] of spec.hosts.entries()) {
      const other = routeFor(world, qualified(host, namespace), namespace);
      if (other && other.metadata.uid !== object.metadata.uid)
        findings.push(
          warningAt(
            `spec.hosts[${index}]`,
            `no effect on \`${host}\`: the older VirtualService \`${namespaceOf(other)}/${other.metadata.name}\` routes it`,
          ),
        );
    }
  }
  for (const [index, rule] of spec.http.entries())
    for (const [at, { destination }] of (rule.route ?? []).entries()) {
      const problem = destinationProblem(world, destination, namespace);
      if (problem !== null) findings.push(warningAt(`spec.http[${index}].route[${at}].destination`, problem));
    }
  return findings;
}

type Destination = NonNullable<VirtualServiceSpec["http"][number]["route"]>[number]["destination"];

function destinationProblem(world: World, { host, subset, port }: Destination, namespace: string): string | null {
  const name = qualified(host, namespace);
  const service = serviceFor(world, name, namespace);
  if (!service) return `there is no service \`${name}\` yet: its requests are answered with 503`;
  if (port !== undefined && !service.ports.some(({ number }) => number === port.number))
    return `\`${name}\` has no port ${port.number}: its requests are answered with 503`;
  const { subsets } = destinationPolicy(world, name, service.namespace, namespace);
  return subset === undefined || subsets.has(subset)
    ? null
    : `no DestinationRule of \`${name}\` has a subset \`${subset}\` yet: its requests are answered with 503`;
}
