import type { KubeObject } from "../resources/object.ts";
import { isPortless } from "./addresses.ts";
import { type Labels, POLICY_TARGETS, targetLabel, targetsOf } from "./entries.ts";
import { endpointsOf, servicesOf } from "./services.ts";
import { namespaceOf } from "./view.ts";
import type { World } from "./world.ts";

const NONE: Labels = {};

/**
 * What stands among an endpoint's labels for the services of its namespace that policies name as their targets. Such a policy
 * guards the endpoint by whatever name it is called, as others do.
 */
export function targetLabels(world: World, namespace: string, key: string, port: number): Labels {
  if (!world.inventory.has(POLICY_TARGETS, namespace)) return NONE;
  const places = world.memo.get(`policy-targets ${namespace}`, () => placesOf(world, namespace));
  return places.get(placeName(key, port)) ?? NONE;
}

function placesOf(world: World, namespace: string): ReadonlyMap<string, Labels> {
  const { inventory } = world;
  const targets = new Set(inventory.of(POLICY_TARGETS, namespace).flatMap(targetsOf));
  const places = new Map<string, Labels>();
  for (const object of inventory.of("hosts-of", namespace)) {
    const target = targetName(object);
    if (!targets.has(target)) continue;
    for (const service of servicesOf(object))
      for (const { number } of service.ports)
        for (const { key, port } of endpointsOf(world, service, number)) {
          const name = placeName(key, port);
          places.set(name, { ...places.get(name), [targetLabel(target)]: "" });
        }
  }
  return places;
}

function targetName(object: KubeObject): string {
  return `${namespaceOf(object)}/${object.kind}/${object.metadata.name}`;
}

function placeName(key: string, port: number): string {
  return isPortless(key) ? key : `${key} ${port}`;
}

/** Targets of a policy that are not there. */
export function missingTargets({ inventory }: World, policy: KubeObject): readonly string[] {
  const targets = targetsOf(policy);
  // Most name none: what stands in their namespace is nothing to them.
  if (targets.length === 0) return targets;
  const there = new Set(inventory.of("hosts-of", namespaceOf(policy)).map(targetName));
  return targets.filter((target) => !there.has(target));
}
