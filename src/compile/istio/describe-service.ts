import type { DestinationRuleSpec } from "../../resources/destination-rule.ts";
import { canonicalHost } from "../../resources/host.ts";
import type { KubeObject } from "../../resources/object.ts";
import { registrationsOf } from "../addresses.ts";
import { endpointsOf, type ServiceEndpoint, type ServiceInfo, servicesOf } from "../services.ts";
import { rehearsalsOf } from "../rehearsals.ts";
import { targetLabels } from "../targets.ts";
import { meshConfig, meshConfigObject, namespaceOf, serviceHost } from "../view.ts";
import type { RouteDraft, World } from "../world.ts";
import { rulesOf } from "./delegates.ts";
import { guardParts } from "./describe-guards.ts";
import { type Described, type DescribedPart, labelsText, matchesText, part } from "./described.ts";
import { limitParts } from "./describe-limits.ts";
import { rehearsalPart } from "./describe-rehearsals.ts";
import { limitedPlaces } from "./limits.ts";
import { destinationRules } from "./destination-rules.ts";
import { gatewayEntry, gatewayHosts, gateways } from "./gateway-hosts.ts";
import { meshRoutes, routeFor, viewersOf } from "./mesh-routes.ts";

/** A view that nobody has who is named: what a caller sees of whom nothing else is said. */
const ANYBODY = "*";

/**
 * What holds for calls of a service.
 *
 * @param name of a Service or ServiceEntry, or a host
 * @returns null where the namespace has none
 */
export function describeService(world: World, namespace: string, name: string): Described | null {
  const hosts = new Set([canonicalHost(name), serviceHost(name, namespace)]);
  const services = servicesIn(world, namespace).filter(
    ({ host, object }) => hosts.has(host) || object.metadata.name === name,
  );
  if (services.length === 0) return null;
  return {
    parts: services.flatMap((service) => serviceParts(world, service)),
    hosts: services.map(({ host }) => host),
  };
}

export function servicesIn({ inventory }: World, namespace: string): readonly ServiceInfo[] {
  const defining = inventory
    .of("hosts-of", namespace)
    .filter(({ kind }) => kind === "Service" || kind === "ServiceEntry");
  return defining.flatMap(servicesOf);
}

function serviceParts(world: World, service: ServiceInfo): DescribedPart[] {
  const { host, object, ports } = service;
  const at = object.kind === "Service" ? "metadata.name" : "spec.hosts";
  return [
    part("host", host, object, at),
    ...ports.map(({ number, name, target }, index) =>
      part(`port ${number}`, name === "" ? `to ${target}` : `${name}, to ${target}`, object, `spec.ports[${index}]`),
    ),
    ...endpointParts(world, service),
    ...meshRouteParts(world, service),
    ...gatewayParts(world, host),
    ...destinationParts(world, service),
    ...guardsOf(world, service),
    ...limitsOfService(world, service),
    ...rehearsalsOf(world, service).map(rehearsalPart),
  ];
}

function endpointParts(world: World, service: ServiceInfo): DescribedPart[] {
  return service.ports.flatMap(({ number }) =>
    endpointsOf(world, service, number).map((endpoint) => {
      const { id, workload, weight, labels } = endpoint;
      const value = `${id}, ${workload.namespace}/${workload.name} (${labelsText(labels)}), weight ${weight}`;
      const [object = service.object] = registering(world, endpoint);
      return part(`endpoint ${number}`, value, object, FIELDS[object.kind] ?? "spec");
    }),
  );
}

const FIELDS: Readonly<Record<string, string>> = {
  WorkloadEntry: "spec.address",
  ServiceEntry: "spec.endpoints",
  EndpointSlice: "endpoints",
};

/** The objects that say where an endpoint is, the oldest first. */
export function registering({ inventory }: World, { key }: Pick<ServiceEndpoint, "key">): readonly KubeObject[] {
  return inventory.of("address", key);
}

/** Those that a caller meets of whom nothing else is said, in their order; who sees others is told. */
function meshRouteParts(world: World, { host, ports, object }: ServiceInfo): DescribedPart[] {
  const numbers = ports.map(({ number }) => number);
  const route = routeFor(world, host, ANYBODY);
  const others = viewersOf(world, host).filter((viewer) => routeFor(world, host, viewer) !== route);
  const seen = others.map((viewer) => {
    const own = routeFor(world, host, viewer);
    return part(`route for ${viewer}`, own === null ? "to the service itself" : "another", own ?? object, "spec.http");
  });
  if (route === null) return [part("route", "to the service itself", object, ""), ...seen];
  const compiled = meshRoutes(world, host, ANYBODY, numbers)?.routes ?? [];
  return [...compiled.map((one) => routePart(world, route, one)), ...seen];
}

/** @param object the VirtualService that has the hosts */
export function routePart(world: World, object: KubeObject, route: RouteDraft): DescribedPart {
  const { from, index } = originOf(world, object, route.name);
  return part(`route ${route.name}`, `${matchesText(route.matches)}: ${goesTo(route)}`, from, `spec.http[${index}]`);
}

