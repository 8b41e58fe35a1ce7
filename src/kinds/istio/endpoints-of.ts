import { endpointsOf, type ServiceInfo } from "../../compile/services.ts";
import { selects } from "../../compile/view.ts";
import type { World } from "../../compile/world.ts";
import type { DestinationRuleSpec } from "../../resources/destination-rule.ts";
import { type Finding, warningAt } from "../../resources/finding.ts";

/**
 * Ports of a service that no endpoint serves: their callers are answered with 503.
 *
 * @param code for a service by itself, which others may call or not, or for one that a route leads to
 */
export function checkServed(
  world: World,
  service: ServiceInfo,
  field: string,
  code: "TULLE0114" | "TULLE0504",
): readonly Finding[] {
  const unserved = service.ports.filter(({ number }) => endpointsOf(world, service, number).length === 0);
  if (unserved.length === 0) return [];
  const numbers = unserved.map(({ number }) => number).join(", ");
  const what = unserved.length === service.ports.length ? "" : ` of port ${numbers}`;
  const message = `\`${service.host}\` has no endpoint${what} yet: its requests are answered with 503`;
  return [warningAt(field, message, code)];
}

/**
 * A port that a route leads to and no endpoint serves.
 *
 * @param meanwhile what becomes of its requests
 */
export function checkDestination(
  world: World,
  service: ServiceInfo,
  port: number,
  field: string,
  meanwhile: string,
): readonly Finding[] {
  if (endpointsOf(world, service, port).length > 0) return [];
  const message = `no endpoint serves port ${port} of \`${service.host}\` yet: ${meanwhile}`;
  return [warningAt(field, message, "TULLE0114")];
}

/** Subsets that hold none of the endpoints that there are, and those that no route names. */
export function checkSubsets(world: World, spec: DestinationRuleSpec, service: ServiceInfo): readonly Finding[] {
  const { subsets = [] } = spec;
  if (subsets.length === 0) return [];
  const endpoints = service.ports.flatMap(({ number }) => endpointsOf(world, service, number));
  return subsets.flatMap(({ name, labels = {} }, index): readonly Finding[] => {
    const isEmpty = endpoints.length > 0 && !endpoints.some((endpoint) => selects(labels, endpoint.labels));
    if (isEmpty) {
      const message = `none of the endpoints of \`${service.host}\` has these labels: requests to \`${name}\` are answered with 503`;
      return [warningAt(`spec.subsets[${index}].labels`, message, "TULLE0115")];
    }
    if (world.inventory.has("routes-to-subset", `${service.host} ${name}`)) return [];
    return [warningAt(`spec.subsets[${index}].name`, `no route names the subset \`${name}\` yet`, "TULLE0503")];
  });
}
