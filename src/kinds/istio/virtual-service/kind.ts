import { gatewaysOf, gatewayTable, partialEntries, ROUTE_NAMES } from "../../../compile/entries.ts";
import { delegateName } from "../../../compile/istio/delegates.ts";
import { namespaceOf, qualified } from "../../../compile/view.ts";
import { mirrorsIn } from "../../../resources/mirror.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { checkVirtualService, VirtualService, type VirtualServiceSpec } from "../../../resources/virtual-service.ts";
import { withoutUnset } from "../../../resources/unset-fields.ts";
import { AGE, field } from "../../columns.ts";
import { networkingKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkAmongOthers } from "./check.ts";
import { DESCRIPTIONS } from "./descriptions.ts";
import { isCatchAll } from "./hosts.ts";

export const VIRTUAL_SERVICE = networkingKind({
  kind: "VirtualService",
  plural: "virtualservices",
  shortNames: ["vs"],
  reader: reader(VirtualService, checkVirtualService, withoutUnset),
  entries,
  check: checkAmongOthers,
  columns: [
    field("Gateways", "The gateways and sidecars that the routes apply to.", "spec", "gateways"),
    field("Hosts", "The hosts that the routes apply to.", "spec", "hosts"),
    AGE,
  ],
  descriptions: DESCRIPTIONS,
});

function* entries(object: KubeObject): Generator<readonly [string, string]> {
  const { hosts = [], http } = object.spec as VirtualServiceSpec;
  const namespace = namespaceOf(object);
  if (hosts.length === 0) yield ["delegate", `${namespace}/${object.metadata.name}`];
  for (const { name = "" } of http) if (name !== "") yield [ROUTE_NAMES, name];
  for (const { delegate } of http) if (delegate) yield ["delegates-to", delegateName(delegate, namespace)];
  for (const { destination } of http.flatMap((rule) => [...(rule.route ?? []), ...mirrorsIn(rule)]))
    if (destination.subset !== undefined)
      yield ["routes-to-subset", `${qualified(destination.host, namespace)} ${destination.subset}`];
  const gateways = gatewaysOf(object);
  if (hosts.length > 0 && gateways.includes("mesh")) yield ["hosts-of", namespace];
  const catchesAll = http.some(isCatchAll);
  yield* partialEntries(hosts);
  for (const host of hosts) {
    const name = qualified(host, namespace);
    for (const gateway of gateways) {
      yield [gateway === "mesh" ? "mesh-route" : gatewayTable(gateway), name];
      if (catchesAll && gateway !== "mesh") yield ["catch-all", `${gateway} ${name}`];
    }
  }
}
