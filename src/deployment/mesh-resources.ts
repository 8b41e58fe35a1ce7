import type { MeshService, Topology } from "./topology.ts";

/** A Kubernetes object, as it is applied. */
export interface MeshResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
}

const ISTIO = "networking.istio.io/v1";

/** By this label the objects are found that were made from a mesh file. */
const MADE = { "app.kubernetes.io/managed-by": "tulle" };

/**
 * What the mesh must know of the Workers: its namespaces, services, where each version is, and the way in to public ones.
 *
 * @param local public services have names of this machine, too
 */
export function meshResources({ services, gateways }: Topology, local: boolean): readonly MeshResource[] {
  const made = gateways.filter(({ makesGateway }) => makesGateway);
  const open = services.filter(({ publicHosts }) => publicHosts.length > 0);
  const namespaces = new Set([
    ...services.map(({ namespace }) => namespace),
    ...made.map(({ gateway }) => splitName(gateway ?? "").namespace),
  ]);
  const hosts = new Map(open.map((service) => [service, publicHosts(service, local ? open.length : null)]));
  return [
    ...[...namespaces].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: MADE } })),
    ...services.flatMap(serviceAndEntries),
    ...made.map(({ name, gateway }) =>
      gatewayResource(
        gateway ?? "",
        [...hosts].flatMap(([service, names]) => (service.gateway === name ? names : [])),
        local,
      ),
    ),
    ...open.map((service) => {
      const gateway = gateways.find(({ name }) => name === service.gateway)?.gateway ?? "";
      return wayIn(service, gateway, hosts.get(service) ?? []);
    }),
  ];
}

/** In the local mesh `NAME.localhost` reaches it, and every name where no other service is public. */
function publicHosts({ name, publicHosts: hosts }: MeshService, openServices: number | null): readonly string[] {
  if (openServices === null || hosts.includes("*")) return hosts;
  // A name that is another one's, too, is refused: `*` stands for all of them.
  if (openServices === 1) return ["*"];
  const local = `${name}.localhost`;
  const isNamed = hosts.some((host) => host === local || (host.startsWith("*.") && local.endsWith(host.slice(1))));
  return isNamed ? hosts : [...hosts, local];
}

function serviceAndEntries({ namespace, name, port, serviceAccount, workers }: MeshService): readonly MeshResource[] {
  const labels = { ...MADE, app: name };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels },
    spec: { selector: { app: name }, ports: [{ name: "http", port }] },
  };
  const entries = workers.map(({ name: worker, version, endpoint }) => ({
    apiVersion: ISTIO,
    kind: "WorkloadEntry",
    metadata: { name: objectName(worker), namespace, labels: MADE },
    spec: { address: `binding:${endpoint}`, labels: { app: name, version }, serviceAccount },
  }));
  return [service, ...entries];
}

/** Workers may have `_` in their names, objects not. Two Workers that differ in it alone are refused for their bindings' name. */
function objectName(worker: string): string {
  return worker.replaceAll("_", "-");
}

/** The platform ends TLS: on an account a public host is called on the ports of both schemes, and what comes is HTTP on both. */
function gatewayResource(gateway: string, hosts: readonly string[], local: boolean): MeshResource {
  const server = (number: number, name: string) => ({
    port: { number, name, protocol: "HTTP" },
    hosts: [...new Set(hosts)],
  });
  return {
    apiVersion: ISTIO,
    kind: "Gateway",
    metadata: { ...splitName(gateway), labels: MADE },
    spec: {
      selector: { istio: "ingressgateway" },
      servers: local ? [server(80, "http")] : [server(80, "http"), server(443, "https")],
    },
  };
}

function wayIn({ namespace, name, host, port }: MeshService, gateway: string, hosts: readonly string[]): MeshResource {
  return {
    apiVersion: ISTIO,
    kind: "VirtualService",
    metadata: { name: `${name}-public`, namespace, labels: MADE },
    spec: {
      hosts,
      gateways: [gateway],
      http: [{ route: [{ destination: { host, port: { number: port } } }] }],
    },
  };
}

function splitName(qualified: string): { readonly namespace: string; readonly name: string } {
  const [namespace = "", name = ""] = qualified.split("/");
  return { namespace, name };
}
