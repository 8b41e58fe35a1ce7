import { mkdirSync } from "node:fs";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import type { Layout } from "./layout.ts";
import { COMPATIBILITY_DATE, gatewayWorker, STATE, stateWorker } from "./miniflare-workers.ts";
import { privateNetwork, startPrivateForwarder } from "./private-forwarder.ts";
import { forgetRegistered } from "./runtime.ts";
import type { Secrets } from "./secrets.ts";
import { endpointBindings, serviceWorkers, type ServicesOptions } from "./service-workers.ts";
import { moduleOf } from "./workers.ts";

export interface DataOptions extends ServicesOptions {
  readonly gateways: number;
  /** A plain HTTP server on loopback that stands for all public origins: for tests. */
  readonly originPort: number | null;
  readonly plainPrivate: boolean;
}

export interface DataProcess {
  /** The gateways, each with the port of its own socket. */
  readonly gateways: readonly { readonly name: string; readonly port: number }[];
  /** Worker to its port; empty without `servicePorts`. */
  readonly services: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

const ORIGINS = "tulle-origins";

function gatewayName(index: number): string {
  return `gateway-${String.fromCharCode("a".charCodeAt(0) + index)}`;
}

/** Gateways, state and services in one runtime, as on one machine of Cloudflare's. */
export async function startData(
  layout: Layout,
  secrets: Secrets,
  options: DataOptions,
  onLine: (line: { level: string; message: string }) => void,
): Promise<DataProcess> {
  mkdirSync(layout.registry, { recursive: true });
  const forwarder = await startPrivateForwarder(options.plainPrivate);
  const names = Array.from({ length: options.gateways }, (_, index) => gatewayName(index));
  const services = await serviceWorkers(layout, options, gatewayName(0));
  const endpoints = endpointBindings(options.examples);
  const gateways = await Promise.all(names.map(async (name) => gatewayWorker(name, secrets.snapshotPublicKey)));
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
        ...gateways.map((gateway) => ({
          ...gateway,
          bindings: { ...gateway.bindings, TULLE_LOCAL: "1" },
          serviceBindings: { ...gateway.serviceBindings, PRIVATE: privateNetwork(forwarder.port), ...endpoints },
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
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
      names.map(async (name) => ({ name, port: Number((await miniflare.unsafeGetDirectURL(name)).port) })),
    ),
    services: options.servicePorts
      ? Object.fromEntries(services.map(({ name }, index) => [name, layout.ports.service(index)]))
      : {},
    async stop() {
      await miniflare.dispose();
      await forwarder.close();
    },
  };
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
