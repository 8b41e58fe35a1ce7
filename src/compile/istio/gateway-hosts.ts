import { canonicalHost } from "../../resources/host.ts";
import type { GatewaySpec } from "../../resources/gateway.ts";
import type { KubeObject } from "../../resources/object.ts";
import { gatewayTable } from "../entries.ts";
import { visible } from "../exports.ts";
import { byAge } from "../inventory.ts";
import { GATEWAY_NAMESPACE, meshConfig, namespaceOf, narrowerOf, patternsIn, trustDomain } from "../view.ts";
import { gatewayViewer } from "../viewer.ts";
import type { FrontDraft, GatewayEntry, GatewayHost, World } from "../world.ts";
import { clientTlsOf } from "./gateway-tls.ts";
import { limitsOf } from "./limits.ts";
import { mergeRoutes } from "./merge.ts";
import { workloadPolicies } from "./policies.ts";
import { compileRoutes } from "./routes.ts";

type Server = GatewaySpec["servers"][number];

export function gateways(world: World): readonly KubeObject[] {
  return world.inventory.keys("gateway").flatMap((name) => gatewayAt(world, name) ?? []);
}

export function gatewayAt({ inventory }: World, name: string): KubeObject | null {
  return inventory.of("gateway", name)[0] ?? null;
}

/** Where a VirtualService binds to a server: the narrower of each pair of hosts that overlap. */
export function gatewayHosts(world: World, name: string): readonly GatewayHost[] {
  const { memo, inventory } = world;
  return memo.get(`gateway-hosts ${name}`, () => {
    const gateway = gatewayAt(world, name);
    if (!gateway) return [];
    const found = new Map<string, GatewayHost>();
    const add = (port: number, host: string): void => void found.set(`${port} ${host}`, { port, host });
    const bound = inventory.keys(gatewayTable(name));
    for (const server of servingServers(gateway)) {
      const { number } = server.port;
      for (const { host, from } of serverHosts(server, gateway)) {
        // A redirect answers also where nothing is routed.
        if (server.tls?.httpsRedirect === true) add(number, host);
        for (const candidate of bound) {
          const narrower = narrowerOf(candidate, host);
          // Only where namespaces are told apart the routes themselves are looked at: else a change to one would be a change to all.
          if (narrower !== null && (from === "*" || routesFor(world, name, number, narrower).length > 0))
            add(number, narrower);
        }
      }
    }
    return [...found.values()].sort((a, b) => a.port - b.port || (a.host < b.host ? -1 : 1));
  });
}

/** Whether a Gateway exposes a host, or a part of it, to the VirtualServices of a namespace. */
export function exposes(world: World, name: string, host: string, namespace: string): boolean {
  const { hosts, above } = world.memo.get(`gateway-exposes ${name}`, () => exposedBy(world, name));
  const holds = (from: ReadonlySet<string> | undefined): boolean =>
    from !== undefined && (from.has("*") || from.has(namespace));
  return patternsIn(world, host).some((pattern) => holds(hosts.get(pattern))) || holds(above.get(host));
}

type From = ReadonlyMap<string, ReadonlySet<string>>;

/** Whose VirtualServices bind: by each host of its servers, and by each pattern that holds one of these. */
function exposedBy(world: World, name: string): { readonly hosts: From; readonly above: From } {
  const hosts = new Map<string, Set<string>>();
  const above = new Map<string, Set<string>>();
  const add = (map: Map<string, Set<string>>, host: string, from: string): void =>
    void map.set(host, (map.get(host) ?? new Set()).add(from));
  const gateway = gatewayAt(world, name);
  for (const server of gateway ? servingServers(gateway) : [])
    for (const { host, from } of gateway ? serverHosts(server, gateway) : []) {
      add(hosts, host, from);
      for (const pattern of patternsIn(world, host)) add(above, pattern, from);
    }
  return { hosts, above };
}

/** The ports of its servers. */
export function gatewayPorts(world: World, name: string): readonly number[] {
  const gateway = gatewayAt(world, name);
  return gateway ? servingServers(gateway).map(({ port }) => port.number) : [];
}

/** The first protocol of a port wins, as in Istio; applying another one is answered with a warning. */
function servingServers(gateway: KubeObject): readonly Server[] {
  const { servers } = gateway.spec as GatewaySpec;
  return servers.filter(
    ({ port }) => servers.find((other) => other.port.number === port.number)?.port.protocol === port.protocol,
  );
}

