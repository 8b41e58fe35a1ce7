import { addressOfHost, hostsByName } from "../../../compile/entries.ts";
import { mayOwn, serviceFor } from "../../../compile/services.ts";
import { namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { errorAt, type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import type { ServiceEntrySpec } from "../../../resources/service-entry.ts";
import { checkAddress, checkAddresses } from "../../addresses.ts";

/** Whether its hosts are its namespace's to name, and its addresses its to use. */
export function checkAmongOthers(world: World, object: KubeObject): readonly Finding[] {
  const spec = object.spec as ServiceEntrySpec;
  const byName = hostsByName(spec);
  return [
    ...spec.hosts.flatMap((host, index) => {
      const field = `spec.hosts[${index}]`;
      const name = host.toLowerCase();
      if (!mayOwn(object, name))
        return [errorAt(field, `\`${host}\` is a name of another namespace's service`, "TULLE0110")];
      const serving = serviceFor(world, name, namespaceOf(object));
      if (serving && serving.object.kind === "Service")
        return [
          warningAt(
            field,
            `has no effect: the Service \`${serving.namespace}/${serving.name}\` has this name`,
            "TULLE0302",
          ),
        ];
      return byName.includes(name) ? checkAddress(world, object, addressOfHost(name), field) : [];
    }),
    ...checkAddresses(world, object, inlineAddresses(object)),
  ];
}

export function inlineAddresses({ spec }: KubeObject) {
  return ((spec as ServiceEntrySpec).endpoints ?? []).map(({ address }, index) => ({
    address,
    field: `spec.endpoints[${index}].address`,
  }));
}
