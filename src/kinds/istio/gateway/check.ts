import { canonicalHost } from "../../../resources/host.ts";
import { gatewayTable, labelEntries, partialEntries } from "../../../compile/entries.ts";
import { gatewayLabels } from "../../../compile/istio/gateway-hosts.ts";
import { GATEWAY_NAMESPACE, namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { GatewaySpec } from "../../../resources/gateway.ts";
import { type KubeObject, refKey, refOf } from "../../../resources/object.ts";

export function* entries(object: KubeObject): Generator<readonly [string, string]> {
  yield ["gateway", nameOf(object)];
  for (const { key } of exposed(object)) yield ["exposed", key];
  yield* partialEntries(exposed(object).map(({ host }) => host));
  yield* labelEntries(GATEWAY_NAMESPACE, gatewayLabels(object));
}

/** Whether anybody routes at it, and whether an older one exposes the same. */
export function checkAmongOthers(world: World, object: KubeObject): readonly Finding[] {
  const { servers } = object.spec as GatewaySpec;
  const redirects = servers.some(({ tls }) => tls?.httpsRedirect === true);
  const isUsed = redirects || world.inventory.hasAny(gatewayTable(nameOf(object)));
  const unused = isUsed
    ? []
    : [warningAt("metadata.name", "no VirtualService names it yet: it answers 404", "TULLE0502")];
  const conflicts = exposed(object).flatMap(({ key, port, host, field }) => {
    const oldest = world.memo.get(`oldest-exposed ${key}`, () => world.inventory.of("exposed", key)[0] ?? null);
    if (oldest === null || refKey(refOf(oldest)) === refKey(refOf(object))) return [];
    const message = `the older Gateway \`${nameOf(oldest)}\` exposes \`${host}\` on port ${port} to the same workload: where no listener is told, that one serves it`;
    return [warningAt(field, message, "TULLE0311")];
  });
  return [...unused, ...conflicts];
}

/** What is exposed where, and the key by which another Gateway is found that exposes the same. */
function exposed({ spec }: KubeObject) {
  const { selector = {}, servers } = spec as GatewaySpec;
  const workload = JSON.stringify(Object.entries(selector).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return servers.flatMap(({ port, hosts }, index) =>
    hosts.map((text, at) => {
      const host = canonicalHost(text);
      const field = `spec.servers[${index}].hosts[${at}]`;
      return { key: `${port.number} ${host} ${workload}`, port: port.number, host, field };
    }),
  );
}

function nameOf(object: KubeObject): string {
  return `${namespaceOf(object)}/${object.metadata.name}`;
}
