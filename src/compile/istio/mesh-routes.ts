import type { DestinationRuleSpec } from "../../resources/destination-rule.ts";
import type { KubeObject } from "../../resources/object.ts";
import { mirrorsIn } from "../../resources/mirror.ts";
import type { VirtualServiceSpec } from "../../resources/virtual-service.ts";
import { onlyFor, visible } from "../exports.ts";
import { importsOf, importsRule } from "../imports.ts";
import { namespaceOf, patternsIn, qualified, viewerNamespace } from "../view.ts";
import { accountsNaming, accountsWith } from "../viewer.ts";
import type { CompiledRoutes, Viewer, World } from "../world.ts";
import { clientLabels } from "./destination-rules.ts";
import { rulesOf } from "./delegates.ts";
import { comparedLabels } from "./localities.ts";
import { compileRoutes } from "./routes.ts";

export function meshHosts({ inventory }: World): readonly string[] {
  return inventory.keys("mesh-route");
}

export function meshRoutes(
  world: World,
  host: string,
  viewer: Viewer,
  ports: readonly number[] | null,
): CompiledRoutes | null {
  const route = routeFor(world, host, viewer, ports !== null);
  return route && compileRoutes(world, route, { kind: "mesh", viewer, ports });
}

/**
 * In the mesh VirtualServices for one host are not merged: the oldest wins whole, an exact host before a wildcard.
 *
 * @param isService whether the viewer sees a service of this name: else a wildcard makes it no host of its own
 */
export function routeFor(world: World, host: string, viewer: Viewer, isService = true): KubeObject | null {
  const imports = importsOf(world, viewer);
  for (const pattern of imports === null || isService ? patternsIn(world, host) : [host]) {
    const oldest = world.inventory
      .of("mesh-route", pattern)
      .find((route) => visible(world, route, viewer) && importsRule(imports, route, hostsOf(route)));
    if (oldest) return oldest;
  }
  return null;
}

/**
 * Whose view of a host may differ from that of the next wider viewer: namespaces named by `exportTo`, those with rules of
 * their own, and service accounts whose labels something selects.
 */
export function viewersOf(world: World, host: string): readonly Viewer[] {
  const { memo, inventory } = world;
  return memo.get(`viewers ${host}`, () => {
    const routes = patternsIn(world, host).flatMap((pattern) => inventory.of("mesh-route", pattern));
    const destinations = routes.flatMap((route) =>
      rulesOf(world, route).flatMap(({ rule }) =>
        [...(rule.route ?? []), ...mirrorsIn(rule)].map(({ destination }) => destination.host),
      ),
    );
    const viewers = new Set<Viewer>([
      ...routes.flatMap((route) => onlyFor(world, route)),
      ...routes.flatMap((route) => sources(world, route)),
    ]);
    // The mesh's own Sidecar may import from each caller's namespace.
    const isNarrowed = importsOf(world, "*") !== null;
    if (isNarrowed) for (const route of routes) viewers.add(namespaceOf(route));
    for (const name of new Set([host, ...destinations])) {
      const services = inventory.of("service", name);
      for (const service of services) for (const only of onlyFor(world, service)) viewers.add(only);
      if (services.length > 1 || isNarrowed) for (const service of services) viewers.add(namespaceOf(service));
      const owners = new Set(services.map(namespaceOf));
      const rules = patternsIn(world, name).flatMap((pattern) => inventory.of("rule", pattern));
      const compared = comparedLabels(
        world,
        rules.map(({ spec }) => spec as DestinationRuleSpec),
      );
      for (const account of accountsNaming(world, compared)) viewers.add(account);
      for (const rule of rules) {
        for (const only of onlyFor(world, rule)) viewers.add(only);
        if (!owners.has(namespaceOf(rule)) || clientLabels(rule) !== null) viewers.add(namespaceOf(rule));
        for (const client of clients(world, rule)) viewers.add(client);
      }
    }
    return [...viewers].sort();
  });
}

function hostsOf(route: KubeObject): readonly string[] {
  const { hosts = [] } = route.spec as VirtualServiceSpec;
  return hosts.map((host) => qualified(host, namespaceOf(route)));
}

/** The callers that a VirtualService's match blocks ask for by their labels. */
function sources(world: World, route: KubeObject): readonly Viewer[] {
  const blocks = rulesOf(world, route).flatMap(({ rule }) => rule.match ?? []);
  return blocks.flatMap(({ sourceLabels, gateways }) =>
    sourceLabels === undefined || gateways !== undefined ? [] : accountsWith(world, sourceLabels),
  );
}

/** The callers that a DestinationRule is for, where it says so. */
function clients(world: World, rule: KubeObject): readonly Viewer[] {
  const labels = clientLabels(rule);
  if (labels === null || Object.keys(labels).length === 0) return [];
  return accountsWith(world, labels).filter((account) => viewerNamespace(account) === namespaceOf(rule));
}
