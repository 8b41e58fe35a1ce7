import { outlierSettings } from "../../../compile/istio/outlier.ts";
import { endpointsOf, type ServiceInfo } from "../../../compile/services.ts";
import { meshConfig, selects } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { mayEject, panics } from "../../../resilience/outlier.ts";
import type { DestinationRuleSpec } from "../../../resources/destination-rule.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { OutlierDetectionSpec } from "../../../resources/outlier-detection.ts";

type Policy = NonNullable<DestinationRuleSpec["trafficPolicy"]>;

/** A block of settings and the field where it stands. */
interface Placed {
  readonly spec: OutlierDetectionSpec;
  readonly field: string;
}

/** Outlier detection that can never leave an endpoint out, by how many there are now. Each block is told of once. */
export function checkEjections(world: World, spec: DestinationRuleSpec, service: ServiceInfo): readonly Finding[] {
  const always = meshConfig(world).alwaysEjectOneEndpoint ?? true;
  const findings = new Map<string, Finding>();
  for (const { number } of service.ports) {
    for (const [index, subset] of [undefined, ...(spec.subsets ?? [])].entries()) {
      const own = subset?.trafficPolicy && {
        policy: subset.trafficPolicy,
        at: `spec.subsets[${index - 1}].trafficPolicy`,
      };
      const all = spec.trafficPolicy && { policy: spec.trafficPolicy, at: "spec.trafficPolicy" };
      const placed = settingsOf([own, all], number);
      if (placed === undefined || findings.has(placed.field)) continue;
      const settings = outlierSettings(placed.spec, always);
      if (always && settings.minHealthPercent === 0) continue;
      const hosts = endpointsOf(world, service, number).filter(({ labels }) =>
        selects(subset?.labels ?? {}, labels),
      ).length;
      const of = `the ${hosts} of port ${number}${subset ? `, subset \`${subset.name}\`` : ""}`;
      if (hosts === 0) continue;
      if (!mayEject(settings, hosts, 0))
        findings.set(
          placed.field,
          warningAt(
            `${placed.field}.maxEjectionPercent`,
            `never ejects: ${settings.maxEjectionPercent} % of ${of} is less than one endpoint, and \`alwaysEjectOneEndpoint\` of the MeshConfig is false`,
            "TULLE0402",
          ),
        );
      else if (settings.minHealthPercent < 100 && panics(settings, hosts, 1))
        findings.set(
          placed.field,
          warningAt(
            `${placed.field}.minHealthPercent`,
            `every ejection is disregarded: with one of ${of} ejected, fewer than ${settings.minHealthPercent} % are healthy`,
            "TULLE0402",
          ),
        );
    }
  }
  return [...findings.values()];
}

/** Settings of a port replace the others as a whole; a subset's go first. */
function settingsOf(
  levels: readonly ({ readonly policy: Policy; readonly at: string } | undefined)[],
  port: number,
): Placed | undefined {
  const given = levels.filter((level) => level !== undefined);
  for (const { policy, at } of given) {
    const levelOfPort = (policy.portLevelSettings ?? []).findIndex((level) => level.port.number === port);
    const settings = policy.portLevelSettings?.[levelOfPort];
    if (settings !== undefined) return place(settings.outlierDetection, `${at}.portLevelSettings[${levelOfPort}]`);
  }
  const level = given.find(({ policy }) => policy.outlierDetection !== undefined);
  return level && place(level.policy.outlierDetection, level.at);
}

function place(spec: OutlierDetectionSpec | undefined, at: string): Placed | undefined {
  return spec && { spec, field: `${at}.outlierDetection` };
}
