import type { KubeObject } from "../../resources/object.ts";
import type { VirtualServiceSpec } from "../../resources/virtual-service.ts";
import { assemble, type CompiledSlice } from "../slices.ts";
import {
  namespaceOf,
  onlyFor,
  patternsOf,
  qualified,
  serviceOfHost,
  type Viewer,
  visible,
  type World,
} from "../view.ts";
import { compileRoutes, defaultRoutes } from "./routes.ts";
import { serviceFor } from "./services.ts";

/** The hosts that the mesh knows: services, and what VirtualServices name beside them. */
export function meshHosts(world: World): readonly string[] {
  const { memo, inventory } = world;
  return memo.get("mesh-hosts", () => [
    ...new Set([...inventory.keys("service"), ...inventory.keys("mesh-route")].filter((host) => host !== "*")),
  ]);
}

/** The slice of a host as a namespace sees it; null where it does not. */
function meshSlice(world: World, host: string, viewer: Viewer): CompiledSlice | null {
  return world.memo.get(`mesh-slice ${viewer} ${host}`, () => {
    const service = serviceFor(world, host, viewer);
    const route = routeFor(world, host, viewer);
    if (!service && !route) return null;
    const ports = service?.ports.map(({ number }) => number) ?? null;
    const routes = route
      ? compileRoutes(world, route, { kind: "mesh", viewer, ports })
      : defaultRoutes(host, ports ?? []);
    const name = service && `${service.namespace}/${service.name}`;
    return assemble(world, { host, viewer, service: name, ports, front: null }, routes);
  });
}

/** A name under which a host is dialled in a scope of the mesh, with what it gets there. */
export interface MeshListing {
  readonly scope: `mesh/${string}`;
  readonly name: string;
  readonly slice: CompiledSlice;
}

/** Where a host is listed: for all, and for the namespaces that see it differently or by more names. */
export function meshListings(world: World, host: string): readonly MeshListing[] {
  return world.memo.get(`mesh-listings ${host}`, () => {
    const general = meshSlice(world, host, "*");
    const everywhere = general ? namesOf(host, "*") : [];
    const listings: MeshListing[] = everywhere.flatMap((name) =>
      general ? [{ scope: "mesh/*", name, slice: general }] : [],
    );
    const viewers = new Set(viewersOf(world, host));
    const own = serviceOfHost(host)?.namespace;
    if (own !== undefined) viewers.add(own);
    for (const viewer of viewers) {
      const slice = meshSlice(world, host, viewer);
      if (!slice) continue;
      const listed = slice.text === general?.text ? everywhere : [];
      for (const name of namesOf(host, viewer))
        if (!listed.includes(name)) listings.push({ scope: `mesh/${viewer}`, name, slice });
    }
    return listings;
  });
}

/** In the mesh VirtualServices for one host are not merged: the oldest wins whole, an exact host before a wildcard. */
export function routeFor(world: World, host: string, viewer: Viewer): KubeObject | null {
  for (const pattern of patternsOf(host)) {
    const oldest = world.inventory.of("mesh-route", pattern).find((route) => visible(route, viewer));
    if (oldest) return oldest;
  }
  return null;
}

/** Namespaces whose view of a host may differ from that of all: those named by `exportTo`, and those with rules of their own. */
function viewersOf(world: World, host: string): readonly string[] {
  const { memo, inventory } = world;
  return memo.get(`viewers ${host}`, () => {
    const routes = patternsOf(host).flatMap((pattern) => inventory.of("mesh-route", pattern));
    const destinations = routes.flatMap((route) =>
      (route.spec as VirtualServiceSpec).http.flatMap((rule) =>
        rule.route.map(({ destination }) => qualified(destination.host, namespaceOf(route))),
      ),
    );
    const viewers = new Set(routes.flatMap(onlyFor));
    for (const name of new Set([host, ...destinations])) {
      const services = inventory.of("service", name);
      for (const service of services) for (const only of onlyFor(service)) viewers.add(only);
      if (services.length > 1) for (const service of services) viewers.add(namespaceOf(service));
      const owners = new Set(services.map(namespaceOf));
      for (const rule of patternsOf(name).flatMap((pattern) => inventory.of("rule", pattern))) {
        for (const only of onlyFor(rule)) viewers.add(only);
        if (!owners.has(namespaceOf(rule))) viewers.add(namespaceOf(rule));
      }
    }
    return [...viewers].sort();
  });
}

/** All names of a host that a caller may dial: of a Kubernetes service also the shorter ones. */
function namesOf(host: string, viewer: Viewer): readonly string[] {
  const service = serviceOfHost(host);
  if (!service) return [host];
  const { name, namespace } = service;
  const names = [host, `${name}.${namespace}.svc`, `${name}.${namespace}`];
  return viewer === namespace ? [...names, name] : names;
}
