import { reachedBy } from "../../../compile/clusters.ts";
import { clientTls } from "../../../compile/istio/destination-rules.ts";
import type { ServiceEndpoint, ServiceInfo } from "../../../compile/services.ts";
import type { World } from "../../../compile/world.ts";
import type { ClientTlsSpec } from "../../../resources/client-tls.ts";
import type { DestinationRuleSpec } from "../../../resources/destination-rule.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import { blocksOf } from "./blocks.ts";

/** What the TLS of a rule means for the endpoints that there are now. */
export function checkWays(world: World, spec: DestinationRuleSpec, service: ServiceInfo): readonly Finding[] {
  const findings = new Map<string, Finding>();
  for (const { settings, field, endpoints } of blocksOf(world, spec, service, "tls"))
    for (const endpoint of endpoints) {
      const message = problemOf(settings, endpoint);
      if (message !== null) findings.set(`${field} ${endpoint.id}`, warningAt(field, message, "TULLE0109"));
    }
  return [...findings.values()];
}

function problemOf(tls: ClientTlsSpec, { id, address }: ServiceEndpoint): string | null {
  const isPlain = (tls.mode ?? "DISABLE") === "DISABLE";
  if (reachedBy(clientTls(tls), address) === null)
    return address.kind === "dynamic"
      ? `\`${id}\` is left out: a host that the request names is called by HTTPS alone`
      : `\`${id}\` is left out: the platform shows client certificates to public origins alone`;
  if (address.kind === "dynamic") return null;
  if (address.kind !== "origin")
    return tls.sni === undefined || address.kind === "binding" || isPlain
      ? null
      : `\`${id}\` is asked for by its own name: \`sni\` does nothing there`;
  if (isPlain) return `calls of \`${id}\` cross the Internet unencrypted`;
  return null;
}
