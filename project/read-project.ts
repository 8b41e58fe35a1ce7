import { resolve } from "node:path";
import { inEnvironment } from "../src/deployment/mesh-environment.ts";
import { type MeshWorker, type Topology, topologyOf } from "../src/deployment/topology.ts";
import { ProjectError, type ReadMeshFile, readMeshFile } from "./mesh-file.ts";
import { readWranglerConfig, sourceOf, type WranglerConfig } from "./wrangler-config.ts";
import { digest } from "./digest.ts";

/** A folder of Workers with its mesh file. */
export interface Project {
  readonly meshFile: ReadMeshFile;
  readonly topology: Topology;
  /** By the Worker's name. */
  readonly configs: ReadonlyMap<string, WorkerConfiguration>;
}

/** A Worker of the mesh, with what wrangler says of it. */
export interface WorkerConfiguration {
  readonly worker: MeshWorker;
  /** Of the user's wrangler configuration, absolute. */
  readonly path: string;
  readonly config: WranglerConfig;
}

export interface ReadOptions {
  /** The mesh file; else the nearest one. */
  readonly file?: string | undefined;
  /** An environment of all Workers whose version names none: `--env`. */
  readonly environment?: string | undefined;
  readonly from?: string | undefined;
  /** The mesh as it is deployed: an environment's is a mesh of its own, by its own hosts. */
  readonly isDeployed?: boolean;
}

/**
 * Reads the mesh file and, by wrangler, the configuration of each Worker that it names.
 *
 * @throws ProjectError with all that is wrong, each with its place
 */
export async function readProject({ file, environment, from, isDeployed = false }: ReadOptions): Promise<Project> {
  const written = readMeshFile(file, from);
  const meshFile = isDeployed && environment !== undefined ? environmentsMesh(written, environment) : written;
  const read = new Map<string, { readonly path: string; readonly config: WranglerConfig }>();
  for (const [namespace, { services }] of Object.entries(meshFile.file.namespaces))
    for (const [service, { versions }] of Object.entries(services))
      for (const [version, { config, environment: own }] of Object.entries(versions)) {
        const path = resolve(meshFile.folder, config);
        read.set(keyOf(namespace, service, version), {
          path,
          config: await readWranglerConfig(path, own ?? environment),
        });
      }
  const known = (namespace: string, service: string, version: string) => {
    const one = read.get(keyOf(namespace, service, version));
    if (one === undefined) throw new Error("a version without a configuration");
    return one;
  };
  const topology = topologyOf(
    meshFile.file,
    (...key) => {
      const { path, config } = known(...key);
      return sourceOf(config, path);
    },
    digest,
  );
  if (!topology.ok) throw new ProjectError(meshFile.explain(topology.error));
  if (isDeployed) refuseOtherMesh([...read.values()], environment);
  const configs = new Map(
    topology.value.services.flatMap(({ namespace, name, workers }) =>
      workers.map((worker) => [worker.name, { worker, ...known(namespace, name, worker.version) }] as const),
    ),
  );
  return { meshFile, topology: topology.value, configs };
}

function environmentsMesh(meshFile: ReadMeshFile, environment: string): ReadMeshFile {
  const file = inEnvironment(meshFile.file, environment);
  if (!file.ok) throw new ProjectError(meshFile.explain(file.error));
  return { ...meshFile, file: file.value };
}

/** A binding to a Worker of the same file under another environment's name would lead out of this mesh, past its gateways. */
function refuseOtherMesh(
  read: readonly Pick<WorkerConfiguration, "path" | "config">[],
  environment: string | undefined,
): void {
  const own = new Set(read.map(({ config: { name } }) => name));
  const others = new Map(
    read.flatMap(({ config: { name: here, topLevelName: plain, definedEnvironments = [] } }) =>
      plain === undefined
        ? []
        : [plain, ...definedEnvironments.map((stage) => `${plain}-${stage}`)].map((of) => [of, { plain, here }]),
    ),
  );
  const lines = read.flatMap(({ path, config }) =>
    sourceOf(config, path)
      .services.filter(({ service }) => others.has(service) && !own.has(service))
      .map(({ binding, service }) => {
        if (environment === undefined)
          return (
            `${path}: \`${binding}\` binds \`${service}\`, a Worker of this file's configurations that is not in the mesh: ` +
            "calls of it would go past the gateways; bind one that is, or add it as a version"
          );
        const of = others.get(service)?.plain === service ? "the mesh without one" : "another mesh";
        return (
          `${path}: in the environment ${environment} \`${binding}\` still binds \`${service}\`, which is of ${of}: ` +
          `name \`${others.get(service)?.here}\` in the \`services\` of \`env.${environment}\``
        );
      }),
  );
  if (lines.length > 0) throw new ProjectError(lines.join("\n"));
}

function keyOf(namespace: string, service: string, version: string): string {
  return `${namespace}/${service}/${version}`;
}
