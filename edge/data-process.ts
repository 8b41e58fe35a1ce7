import { mkdirSync } from "node:fs";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import type { MeshGateway } from "../src/deployment/topology.ts";
import { devGatewayWorker, PLACES } from "./dev/gateways.ts";
import { GatewaySvid } from "./gateway-svid.ts";
import type { Layout } from "./layout.ts";
import { COMPATIBILITY_DATE, gatewayWorker, STATE, stateWorker } from "./miniflare-workers.ts";
import { privateNetwork, startPrivateForwarder } from "./private-forwarder.ts";
import { forgetRegistered } from "./runtime.ts";
import { loadAssertionKey, type Secrets } from "./secrets.ts";
import { endpointBindings, serviceWorkers, type ServicesOptions } from "./service-workers.ts";
import { moduleOf } from "./workers.ts";

export interface DataOptions extends ServicesOptions {
  readonly gateways: number;
  /** Locations over which they are spread, each with a cell of its own. */
  readonly locations: number;
  /** The gateways of a project, in place of those of the examples. */
  readonly project: ProjectGateways | null;
  /** A plain HTTP server on loopback that stands for all public origins: for tests. */
  readonly originPort: number | null;
  readonly plainPrivate: boolean;
}

interface ProjectGateways {
  readonly gateways: readonly MeshGateway[];
  /** By which the edge tells them where Workers run. */
  readonly placesSecret: string;
}

interface RunningGateway {
  readonly name: string;
  /** Of its own socket. */
  readonly port: number;
  /** Of the one by which it is told where Workers run. */
  readonly placesPort: number | null;
  /** The Gateway resource whose listeners it serves, `namespace/name`; null: any that no other one does. */
  readonly gateway: string | null;
}

export interface DataProcess {
  readonly gateways: readonly RunningGateway[];
  /** Worker to its port; empty without `servicePorts`. */
  readonly services: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

const ORIGINS = "tulle-origins";

/** Of the gateways that a local mesh has: a project's, or as many as were asked for. */
export function gatewayNames({
  gateways,
  project,
}: {
  readonly gateways: number;
  readonly project: Pick<ProjectGateways, "gateways"> | null;
}): readonly string[] {
  if (project !== null) return project.gateways.map(({ name }) => name);
  return Array.from({ length: gateways }, (_, index) => `gateway-${String.fromCharCode("a".charCodeAt(0) + index)}`);
}

/** Where a gateway is, as its variable says. */
function locationOf(index: number, locations: number): string {
  return locations === 1 ? "1" : `LOC${(index % locations) + 1}`;
}

/** Gateways, state and services in one runtime, as on one machine of Cloudflare's. */
export async function startData(
  layout: Layout,
  secrets: Secrets,
  options: DataOptions,
  onLine: (line: { level: string; message: string }) => void,
): Promise<DataProcess> {
  mkdirSync(layout.registry, { recursive: true });
  const { project } = options;
  const names = gatewayNames(options);
  const services = await serviceWorkers(layout, options, names[0] ?? "");
  const endpoints = endpointBindings(options.examples);
  const gateways = await gatewayWorkers(names, project, secrets.snapshotPublicKey);
  const ways = new Map<string, PrivateWay>();
  for (const name of names) ways.set(name, await openPrivateWay(name, layout, options.plainPrivate, onLine));
  forgetRegistered(layout.registry, [...names, STATE, ORIGINS, ...services.map(({ name }) => name)]);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      resourcePersistencePath: layout.dataState,
      unsafeDevRegistryPath: layout.registry,
      handleStructuredLogs: onLine,
      workers: [
        ...gateways.map((gateway, index) => ({
          ...gateway,
          bindings: {
            ...gateway.bindings,
            TULLE_LOCAL: locationOf(index, options.locations),
            ASSERTION_KEY: loadAssertionKey(layout.state, gateway.name).jwk,
          },
          serviceBindings: {
            ...gateway.serviceBindings,
            PRIVATE: privateNetwork(ways.get(gateway.name)?.port ?? 0),
            ...endpoints,
          },
          unsafeDirectSockets: [
            { host: "127.0.0.1", port: 0 },
            ...(project === null ? [] : [{ host: "127.0.0.1", port: 0, entrypoint: PLACES }]),
          ],
          ...(options.originPort !== null && { outboundService: { name: ORIGINS } }),
        })),
        await stateWorker(),
        ...(await originsWorkers(options.originPort)),
        ...services,
      ],
    }),
  );
  await miniflare.ready;
  return {
    gateways: await Promise.all(
      names.map(async (name) => ({
        name,
        port: Number((await miniflare.unsafeGetDirectURL(name)).port),
        gateway: project?.gateways.find((one) => one.name === name)?.gateway ?? null,
        placesPort: project === null ? null : Number((await miniflare.unsafeGetDirectURL(name, PLACES)).port),
      })),
    ),
    services: options.servicePorts
      ? Object.fromEntries(services.map(({ name }, index) => [name, layout.ports.service(index)]))
      : {},
    async stop() {
      await miniflare.dispose();
      for (const way of ways.values()) await way.close();
    },
  };
}

interface PrivateWay {
  readonly port: number;
  close(): Promise<void>;
}

/** A gateway's own way to private endpoints: it dials agents by its own certificate. */
async function openPrivateWay(
  gateway: string,
  layout: Layout,
  plain: boolean,
  onLine: (line: { level: string; message: string }) => void,
): Promise<PrivateWay> {
  const warn = (told: { readonly event: string; readonly reason: string; readonly endpoint?: string }): void =>
    onLine({ level: "warn", message: JSON.stringify({ ...told, gateway }) });
  const svid = new GatewaySvid(gateway, layout, warn);
  const forwarder = await startPrivateForwarder(plain, {
    toPeers: async (ids) => svid.toPeers(ids),
    failed: (endpoint, reason) => warn({ event: "agent_refused", reason, endpoint }),
  });
  return {
    port: forwarder.port,
    close: async () => {
      svid.close();
      await forwarder.close();
    },
  };
}

async function gatewayWorkers(names: readonly string[], project: ProjectGateways | null, snapshotPublicKey: string) {
  if (project === null) return Promise.all(names.map(async (name) => gatewayWorker(name, snapshotPublicKey)));
  const { gateways, placesSecret } = project;
  return Promise.all(gateways.map(async (gateway) => devGatewayWorker(gateway, snapshotPublicKey, placesSecret)));
}

async function originsWorkers(port: number | null) {
  if (port === null) return [];
  return [
    {
      name: ORIGINS,
      modules: await moduleOf("origins"),
      compatibilityDate: COMPATIBILITY_DATE,
      serviceBindings: { SERVER: { external: { address: `127.0.0.1:${port}`, http: {} } } },
    },
  ];
}
