import { type KubeObject, refKey } from "../../resources/object.ts";
import type { VirtualServiceSpec } from "../../resources/virtual-service.ts";
import { gatewaysOf } from "../entries.ts";
import { importedService } from "../services.ts";
import { namespaceOf, qualified } from "../view.ts";
import type { World } from "../world.ts";
import { delegationsOf } from "./delegates.ts";
import { limitParts } from "./describe-limits.ts";
import { rehearsalsBy } from "./describe-rehearsals.ts";
import { routePart } from "./describe-service.ts";
import { type Described, type DescribedPart, part } from "./described.ts";
import { gatewayAt } from "./gateway-hosts.ts";
import { routeFor } from "./mesh-routes.ts";
import { compileRoutes } from "./routes.ts";

/** What a VirtualService makes of requests: its hosts and where they hold, its routes in their order, its delegates'. */
export function describeRoute(world: World, namespace: string, name: string): Described | null {
  const ref = { group: "networking.istio.io", kind: "VirtualService", namespace, name };
  const object = world.inventory.object(refKey(ref));
  if (object === null) return null;
  const hosts = ((object.spec as VirtualServiceSpec).hosts ?? []).map((host) => qualified(host, namespace));
  return {
    parts: [
      ...hosts.flatMap((host, at) => hostParts(world, object, host, at)),
      ...gatewaysOf(object).map((gateway, at) =>
        part("gateway", gatewayText(world, gateway), object, `spec.gateways[${at}]`),
      ),
      ...delegationsOf(world, object).map(({ index, delegate, missing }) =>
        part(
          "delegate",
          missing === null ? delegate : `${delegate}: ${missing}`,
          object,
          `spec.http[${index}].delegate`,
        ),
      ),
      ...routesOf(world, object, hosts),
      ...limitParts(world, `${namespace}/VirtualService/${name}`),
    ],
    hosts,
  };
}

/** In the mesh one VirtualService has a host. */
function hostParts(world: World, object: KubeObject, host: string, at: number): DescribedPart[] {
  const said = part("host", host, object, `spec.hosts[${at}]`);
  if (!gatewaysOf(object).includes("mesh")) return [said];
  const winner = routeFor(world, host, namespaceOf(object));
  if (winner === null || winner === object) return [said];
  return [said, part("host", `${host} is an older one's in the mesh`, winner, "spec.hosts")];
}

function gatewayText(world: World, gateway: string): string {
  return gateway === "mesh" || gatewayAt(world, gateway) !== null ? gateway : `${gateway}, which is not there`;
}

function routesOf(world: World, object: KubeObject, hosts: readonly string[]): DescribedPart[] {
  const viewer = namespaceOf(object);
  const [first = ""] = hosts;
  const ports = importedService(world, first, viewer)?.ports.map(({ number }) => number) ?? null;
  const inMesh = gatewaysOf(object).includes("mesh");
  const gateway = gatewaysOf(object).find((name) => name !== "mesh") ?? "";
  const { routes } = compileRoutes(
    world,
    object,
    inMesh ? { kind: "mesh", viewer, ports } : { kind: "gateway", viewer, gateway, port: 0 },
  );
  return [...routes.map((route) => routePart(world, object, route)), ...rehearsalsBy(world, routes)];
}
