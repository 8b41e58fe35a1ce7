import { join } from "node:path";
import { generatedConfig } from "../../project/generated-config.ts";
import type { Project, WorkerConfiguration } from "../../project/read-project.ts";
import { dashboardDefine } from "../../project/dashboard-files.ts";
import type { MeshGateway, MeshService } from "../../src/deployment/topology.ts";
import { certificateBinding } from "../../src/resources/client-tls.ts";
import type { PlannedWorker } from "./plan.ts";
import { ownConfigs } from "./own-configs.ts";
import { gatewayRoutes } from "./public-routes.ts";

/** One Worker to deploy. */
export interface DeployedWorker extends PlannedWorker {
  readonly role: "control" | "state" | "gateway" | "service";
  /** Its wrangler configuration with all its bindings. */
  readonly config: Values;
  /** Of a user's Worker. */
  readonly source?: { readonly worker: WorkerConfiguration; readonly keepsPublicRoutes: boolean };
}

type Values = Readonly<Record<string, unknown>>;

export interface DeploySettings {
  readonly databaseId: string;
  /** Raw Ed25519 public keys, base64url, that may sign a root. */
  readonly snapshotKeys: readonly string[];
  /** By gateway, the same of its assertions. */
  readonly assertionKeys: Readonly<Record<string, readonly string[]>>;
  /** For generated files. */
  readonly folder: string;
}

/** All Workers of a mesh. Whoever writes `props` decides who one is: gateways' are written here, callers' in the topology. */
export function workersOf(project: Project, settings: DeploySettings): readonly DeployedWorker[] {
  const { topology } = project;
  return [
    controlWorker(project, settings),
    stateWorker(project),
    ...topology.gateways.map((gateway) => gatewayWorker(gateway, project, settings)),
    ...topology.services.flatMap((service) =>
      service.workers.flatMap(({ name }) => {
        const worker = project.configs.get(name);
        return worker === undefined ? [] : [userWorker(service, worker, settings)];
      }),
    ),
  ];
}

function namesOf({ topology: { mesh } }: Project): { readonly control: string; readonly state: string } {
  return { control: `${mesh}-control`, state: `${mesh}-state` };
}

function controlWorker(project: Project, { databaseId, assertionKeys }: DeploySettings): DeployedWorker {
  const { control } = ownConfigs();
  const { domain } = project.meshFile.file.control;
  const define = dashboardDefine();
  return worker("control", {
    ...control,
    // In the package its files are in the Worker already.
    ...(Object.keys(define).length > 0 && { define }),
    name: namesOf(project).control,
    vars: {
      ...control.vars,
      TRUST_DOMAIN: project.topology.trustDomain,
      ASSERTION_KEYS: JSON.stringify(assertionKeys),
    },
    d1_databases: control.d1_databases.map((database) => ({
      ...database,
      database_name: project.topology.mesh,
      database_id: databaseId,
    })),
    ...(domain !== undefined && { routes: [{ pattern: domain, custom_domain: true }] }),
  });
}

function stateWorker(project: Project): DeployedWorker {
  const { state } = ownConfigs();
  const names = namesOf(project);
  const services = state.services.map((service) => ({
    ...service,
    service: names.control,
    props: { state: names.state },
  }));
  return worker("state", { ...state, name: names.state, services });
}

function gatewayWorker(gateway: MeshGateway, project: Project, { snapshotKeys }: DeploySettings): DeployedWorker {
  const own = ownConfigs();
  const names = namesOf(project);
  const { name, settings, gateway: resource } = gateway;
  const who: Values = { gateway: name, fronts: settings.fronts, gateways: resource === null ? [] : [resource] };
  const routes = gatewayRoutes(gateway, project);
  const certificates = Object.entries(settings.certificates).map(([credential, id]) => ({
    binding: certificateBinding(credential),
    certificate_id: id,
  }));
  return worker("gateway", {
    ...own.gateway,
    name,
    vars: {
      ...own.gateway.vars,
      GATEWAY_NAME: name,
      SNAPSHOT_KEYS: JSON.stringify(snapshotKeys),
      ...(resource !== null && { GATEWAY: resource }),
      ...(settings.logOneIn !== undefined && { LOG_ONE_IN: String(settings.logOneIn) }),
      ...(settings.decisionRecords === false && { DECISION_RECORDS: "off" }),
    },
    services: [
      ...own.gateway.services.map((service) => ({
        ...service,
        service: service.service === own.control.name ? names.control : names.state,
        props: Object.fromEntries(Object.keys(service.props).map((prop) => [prop, who[prop]])),
      })),
      ...gateway.endpoints.map(({ worker: service, ...rest }) => ({ ...rest, service })),
    ],
    ...(certificates.length > 0 && { mtls_certificates: certificates }),
    ...(routes.length > 0 && { routes }),
  });
}

function userWorker(service: MeshService, source: WorkerConfiguration, { folder }: DeploySettings): DeployedWorker {
  const keepsPublicRoutes = service.allowsPublicRoutes;
  const config = generatedConfig(source, { folder, keepsPublicRoutes });
  return { ...worker("service", config), source: { worker: source, keepsPublicRoutes } };
}

function worker(role: DeployedWorker["role"], config: Values): DeployedWorker {
  return { name: String(config["name"]), role, config, binds: boundBy(config), needs: neededBy(config) };
}

/** By service bindings, which can come later. */
function boundBy(config: Values): readonly string[] {
  return named(config["services"], "service");
}

/** What must be there before it. */
function neededBy(config: Values): readonly string[] {
  const { bindings = [] } = (config["durable_objects"] ?? {}) as { readonly bindings?: unknown };
  return [
    ...named(bindings, "script_name"),
    ...named(config["workflows"], "script_name"),
    ...named(config["tail_consumers"], "service"),
  ];
}

function named(list: unknown, key: string): readonly string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: Values) => (typeof each[key] === "string" ? [each[key]] : []));
}

/** Where its configuration is written. */
export function configPath(folder: string, name: string): string {
  return join(folder, `${name}.jsonc`);
}
