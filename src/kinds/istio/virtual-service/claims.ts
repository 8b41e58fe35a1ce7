import { gatewayAt, gatewayLabels, gatewayPorts } from "../../../compile/istio/gateway-hosts.ts";
import { workloadPolicies } from "../../../compile/istio/policies.ts";
import { GATEWAY_NAMESPACE } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { claimPath } from "../../../resources/claim-name.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import type { VirtualServiceSpec } from "../../../resources/virtual-service.ts";

/** Routes by claims at a Gateway where no token is ever verified: there is none. */
export function checkVerified(world: World, object: KubeObject, gateways: readonly string[]): readonly Finding[] {
  const field = firstClaim(object.spec as VirtualServiceSpec);
  if (field === null) return [];
  const unverified = gateways.find((gateway) => gateway !== "mesh" && !verifies(world, gateway));
  if (unverified === undefined) return [];
  const message = `no RequestAuthentication verifies tokens at \`${unverified}\` yet: no request has this claim`;
  return [warningAt(field, message, "TULLE0117")];
}

function verifies(world: World, name: string): boolean {
  const gateway = gatewayAt(world, name);
  if (gateway === null) return true;
  const workload = { namespace: GATEWAY_NAMESPACE, labels: gatewayLabels(gateway) };
  return gatewayPorts(world, name).some((port) => workloadPolicies(world, workload, [port]).jwt.length > 0);
}

/** Where the first claim is asked for. */
function firstClaim({ http }: VirtualServiceSpec): string | null {
  for (const [index, { match = [] }] of http.entries())
    for (const [at, { headers = {}, withoutHeaders = {} }] of match.entries())
      for (const [kind, names] of Object.entries({ headers, withoutHeaders }))
        for (const name of Object.keys(names))
          if (claimPath(name) !== null) return `spec.http[${index}].match[${at}].${kind}[${name}]`;
  return null;
}