function originOf(
  world: World,
  object: KubeObject,
  name: string,
): { readonly from: KubeObject; readonly index: number } {
  const label = name.slice(`${namespaceOf(object)}/${object.metadata.name}/`.length);
  // A match block's name stands behind the rule's; both may have dots in them.
  const fitting = rulesOf(world, object).filter((rule) => label === rule.label || label.startsWith(`${rule.label}.`));
  return fitting.toSorted((a, b) => b.label.length - a.label.length)[0] ?? { from: object, index: 0 };
}

function goesTo({ destinations, ...route }: RouteDraft): string {
  if (destinations.length > 0)
    return destinations
      .map(({ cluster, weight }) => (destinations.length === 1 ? cluster : `${cluster} (${weight})`))
      .join(", ");
  if ("redirect" in route && route.redirect !== undefined) return "redirect";
  return "answered by the gateway";
}

function gatewayParts(world: World, host: string): DescribedPart[] {
  return gateways(world).flatMap((gateway) => {
    const name = `${namespaceOf(gateway)}/${gateway.metadata.name}`;
    return gatewayHosts(world, name).flatMap((exposed) => {
      const entry = gatewayEntry(world, name, exposed);
      if (!entry?.routes.targets.some((target) => target.host === host)) return [];
      const leading = entry.routes.routes.filter(({ destinations }) =>
        destinations.some(({ cluster }) => cluster.endsWith(`|${host}`)),
      );
      const value = leading.map((route) => `${route.name}: ${matchesText(route.matches)}`).join("; ");
      return [part(`gateway ${name}:${exposed.port} ${exposed.host}`, value, gateway, "spec.servers")];
    });
  });
}

/** The parts of the DestinationRules that hold, joined, each with the rule that it is of. */
function destinationParts(world: World, { host, namespace }: ServiceInfo): DescribedPart[] {
  const rules = destinationRules(world, host, namespace, ANYBODY);
  if (rules === null) {
    const config = meshConfigObject(world);
    const settings = Object.entries(meshConfig(world).defaultTrafficPolicy ?? {});
    if (config === null) return [];
    return settings.map(([name, value]) =>
      part(`destination ${name}`, value, config, `spec.defaultTrafficPolicy.${name}`),
    );
  }
  const specOf = (rule: KubeObject) => rule.spec as DestinationRuleSpec;
  const holding = rules.find((rule) => specOf(rule).trafficPolicy !== undefined);
  const known = new Set<string>();
  return [
    ...rules.flatMap((rule) =>
      Object.entries(specOf(rule).trafficPolicy ?? {}).map(([name, value]) =>
        rule === holding
          ? part(`destination ${name}`, value, rule, `spec.trafficPolicy.${name}`)
          : part(
              `destination ${name}`,
              "not used: an older rule has a traffic policy",
              rule,
              `spec.trafficPolicy.${name}`,
            ),
      ),
    ),
    ...rules.flatMap((rule) =>
      (specOf(rule).subsets ?? []).map((subset, at) => {
        const isNews = !known.has(subset.name);
        known.add(subset.name);
        const own = subset.trafficPolicy === undefined ? "" : `, ${JSON.stringify(subset.trafficPolicy)}`;
        const value = isNews ? `${labelsText(subset.labels ?? {})}${own}` : "not used: an older rule has this subset";
        return part(`subset ${subset.name}`, value, rule, `spec.subsets[${at}]`);
      }),
    ),
  ];
}

/** Limits follow the endpoint: those of any service that it is registered for. */
function limitsOfService(world: World, service: ServiceInfo): DescribedPart[] {
  const endpoints = service.ports.flatMap(({ number }) => endpointsOf(world, service, number));
  const places = endpoints.flatMap(({ key, port }) => limitedPlaces(world, key, port));
  return [...new Set(places)].flatMap((place) => limitParts(world, place));
}

/** What guards its endpoints: once for each sort of them. */
function guardsOf(world: World, service: ServiceInfo): DescribedPart[] {
  const parts = new Map<string, DescribedPart>();
  for (const { number } of service.ports)
    for (const endpoint of endpointsOf(world, service, number))
      for (const each of endpointGuards(world, endpoint)) {
        const { kind, metadata } = each.object;
        parts.set(`${each.part} ${kind} ${namespaceOf(each.object)}/${metadata.name} ${each.field}`, each);
      }
  return [...parts.values()];
}

/** Policies follow the endpoint: those that select any of its registrations guard it. */
export function endpointGuards(world: World, { key, port }: Pick<ServiceEndpoint, "key" | "port">): DescribedPart[] {
  return registrationsOf(world, key, port).flatMap(({ namespace, labels, declared }) => {
    const targets = targetLabels(world, namespace, key, port);
    return guardParts(world, namespace, { ...labels, ...targets }, [...(declared?.[port] ?? [port])]);
  });
}