/** `[namespace/]host` in parts; the namespace says whose VirtualServices bind. */
function serverHosts(server: Server, gateway: KubeObject): readonly { readonly host: string; readonly from: string }[] {
  return server.hosts.map((text) => {
    const slash = text.indexOf("/");
    const from = slash < 0 ? "*" : text.slice(0, slash);
    return { host: canonicalHost(text.slice(slash + 1)), from: from === "." ? namespaceOf(gateway) : from };
  });
}

/** The VirtualServices that give a host of a Gateway its routes, the oldest first. */
function routesFor(world: World, name: string, port: number, host: string): readonly KubeObject[] {
  const { inventory } = world;
  const gateway = gatewayAt(world, name);
  if (!gateway) return [];
  const servers = servingServers(gateway).filter((server) => server.port.number === port);
  const hosts = servers.flatMap((server) => serverHosts(server, gateway));
  const table = gatewayTable(name);
  const found = new Map<string, KubeObject>();
  for (const pattern of patternsIn(world, host)) {
    for (const route of inventory.of(table, pattern)) {
      const namespace = namespaceOf(route);
      const binds =
        visible(world, route, GATEWAY_NAMESPACE) &&
        hosts.some(
          (server) => (server.from === "*" || server.from === namespace) && narrowerOf(pattern, server.host) === host,
        );
      if (binds) found.set(`${namespace}/${route.metadata.name}`, route);
    }
  }
  return [...found.values()].sort(byAge);
}

/** Who is let in by one host of a Gateway's port, and where their requests go. */
export function gatewayEntry(world: World, name: string, { port, host }: GatewayHost): GatewayEntry | null {
  const gateway = gatewayAt(world, name);
  const server = gateway && serverFor(world, gateway, port, host);
  if (!gateway || !server) return null;
  const labels = gatewayLabels(gateway);
  const viewer = gatewayViewer(labels);
  const compiled = routesFor(world, name, port, host).map((route) =>
    compileRoutes(world, route, { kind: "gateway", viewer, gateway: name, port }),
  );
  return { viewer, front: frontOf(world, gateway, server, labels), routes: mergeRoutes(compiled) };
}

/** The server whose hosts hold this one the most closely. */
function serverFor(world: World, gateway: KubeObject, port: number, host: string): Server | null {
  const servers = servingServers(gateway).filter((server) => server.port.number === port);
  for (const pattern of patternsIn(world, host)) {
    const found = servers.find((server) => serverHosts(server, gateway).some((entry) => entry.host === pattern));
    if (found) return found;
  }
  // A VirtualService's wildcard over a server's narrower host: the host is the server's own.
  return (
    servers.find((server) => serverHosts(server, gateway).some((entry) => narrowerOf(entry.host, host) !== null)) ??
    null
  );
}

/** Istio's ingress gateway: who a Gateway's calls come from, whatever namespace its resource stands in. */
const GATEWAY_APP = "istio-ingressgateway";
const GATEWAY_SERVICE_ACCOUNT = "istio-ingressgateway-service-account";

export function gatewayLabels({ spec }: KubeObject): GatewayLabels {
  return { app: GATEWAY_APP, istio: "ingressgateway", ...(spec as GatewaySpec).selector };
}

type GatewayLabels = Readonly<Record<string, string>> & { readonly app: string };

function frontOf(world: World, gateway: KubeObject, { tls, port }: Server, labels: GatewayLabels): FrontDraft {
  const proxies = meshConfig(world).defaultConfig?.gatewayTopology?.numTrustedProxies ?? 0;
  const limits = limitsOf(world, `${namespaceOf(gateway)}/Gateway/${gateway.metadata.name}`);
  return {
    gateway: `${namespaceOf(gateway)}/${gateway.metadata.name}`,
    workload: {
      name: GATEWAY_APP,
      namespace: GATEWAY_NAMESPACE,
      principal: `${trustDomain(world)}/ns/${GATEWAY_NAMESPACE}/sa/${GATEWAY_SERVICE_ACCOUNT}`,
      app: labels.app,
      version: "latest",
    },
    policies: workloadPolicies(world, { namespace: GATEWAY_NAMESPACE, labels }, [port.number]),
    ...clientTlsOf(tls),
    ...(tls?.httpsRedirect === true && { httpsRedirect: true }),
    ...(proxies > 0 && { trustedProxies: proxies }),
    ...(limits.length > 0 && { limits }),
  };
}
