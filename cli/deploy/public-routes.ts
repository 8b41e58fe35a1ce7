import { ProjectError } from "../../project/mesh-file.ts";
import type { Project, WorkerConfiguration } from "../../project/read-project.ts";
import type { MeshGateway, MeshService } from "../../src/deployment/topology.ts";

/** A route as wrangler's configuration has it. */
type Route = string | { readonly pattern: string };

/** @throws ProjectError with all routes that lead past a gateway */
export function refusePublicRoutes(project: Project, environment?: string): void {
  const lines = routesPastGateways(project, environment);
  if (lines.length > 0) throw new ProjectError(lines.join("\n"));
}

/**
 * The ways in that a Worker has past its gateway. Those of hosts that its service is public by become the gateway's; the
 * others are told, unless the mesh file allows them.
 */
export function routesPastGateways(
  { topology, configs, meshFile }: Project,
  environment: string | undefined,
): readonly string[] {
  return topology.services.flatMap((service) =>
    workersOf(service, configs).flatMap(({ path, config }) => {
      const open = service.allowsPublicRoutes ? [] : routesOf(config).filter((route) => !isPublic(route, service));
      if (open.length === 0) return [];
      return [
        `${path}: its routes (${open.map(patternOf).join(", ")}) lead past its gateway: say ${publicField(service, open, environment)} ` +
          `in ${meshFile.path}, and the gateway gets them; or \`"allowPublicRoutes": true\` of the service, and they stay`,
      ];
    }),
  );
}

/** Where the mesh file says the hosts: an environment's mesh has none of the service's own. */
function publicField(
  { namespace, name }: MeshService,
  routes: readonly Route[],
  environment: string | undefined,
): string {
  const hosts = [...new Set(routes.map(hostOf))].map((host) => JSON.stringify(host)).join(", ");
  const service = `${namespace}/${name}`;
  if (environment === undefined) return `\`"public": [${hosts}]\` of ${service}`;
  return `\`"public": { "${service}": [${hosts}] }\` of \`environments.${environment}\``;
}

/**
 * A gateway's own routes: those that its services' Workers had, and a custom domain for every other public host.
 */
export function gatewayRoutes(gateway: MeshGateway, { topology, configs }: Project): readonly Route[] {
  const fronted = topology.services.filter((service) => service.gateway === gateway.name);
  const taken = fronted.flatMap((service) =>
    service.allowsPublicRoutes
      ? []
      : workersOf(service, configs).flatMap(({ config }) =>
          routesOf(config).filter((route) => isPublic(route, service)),
        ),
  );
  const routed = new Set(taken.map(hostOf));
  const hosts = new Set([...fronted.flatMap(({ publicHosts }) => publicHosts), ...gateway.settings.domains]);
  // `*` says whom the gateway answers, not by what name it is reached; `NAME.localhost` is of one machine alone.
  const others = [...hosts].filter((host) => host !== "*" && !host.endsWith(".localhost") && !routed.has(host));
  const byPattern = new Map([...taken, ...others.map(routeOf)].map((route) => [patternOf(route), route]));
  return [...byPattern.values()];
}

/** Custom domains are of whole names. */
function routeOf(host: string): Route {
  const customDomain = { pattern: host, custom_domain: true };
  return host.startsWith("*") ? `${host}/*` : customDomain;
}

function workersOf({ workers }: MeshService, configs: Project["configs"]): readonly WorkerConfiguration[] {
  return workers.flatMap(({ name }) => configs.get(name) ?? []);
}

function routesOf({ route, routes }: WorkerConfiguration["config"]): readonly Route[] {
  return [...((routes ?? []) as readonly Route[]), ...(route === undefined ? [] : [route as Route])];
}

function patternOf(route: Route): string {
  return typeof route === "string" ? route : route.pattern;
}

/** `https://shop.example/api/*` -> `shop.example` */
function hostOf(route: Route): string {
  return (
    patternOf(route)
      .replace(/^https?:\/\//, "")
      .split("/", 1)[0] ?? ""
  );
}

function isPublic(route: Route, { publicHosts }: MeshService): boolean {
  const host = hostOf(route);
  return publicHosts.some(
    (open) => open === "*" || open === host || (open.startsWith("*.") && host.endsWith(open.slice(1))),
  );
}
