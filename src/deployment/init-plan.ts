import type { FoundWorker } from "./found-worker.ts";
import type { MeshFile } from "./mesh-file.ts";
import { entrancesOf, openedHosts, routedHosts } from "./ways-in.ts";
import type { ProjectFinding } from "./project-finding-codes.ts";
import { areToldApart, type FoundService, serviceLabel, servicesOf, versionIn } from "./versions.ts";

/** One Worker that the mesh file gets to know. */
export interface Addition {
  readonly namespace: string;
  readonly service: string;
  readonly version: string;
  readonly worker: FoundWorker;
  /** Hosts of a service that is new. */
  readonly public: readonly string[];
  /** `service`: it comes with the version; `version`: of a service that is there; `moved`: the version is there, its configuration was not. */
  readonly what: "service" | "version" | "moved";
}

/** A version of a mesh file. */
export interface NamedVersion {
  readonly namespace: string;
  readonly service: string;
  readonly version: string;
  readonly config: string;
  readonly environment: string | undefined;
}

export interface InitPlan {
  readonly additions: readonly Addition[];
  /** Those whose configuration is not there. */
  readonly gone: readonly NamedVersion[];
  readonly findings: readonly ProjectFinding[];
}

const NAMESPACE = "default";

/** The first mesh file of a folder. */
export function newMesh(workers: readonly FoundWorker[]): InitPlan {
  const services = uniquelyNamed(servicesOf(workers));
  const routed = routedHosts(services);
  const hosts = routed.hosts.size > 0 ? routed.hosts : openedHosts(services);
  const additions = services.flatMap(({ name: service, versions }) =>
    versions.map(({ version, worker }, at) => ({
      namespace: NAMESPACE,
      service,
      version,
      worker,
      public: hosts.get(service) ?? [],
      what: at === 0 ? ("service" as const) : ("version" as const),
    })),
  );
  return { additions, gone: [], findings: [...routed.findings, ...withoutWayIn(services, hosts)] };
}

/**
 * What a mesh file lacks of the Workers that are there now. Whatever stands in it stays.
 *
 * @param isThere whether a configuration exists, as the file names it
 */
export function changedMesh(
  file: MeshFile,
  workers: readonly FoundWorker[],
  isThere: (config: string) => boolean,
): InitPlan {
  const entries = versionsIn(file);
  const isOf = (worker: FoundWorker) => (entry: NamedVersion) => isVersionOf(entry, worker);
  const fresh = workers.filter((worker) => !entries.some(isOf(worker)));
  const missing = entries.filter(({ config }) => !isThere(config));
  const taken = new Set(Object.values(file.namespaces).flatMap(({ services }) => Object.keys(services)));
  const groups = servicesOf(workers);
  const additions: Addition[] = [];
  for (const worker of fresh) {
    const group = groups.find(({ versions }) => versions.some((one) => one.worker === worker));
    if (group === undefined) continue;
    additions.push(placeOf(worker, group, { file, entries, missing, taken, workers, additions }));
  }
  const moved = new Set(additions.flatMap((one) => (one.what === "moved" ? [keyOf(one)] : [])));
  const added = servicesOfAdditions(additions);
  const routed = routedHosts(added, new Set(hostsIn(file)));
  return {
    additions: additions.map((one) => ({ ...one, public: routed.hosts.get(one.service) ?? [] })),
    gone: missing.filter((one) => !moved.has(keyOf(one))),
    findings: [...routed.findings, ...withoutWayIn(added, routed.hosts)],
  };
}

interface Ground {
  readonly file: MeshFile;
  readonly entries: readonly NamedVersion[];
  readonly missing: readonly NamedVersion[];
  /** Names of services. */
  readonly taken: Set<string>;
  readonly workers: readonly FoundWorker[];
  readonly additions: readonly Addition[];
}

