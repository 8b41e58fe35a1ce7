import { byAge } from "./inventory.ts";
import { assemble, type CompiledSlice } from "./slices.ts";
import { namespaceOf } from "./view.ts";
import type { FrontEnd, GatewayHost, World } from "./world.ts";

/** One slice that a Gateway serves on a port. */
interface GatewayListing extends GatewayHost {
  /** `namespace/name`. */
  readonly gateway: string;
  readonly slice: CompiledSlice;
}

/** What the Gateways of all front ends serve, the oldest Gateway first. */
export function* gatewayListings(world: World, serves: (name: string) => boolean): Generator<GatewayListing> {
  const gateways = world.frontEnds
    .flatMap((frontEnd) => frontEnd.gateways(world).map((object) => ({ frontEnd, object })))
    .sort((a, b) => byAge(a.object, b.object));
  for (const { frontEnd, object } of gateways) {
    const gateway = `${namespaceOf(object)}/${object.metadata.name}`;
    if (!serves(gateway)) continue;
    for (const host of frontEnd.gatewayHosts(world, gateway)) {
      const slice = gatewaySlice(world, frontEnd, gateway, host);
      if (slice) yield { gateway, ...host, slice };
    }
  }
}

/** The slice of one host of a Gateway's port. */
function gatewaySlice(world: World, frontEnd: FrontEnd, gateway: string, at: GatewayHost): CompiledSlice | null {
  const place = world.frontEnds.indexOf(frontEnd);
  return world.memo.get(`gateway-slice ${place} ${gateway} ${at.port} ${at.host}`, () => {
    const entry = frontEnd.gatewayEntry(world, gateway, at);
    if (!entry) return null;
    const { viewer, front, routes } = entry;
    return assemble(world, { host: at.host, viewer, service: null, ports: null, front }, routes);
  });
}
