import { gatewaysOf, qualifiedGateway } from "../../../compile/entries.ts";
import { gatewayPorts } from "../../../compile/istio/gateway-hosts.ts";
import { serviceFor } from "../../../compile/services.ts";
import { namespaceOf, qualified } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import type { VirtualServiceSpec } from "../../../resources/virtual-service.ts";

/** Match blocks of a root that no request can meet, since none comes in where they say. */
export function checkBlocks(world: World, object: KubeObject): readonly Finding[] {
  const bound = gatewaysOf(object);
  const known = new Map<string, Ports | null>();
  const portsAt = (gateway: string): Ports | null => {
    if (!known.has(gateway)) known.set(gateway, portsOf(world, object, gateway));
    return known.get(gateway) ?? null;
  };
  return (object.spec as VirtualServiceSpec).http.flatMap(({ match = [] }, index) =>
    match.flatMap(({ gateways, port = 0 }, at): readonly Finding[] => {
      const own = gateways?.map((name) => qualifiedGateway(name, namespaceOf(object)));
      const held = own === undefined ? bound : bound.filter((gateway) => own.includes(gateway));
      const field = `spec.http[${index}].match[${at}]`;
      if (held.length === 0) {
        const message = `never matches: the VirtualService's own \`gateways\`, ${list(bound)}, hold none of these`;
        return [warningAt(`${field}.gateways`, message, "TULLE0203")];
      }
      return port === 0 ? [] : checkPort(held.map(portsAt), port, `${field}.port`);
    }),
  );
}

function checkPort(places: readonly (Ports | null)[], port: number, field: string): readonly Finding[] {
  if (places.some((ports) => ports === null || ports.all.has(port))) return [];
  const some = [...new Set(places.flatMap((ports) => ports?.some ?? []))].join(", ");
  return [warningAt(field, `never matches: requests come in on port ${some}`, "TULLE0203")];
}

/** Where requests come in. */
interface Ports {
  readonly all: ReadonlySet<number>;
  /** For a message. */
  readonly some: readonly number[];
}

/** The ports of a Gateway, or of the hosts in the mesh; null where any may be. */
function portsOf(world: World, object: KubeObject, gateway: string): Ports | null {
  const numbers = gateway === "mesh" ? meshPorts(world, object) : gatewayPorts(world, gateway);
  const all = new Set(numbers);
  return all.size === 0 ? null : { all, some: [...all].slice(0, MOST_NAMED) };
}

/** Empty where any may be: a host that no service has is asked for on every port. */
function meshPorts(world: World, object: KubeObject): readonly number[] {
  const { hosts = [] } = object.spec as VirtualServiceSpec;
  const namespace = namespaceOf(object);
  const services = hosts.map((host) => serviceFor(world, qualified(host, namespace), namespace));
  return services.includes(null) ? [] : services.flatMap((service) => service?.ports ?? []).map(({ number }) => number);
}

const MOST_NAMED = 10;

function list(names: readonly string[]): string {
  return names
    .slice(0, MOST_NAMED)
    .map((name) => `\`${name}\``)
    .join(", ");
}