function placeOf(worker: FoundWorker, group: FoundService, ground: Ground): Addition {
  const { file, entries, missing, taken, workers, additions } = ground;
  const version = group.versions.find((one) => one.worker === worker)?.version ?? "v1";
  const namespace = NAMESPACE in file.namespaces ? NAMESPACE : (Object.keys(file.namespaces)[0] ?? NAMESPACE);
  const moved = missing.find((one) => one.service === group.name && one.version === version);
  if (moved !== undefined) return { ...moved, worker, public: [], what: "moved" };
  const siblings = group.versions.map((one) => one.worker);
  const home =
    entries.find((entry) => siblings.some((sibling) => isVersionOf(entry, sibling))) ??
    additions.find((one) => siblings.includes(one.worker)) ??
    homeByName(worker, entries, workers);
  const label = home === undefined ? "v1" : (versionIn(worker.name)?.version ?? version);
  const free = home !== undefined && !isTaken(home, label, entries, additions);
  if (home !== undefined && free)
    return { namespace: home.namespace, service: home.service, version: label, worker, public: [], what: "version" };
  const service = freeName(serviceLabel(worker.name), taken);
  taken.add(service);
  return { namespace, service, version: "v1", worker, public: [], what: "service" };
}

/** `orders-v2` joins the service `orders` of the file, whatever its first Worker is called. */
function homeByName(
  worker: FoundWorker,
  entries: readonly NamedVersion[],
  workers: readonly FoundWorker[],
): NamedVersion | undefined {
  const stem = versionIn(worker.name)?.stem;
  const home = stem === undefined ? undefined : entries.find(({ service }) => service === serviceLabel(stem));
  if (home === undefined) return undefined;
  const same = entries.filter(({ service, namespace }) => service === home.service && namespace === home.namespace);
  const group = workers.filter((other) => other === worker || same.some((entry) => isVersionOf(entry, other)));
  return areToldApart(group, workers) ? undefined : home;
}

/** Whoever names an environment in the mesh file may mean a stage by it: the configuration counts. */
export function isVersionOf(entry: NamedVersion, { config, environment, environments }: FoundWorker): boolean {
  if (entry.config !== config) return false;
  return entry.environment === environment || environments.some(({ name }) => name === entry.environment);
}

function isTaken(
  { namespace, service }: { readonly namespace: string; readonly service: string },
  version: string,
  ...lists: readonly (readonly (NamedVersion | Addition)[])[]
): boolean {
  return lists.flat().some((one) => keyOf(one) === keyOf({ namespace, service, version }));
}

function keyOf(one: { readonly namespace: string; readonly service: string; readonly version: string }): string {
  return `${one.namespace}/${one.service}/${one.version}`;
}

/** Every version that the file names. */
export function versionsIn(file: MeshFile): readonly NamedVersion[] {
  return Object.entries(file.namespaces).flatMap(([namespace, { services }]) =>
    Object.entries(services).flatMap(([service, { versions }]) =>
      Object.entries(versions).map(([version, { config, environment }]) => ({
        namespace,
        service,
        version,
        config: config.replace(/^\.\//, ""),
        environment,
      })),
    ),
  );
}

function hostsIn(file: MeshFile): readonly string[] {
  return Object.values(file.namespaces).flatMap(({ services }) =>
    Object.values(services).flatMap((service) => service.public),
  );
}

function servicesOfAdditions(additions: readonly Addition[]): readonly FoundService[] {
  const own = additions.filter(({ what }) => what !== "moved");
  return [...Map.groupBy(own, ({ service }) => service)].map(([name, versions]) => ({ name, versions }));
}

function withoutWayIn(
  services: readonly FoundService[],
  hosts: ReadonlyMap<string, readonly string[]>,
): readonly ProjectFinding[] {
  return entrancesOf(services).flatMap(({ name, versions: [first] }) =>
    first === undefined || hosts.has(name)
      ? []
      : [{ code: "TULLE1204" as const, config: first.worker.config, message: `\`${name}\` has no public host` }],
  );
}

function uniquelyNamed(services: readonly FoundService[]): readonly FoundService[] {
  const taken = new Set<string>();
  return services.map(({ name, versions }) => {
    const free = freeName(name, taken);
    taken.add(free);
    return { name: free, versions };
  });
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? wanted : `${wanted.slice(0, 60)}-${count}`;
    if (!taken.has(name)) return name;
  }
}
