import { addressProblem, ownerOf } from "../compile/addresses.ts";
import { namespaceOf } from "../compile/view.ts";
import type { World } from "../compile/world.ts";
import { addressKey } from "../resources/address.ts";
import { errorAt, type Finding } from "../resources/finding.ts";
import type { KubeObject } from "../resources/object.ts";
import type { Kind } from "./kind.ts";

/** Whether an object may use the addresses that it writes: by the mesh's settings, and by who registered them first. */
export function checkAddresses(
  world: World,
  object: KubeObject,
  addresses: ReturnType<Kind["addresses"]>,
): readonly Finding[] {
  return addresses.flatMap(({ address, field }) => checkAddress(world, object, address, field));
}

export function checkAddress(world: World, object: KubeObject, address: string, field: string): readonly Finding[] {
  const namespace = namespaceOf(object);
  const problem = addressProblem(world, address, namespace);
  if (problem !== null) return [errorAt(field, problem, "TULLE0111")];
  const key = addressKey(address);
  const registrations = world.kindOf(object)?.registrations(world, object, key) ?? [];
  const ports = registrations.flatMap((registration) => registration.ports ?? [0]);
  for (const port of new Set(ports)) {
    const owner = ownerOf(world, key, port);
    if (owner !== null && owner !== namespace)
      return [
        errorAt(field, `\`${address}\` belongs to namespace \`${owner}\`, which registered it first`, "TULLE0112"),
      ];
  }
  return [];
}
