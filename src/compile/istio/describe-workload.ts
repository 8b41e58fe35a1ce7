import { refKey } from "../../resources/object.ts";
import { sidecarFor } from "../imports.ts";
import { endpointsOf } from "../services.ts";
import { namespaceOf } from "../view.ts";
import type { World } from "../world.ts";
import { endpointGuards, registering, servicesIn } from "./describe-service.ts";
import { type Described, type DescribedPart, labelsText, part } from "./described.ts";

/**
 * What holds for a workload: who it is, what it serves, what guards it, in the order in which that decides.
 *
 * @param name as logs and metrics have it
 */
export function describeWorkload(world: World, namespace: string, name: string): Described | null {
  const parts = new Map<string, DescribedPart>();
  const guards = new Map<string, DescribedPart>();
  const hosts = new Set<string>();
  const put = (map: Map<string, DescribedPart>, one: DescribedPart): void => {
    const ref = {
      group: "",
      kind: one.object.kind,
      namespace: namespaceOf(one.object),
      name: one.object.metadata.name,
    };
    const key = `${one.part} ${refKey(ref)} ${one.field}`;
    if (!map.has(key)) map.set(key, one);
  };
  for (const service of servicesIn(world, namespace))
    for (const { number } of service.ports)
      for (const endpoint of endpointsOf(world, service, number)) {
        const { workload, labels, id } = endpoint;
        if (workload.name !== name || workload.namespace !== namespace) continue;
        hosts.add(service.host);
        const [object = service.object] = registering(world, endpoint);
        put(parts, part("identity", workload.principal ?? "none", object, IDENTITIES[object.kind] ?? "spec"));
        put(parts, part("labels", labelsText(labels), object, LABELS[object.kind] ?? "metadata.labels"));
        put(parts, part(`endpoint ${id}`, `port ${number} of ${service.host}`, object, "spec"));
        put(parts, part(`service ${service.host}`, `port ${number}`, service.object, "spec.selector"));
        const sidecar = sidecarFor(world, namespace, () => labels);
        if (sidecar !== null) put(parts, part("sidecar", "what it sees of the mesh", sidecar, "spec.egress"));
        for (const guard of endpointGuards(world, endpoint)) put(guards, guard);
      }
  return parts.size === 0 ? null : { parts: [...parts.values(), ...guards.values()], hosts: [...hosts] };
}

const IDENTITIES: Readonly<Record<string, string>> = {
  WorkloadEntry: "spec.serviceAccount",
  ServiceEntry: "spec.endpoints",
  EndpointSlice: "endpoints",
};

const LABELS: Readonly<Record<string, string>> = {
  WorkloadEntry: "spec.labels",
  ServiceEntry: "spec.endpoints",
  EndpointSlice: "endpoints",
};
