import { clusterId } from "./clusters.ts";
import { serviceFor } from "./services.ts";
import { assemble, type CompiledSlice } from "./slices.ts";
import { serviceOfHost } from "./view.ts";
import type { CompiledRoutes, Viewer, World } from "./world.ts";

/** The hosts that the mesh knows: services, and what is routed beside them; `*` is a host of Gateways alone. */
export function meshHosts(world: World): readonly string[] {
  const { memo, inventory, frontEnds } = world;
  return memo.get("mesh-hosts", () => [
    ...new Set(
      [...inventory.keys("service"), ...frontEnds.flatMap((frontEnd) => frontEnd.meshHosts(world))].filter(
        (host) => host !== "*",
      ),
    ),
  ]);
}

/** The slice of a host as a namespace sees it; null where it does not. */
function meshSlice(world: World, host: string, viewer: Viewer): CompiledSlice | null {
  return world.memo.get(`mesh-slice ${viewer} ${host}`, () => {
    const service = serviceFor(world, host, viewer);
    const ports = service?.ports.map(({ number }) => number) ?? null;
    const routes = routesFor(world, host, viewer, ports) ?? (service && defaultRoutes(host, ports ?? []));
    if (!routes) return null;
    const name = service && `${service.namespace}/${service.name}`;
    return assemble(world, { host, viewer, service: name, ports, front: null }, routes);
  });
}

function routesFor(world: World, host: string, viewer: Viewer, ports: readonly number[] | null): CompiledRoutes | null {
  for (const frontEnd of world.frontEnds) {
    const routes = frontEnd.meshRoutes(world, host, viewer, ports);
    if (routes) return routes;
  }
  return null;
}

/** What goes to a service that nobody routes: each of its ports to itself. */
function defaultRoutes(host: string, ports: readonly number[]): CompiledRoutes {
  const targets = ports.map((port) => ({ host, port, subset: undefined }));
  const routes = targets.map(({ port }) => ({
    name: "default",
    matches: ports.length === 1 ? [] : [{ port }],
    destinations: [{ cluster: clusterId(host, port, undefined), weight: 1 }],
  }));
  return { routes, targets };
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
    const viewers = new Set(world.frontEnds.flatMap((frontEnd) => frontEnd.viewers(world, host)));
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

/** All names of a host that a caller may dial: of a Kubernetes service also the shorter ones. */
function namesOf(host: string, viewer: Viewer): readonly string[] {
  const service = serviceOfHost(host);
  if (!service) return [host];
  const { name, namespace } = service;
  const names = [host, `${name}.${namespace}.svc`, `${name}.${namespace}`];
  return viewer === namespace ? [...names, name] : names;
}
