import { isPartial } from "../resources/host.ts";
import { clusterId } from "./clusters.ts";
import { importsOf, namedHosts, sidecarViewers } from "./imports.ts";
import { outsideHosts, outsideSlice } from "./outside.ts";
import { rehearsalsFor } from "./rehearsals.ts";
import { retriesOf } from "./retries.ts";
import { importedService } from "./services.ts";
import { assemble, type CompiledSlice } from "./slices.ts";
import { serviceOfHost, viewerNamespace, widerViewer } from "./view.ts";
import type { CompiledRoutes, Viewer, World } from "./world.ts";

/** The hosts of which the mesh has something to say: services, what is routed beside them, and what is outside. */
export function meshHosts(world: World): readonly string[] {
  const { memo, inventory, frontEnds } = world;
  return memo.get("mesh-hosts", () => [
    ...new Set([
      ...inventory.keys("service"),
      ...frontEnds.flatMap((frontEnd) => frontEnd.meshHosts(world)),
      ...outsideHosts(world),
    ]),
  ]);
}

/** The slice of a host as a viewer sees it; null where it does not. */
function meshSlice(world: World, host: string, viewer: Viewer): CompiledSlice | null {
  return world.memo.get(`mesh-slice ${viewer} ${host}`, () => {
    const service = importedService(world, host, viewer);
    const ports = service?.ports.map(({ number }) => number) ?? null;
    const routes =
      routesFor(world, host, viewer, ports) ?? (service && defaultRoutes(world, host, viewer, ports ?? []));
    if (!routes) return outsideSlice(world, host, viewer);
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
function defaultRoutes(world: World, host: string, viewer: Viewer, ports: readonly number[]): CompiledRoutes {
  const rehearsed = rehearsalsFor(world, host, viewer);
  const targets = ports.map((port) => ({ host, port, subset: undefined }));
  const routes = targets.map(({ port }) => ({
    name: "default",
    matches: ports.length === 1 ? [] : [{ port }],
    destinations: [{ cluster: clusterId(host, port, undefined), weight: 1, ...rehearsed }],
    ...retriesOf(world, undefined),
  }));
  return { routes, targets };
}

/** A name under which a host is dialled in a scope of the mesh, with what it gets there. */
export interface MeshListing {
  readonly scope: `mesh/${string}`;
  readonly name: string;
  /** Null: the host is hidden from those of this scope. */
  readonly slice: CompiledSlice | null;
  /** What the next wider scope lists under this name. */
  readonly wider: CompiledSlice | null;
}

/** Where a host is listed: for all, and for those that see it otherwise than the next wider viewer, or by more names. */
export function meshListings(world: World, host: string): readonly MeshListing[] {
  return world.memo.get(`mesh-listings ${host}`, () => {
    const viewers = new Set(world.frontEnds.flatMap((frontEnd) => frontEnd.viewers(world, host)));
    const own = serviceOfHost(host)?.namespace;
    if (own !== undefined) viewers.add(own);
    const { open, closed } = sidecarViewers(world);
    for (const viewer of open) viewers.add(viewer);
    // They have lists of their own.
    for (const viewer of closed) viewers.delete(viewer);
    return ["*", ...viewers].flatMap((viewer) => listingsFor(world, host, viewer, widerViewer(viewer)));
  });
}

/** All that a viewer sees whose Sidecar names it: it falls back to no wider one. */
export function closedListings(world: World, viewer: Viewer): readonly MeshListing[] {
  return world.memo.get(`closed-listings ${viewer}`, () => {
    const imports = importsOf(world, viewer);
    const hosts = imports === null ? [] : [...new Set([...namedHosts(world, imports), ...outsideHosts(world)])];
    return hosts.flatMap((host) => listingsFor(world, host, viewer, null));
  });
}

/** @param wider whose listing counts where this viewer has none */
function listingsFor(world: World, host: string, viewer: Viewer, wider: Viewer | null): readonly MeshListing[] {
  const slice = meshSlice(world, host, viewer);
  const known = wider === null ? null : meshSlice(world, host, wider);
  const listed = known === null || wider === null ? [] : namesOf(host, wider);
  const names = slice === null ? listed : namesOf(host, viewer);
  return names.flatMap((name) => {
    const over = listed.includes(name) ? known : null;
    return slice?.text === over?.text ? [] : [{ scope: `mesh/${viewer}` as const, name, slice, wider: over }];
  });
}

/** All names of a host that a caller may dial: of a Kubernetes service also the shorter ones. */
function namesOf(host: string, viewer: Viewer): readonly string[] {
  // The shorter names of a pattern would hold other namespaces' services.
  const service = isPartial(host) ? null : serviceOfHost(host);
  if (!service) return [host];
  const { name, namespace } = service;
  const names = [host, `${name}.${namespace}.svc`, `${name}.${namespace}`];
  return viewerNamespace(viewer) === namespace ? [...names, name] : names;
}
