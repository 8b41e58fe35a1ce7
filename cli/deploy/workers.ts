import type { WorkerConfig } from "../../src/deployment/worker-config.ts";
import { endpointBinding } from "../../src/deployment/binding-names.ts";
import { certificateBinding } from "../../src/resources/client-tls.ts";
import { CONFIGS } from "./configs.ts";
import {
  type DescribedGateway,
  type DescribedService,
  type Description,
  frontsService,
  qualified,
  serviceKey,
} from "./description.ts";

/** One Worker to deploy: its wrangler configuration and the Workers that it binds. */
export interface DeployedWorker {
  readonly name: string;
  readonly role: "control" | "state" | "gateway" | "service";
  readonly bindings: readonly ServiceBinding[];
  /** Its wrangler configuration, but for the name and the bindings; paths are relative to the project. */
  readonly config: Readonly<Record<string, unknown>>;
  /** For a service: its own module, and mesh host -> binding, from which its entry is made. */
  readonly sidecar?: { readonly main: string; readonly hosts: Readonly<Record<string, string>> };
}

interface ServiceBinding {
  readonly binding: string;
  readonly service: string;
  readonly entrypoint?: string;
  readonly props?: Readonly<Record<string, unknown>>;
}

export interface DeploySettings {
  readonly databaseId: string;
  /** Raw Ed25519 public keys, base64url, that may sign a root. */
  readonly snapshotKeys: readonly string[];
}

/** A service has no way in but its gateway. */
const SURROUNDINGS = {
  compatibility_date: CONFIGS.gateway.compatibility_date,
  workers_dev: CONFIGS.gateway.workers_dev,
  preview_urls: CONFIGS.gateway.preview_urls,
  observability: CONFIGS.gateway.observability,
};

/** All Workers of a mesh. Whoever writes `props` decides who one is: they are written here and nowhere else. */
export function workersOf(description: Description, settings: DeploySettings): readonly DeployedWorker[] {
  return [
    controlWorker(description, settings),
    deployed("state", CONFIGS.state),
    ...description.gateways.map((gateway) => gatewayWorker(gateway, description, settings)),
    ...description.services.flatMap((service) =>
      service.workers.map((worker) => serviceWorker(service, worker, description)),
    ),
  ];
}

function controlWorker(description: Description, { databaseId }: DeploySettings): DeployedWorker {
  const { control } = CONFIGS;
  return {
    ...deployed("control", control),
    config: {
      ...control,
      vars: { ...control.vars, TRUST_DOMAIN: description.trustDomain },
      d1_databases: control.d1_databases.map((database) => ({
        ...database,
        database_name: description.mesh,
        database_id: databaseId,
      })),
      ...domains(description.controlDomain === undefined ? [] : [description.controlDomain]),
    },
  };
}

function gatewayWorker(
  gateway: DescribedGateway,
  description: Description,
  { snapshotKeys }: DeploySettings,
): DeployedWorker {
  const fronted = description.services.filter((service) => frontsService(gateway, service));
  const gateways = gateway.gateway === undefined ? [] : [gateway.gateway];
  const who = { gateway: gateway.name, fronts: gateway.fronts, gateways };
  return {
    name: gateway.name,
    role: "gateway",
    bindings: [
      ...CONFIGS.gateway.services.map((service) => ({ ...service, props: onlyOf(who, service.props) })),
      ...fronted.flatMap((service) =>
        service.workers.map(({ worker }) => ({ binding: endpointBinding(worker), service: worker })),
      ),
    ],
    config: {
      ...CONFIGS.gateway,
      vars: {
        ...CONFIGS.gateway.vars,
        GATEWAY_NAME: gateway.name,
        SNAPSHOT_KEYS: JSON.stringify(snapshotKeys),
        ...(gateway.gateway === undefined ? {} : { GATEWAY: gateway.gateway }),
        ...(gateway.logOneIn === undefined ? {} : { LOG_ONE_IN: String(gateway.logOneIn) }),
      },
      ...certificates(gateway),
      ...domains(gateway.domains),
    },
  };
}

function certificates({ certificates: ids }: DescribedGateway) {
  const bindings = Object.entries(ids).map(([name, id]) => ({ binding: certificateBinding(name), certificate_id: id }));
  return bindings.length === 0 ? {} : { mtls_certificates: bindings };
}

/** A Worker of the mesh's own as it stands in its wrangler configuration. */
function deployed(role: DeployedWorker["role"], config: WorkerConfig): DeployedWorker {
  return { name: config.name, role, bindings: config.services, config };
}

/** The props that a binding's configuration names, with this deployment's values. */
function onlyOf(values: Readonly<Record<string, unknown>>, props: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(Object.keys(props).map((name) => [name, values[name]]));
}

function serviceWorker(
  service: DescribedService,
  worker: DescribedService["workers"][number],
  description: Description,
): DeployedWorker {
  const bindings = new Map<string, ServiceBinding>();
  const hosts: Record<string, string> = {};
  const props = {
    namespace: service.namespace,
    serviceAccount: service.serviceAccount,
    workload: worker.worker,
    app: service.name,
    version: worker.version,
  };
  for (const called of service.calls) {
    const callee = description.services.find((other) => serviceKey(other) === qualified(called, service.namespace));
    const gateway = callee && description.gateways.find((candidate) => frontsService(candidate, callee));
    if (!callee || !gateway) continue; // the description was checked: each call has a callee and a gateway
    const binding = `MESH_${gateway.name.toUpperCase().replaceAll("-", "_")}`;
    bindings.set(binding, { binding, service: gateway.name, entrypoint: "MeshEntrypoint", props });
    for (const host of hostsOf(callee, service.namespace, description.trustDomain)) hosts[host] = binding;
  }
  return {
    name: worker.worker,
    role: "service",
    bindings: [...bindings.values()],
    config: { ...SURROUNDINGS, vars: worker.vars },
    sidecar: { main: worker.main, hosts },
  };
}

/** The names by which a caller of `namespace` may call a service. */
function hostsOf(callee: DescribedService, namespace: string, domain: string): readonly string[] {
  const qualifiedName = `${callee.name}.${callee.namespace}`;
  const names = [qualifiedName, `${qualifiedName}.svc`, `${qualifiedName}.svc.${domain}`];
  return callee.namespace === namespace ? [callee.name, ...names] : names;
}

function domains(names: readonly string[]): { routes?: readonly { pattern: string; custom_domain: true }[] } {
  if (names.length === 0) return {};
  return { routes: names.map((pattern) => ({ pattern, custom_domain: true })) };
}
