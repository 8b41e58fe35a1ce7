import { outlierSettings } from "../../../compile/istio/outlier.ts";
import type { ServiceInfo } from "../../../compile/services.ts";
import { meshConfig } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { mayEject, panics } from "../../../resilience/outlier.ts";
import type { DestinationRuleSpec } from "../../../resources/destination-rule.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import { blocksOf, type Placed } from "./blocks.ts";

/** Outlier detection that can never leave an endpoint out, by how many there are now. Each block is told of once. */
export function checkEjections(world: World, spec: DestinationRuleSpec, service: ServiceInfo): readonly Finding[] {
  const always = meshConfig(world).alwaysEjectOneEndpoint ?? true;
  const findings = new Map<string, Finding>();
  for (const block of blocksOf(world, spec, service, "outlierDetection")) {
    const finding = findings.has(block.field) ? null : neverEjects(block, always);
    if (finding !== null) findings.set(block.field, finding);
  }
  return [...findings.values()];
}

function neverEjects(
  { settings: spec, field, endpoints, of }: Placed<"outlierDetection">,
  always: boolean,
): Finding | null {
  const settings = outlierSettings(spec, always);
  const { maxEjectionPercent, minHealthPercent } = settings;
  const hosts = endpoints.length;
  if (hosts === 0) return null;
  if (!mayEject(settings, hosts, 0))
    return warningAt(
      `${field}.maxEjectionPercent`,
      `never ejects: ${maxEjectionPercent} % of the ${hosts} of ${of} is less than one endpoint, and \`alwaysEjectOneEndpoint\` of the MeshConfig is false`,
      "TULLE0402",
    );
  if (minHealthPercent === 100 || !panics(settings, hosts, 1)) return null;
  return warningAt(
    `${field}.minHealthPercent`,
    `every ejection is disregarded: with one of the ${hosts} of ${of} ejected, fewer than ${minHealthPercent} % are healthy`,
    "TULLE0402",
  );
}
