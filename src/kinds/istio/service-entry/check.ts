import { canonicalHost } from "../../../resources/host.ts";
import { addressOfHost, hostsByName } from "../../../compile/entries.ts";
import { mayOwn, serviceFor, type ServiceInfo } from "../../../compile/services.ts";
import { EVERY_NAMESPACE, namespaceNamed, namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { errorAt, type Finding, warningAt } from "../../../resources/finding.ts";
import { type KubeObject, refKey, refOf } from "../../../resources/object.ts";
import type { ServiceEntrySpec } from "../../../resources/service-entry.ts";
import { checkAddress, checkAddresses } from "../../addresses.ts";
import { checkServed } from "../endpoints-of.ts";

/** Whether its hosts are its namespace's to name, and its addresses its to use. */
export function checkAmongOthers(world: World, object: KubeObject): readonly Finding[] {
  const spec = object.spec as ServiceEntrySpec;
  const byName = hostsByName(spec);
  const findings = [
    ...spec.hosts.flatMap((host, index) => {
      const field = `spec.hosts[${index}]`;
      const name = canonicalHost(host);
      if (!mayOwn(object, name)) return [errorAt(field, foreign(host, name), "TULLE0110")];
      const serving = serviceFor(world, name, namespaceOf(object));
      if (serving && isBefore(serving.object, object)) {
        const message = `has no effect: the ${serving.object.kind} \`${serving.namespace}/${serving.object.metadata.name}\` has this name`;
        return [warningAt(field, message, "TULLE0302"), ...checkProtocols(serving, spec)];
      }
      return byName.includes(name) ? checkAddress(world, object, addressOfHost(name), field) : [];
    }),
    ...checkAddresses(world, object, inlineAddresses(object)),
  ];
  return findings.length > 0 ? findings : checkEndpoints(world, object);
}

function foreign(host: string, name: string): string {
  return namespaceNamed(name) === EVERY_NAMESPACE
    ? `\`${host}\` holds names of other namespaces' services`
    : `\`${host}\` is a name of another namespace's service`;
}

/** A Service, or an older entry of the namespace, takes the name. */
function isBefore(serving: KubeObject, object: KubeObject): boolean {
  return serving.kind === "Service" || refKey(refOf(serving)) !== refKey(refOf(object));
}

/** Of one host the entry that serves it says what a port speaks. */
function checkProtocols(serving: ServiceInfo, { ports = [] }: ServiceEntrySpec): readonly Finding[] {
  if (serving.object.kind !== "ServiceEntry") return [];
  const { ports: others = [] } = serving.object.spec as ServiceEntrySpec;
  return ports.flatMap(({ number, protocol = "HTTP" }, index): readonly Finding[] => {
    const other = others.find((port) => port.number === number);
    if (other === undefined || (other.protocol ?? "HTTP") === protocol) return [];
    const message = `\`${serving.namespace}/${serving.object.metadata.name}\` says that port ${number} speaks ${other.protocol ?? "HTTP"}`;
    return [warningAt(`spec.ports[${index}].protocol`, message, "TULLE0314")];
  });
}

/** An entry that says where its endpoints are, and has none. */
function checkEndpoints(world: World, object: KubeObject): readonly Finding[] {
  const { workloadSelector, hosts } = object.spec as ServiceEntrySpec;
  const service = workloadSelector && serviceFor(world, canonicalHost(hosts[0] ?? ""), namespaceOf(object));
  return service && service.ports.length > 0 ? checkServed(world, service, "spec.workloadSelector", "TULLE0114") : [];
}

export function inlineAddresses({ spec }: KubeObject) {
  return ((spec as ServiceEntrySpec).endpoints ?? []).map(({ address }, index) => ({
    address,
    field: `spec.endpoints[${index}].address`,
  }));
}
