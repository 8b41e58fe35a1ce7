import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { GraphService } from "../src/deployment/call-graph.ts";
import type { FoundWorker } from "../src/deployment/found-worker.ts";
import { changedMesh, type InitPlan, isVersionOf, newMesh, versionsIn } from "../src/deployment/init-plan.ts";
import type { MeshFile } from "../src/deployment/mesh-file.ts";
import type { ProjectFinding } from "../src/deployment/project-finding-codes.ts";
import { meshFindings, projectFindings, versionFindings } from "../src/deployment/project-findings.ts";
import { topologyOf, type WorkerSource } from "../src/deployment/topology.ts";
import { meshName } from "../src/deployment/versions.ts";
import { findMeshFile, MESH_FILE, parseMeshFile, ProjectError, type ReadMeshFile } from "./mesh-file.ts";
import { editedMeshFile, newMeshFile } from "./mesh-file-text.ts";
import { runtimeDate } from "./runtime-date.ts";
import { scanFolder } from "./scan-folder.ts";
import { digest } from "./digest.ts";

/** What `tulle init` would write, and has to say. */
export interface InitResult extends InitPlan {
  /** Of the mesh file, absolute. */
  readonly path: string;
  readonly isNew: boolean;
  /** A mesh file of a folder above, which commands here took until now; null: none. */
  readonly above: string | null;
  readonly isChanged: boolean;
  /** Of the mesh file. */
  readonly text: string;
  readonly mesh: string;
  /** All that the file then has. */
  readonly services: readonly GraphService[];
  /** What no command would take, each with its place. */
  readonly problems: string;
}

/**
 * Reads a folder of Workers, and the mesh file where it has one.
 *
 * @param file the mesh file, if it is not the usual one of the folder
 * @throws ProjectError where there is no Worker, or the mesh file cannot be read
 */
export async function planInit(given: string, file: string = join(given, MESH_FILE)): Promise<InitResult> {
  const folder = resolve(given);
  if (!existsSync(folder)) throw new ProjectError(`no such folder: ${given}`);
  const path = resolve(file);
  const before = existsSync(path) ? parseMeshFile(readFileSync(path, "utf8"), path, MESH_FILE) : null;
  const isThere = (config: string) => existsSync(resolve(folder, config));
  const named = before === null ? [] : versionsIn(before.file).map(({ config }) => config);
  const scanned = await scanFolder(folder, before?.file.ignore ?? [], new Set(named.filter(isThere)));
  const { workers } = scanned;
  if (before === null && workers.length === 0) throw new ProjectError(nothingFound(scanned.configs, scanned.findings));
  const plan = before === null ? newMesh(workers) : changedMesh(before.file, workers, isThere);
  const textBefore = before === null ? null : readFileSync(path, "utf8");
  const text =
    textBefore === null
      ? newMeshFile(meshName(basename(folder), workers), plan.additions)
      : editedMeshFile(textBefore, plan.additions);
  const after = parseMeshFile(text, path, MESH_FILE);
  const services = servicesIn(after.file, workers);
  const findings = [
    ...scanned.findings,
    ...plan.findings,
    ...versionFindings(plan.additions),
    ...projectFindings({ workers, runtimeDate: runtimeDate() }),
    ...meshFindings(after.file, services),
    ...plan.gone.map(goneFinding),
  ];
  return {
    ...plan,
    path,
    isNew: before === null,
    above: before === null ? findMeshFile(dirname(folder)) : null,
    isChanged: text !== textBefore,
    text,
    mesh: after.file.mesh,
    services,
    findings: inOrder(findings),
    problems: plan.gone.length > 0 ? "" : problemsOf(after, workers),
  };
}

function nothingFound(configs: number, findings: readonly ProjectFinding[]): string {
  if (configs === 0) return "no wrangler.toml, wrangler.json or wrangler.jsonc here or in the folders below";
  const why = findings.map(({ config, message }) => `\n  ${config}: ${message}`);
  return `there is no Worker here that the mesh could take:${why.join("")}`;
}

function goneFinding({ config, namespace, service, version }: InitPlan["gone"][number]): ProjectFinding {
  return {
    code: "TULLE1008",
    config,
    message: `version ${version} of \`${namespace}/${service}\` names it, and it is not there`,
  };
}

/** The services of the file with the Workers that were found for them. */
function servicesIn(file: MeshFile, workers: readonly FoundWorker[]): readonly GraphService[] {
  const entries = versionsIn(file).flatMap((entry) => {
    const worker = workers.find((one) => isVersionOf(entry, one));
    return worker === undefined ? [] : [{ ...entry, worker }];
  });
  const isShared = (name: string) =>
    Object.values(file.namespaces).filter(({ services }) => name in services).length > 1;
  return [...Map.groupBy(entries, ({ namespace, service }) => `${namespace}/${service}`).values()].flatMap(
    (versions) => {
      const [{ namespace, service } = { namespace: "", service: "" }] = versions;
      const { public: hosts = [], calls = [] } = file.namespaces[namespace]?.services[service] ?? {};
      const name = isShared(service) ? `${namespace}/${service}` : service;
      return [{ namespace, service, name, public: hosts, calls, versions }];
    },
  );
}

/** The file's own: what is wrong among the Workers that it names. */
function problemsOf(mesh: ReadMeshFile, workers: readonly FoundWorker[]): string {
  const entries = versionsIn(mesh.file);
  const sourceOf = (namespace: string, service: string, version: string): WorkerSource => {
    const entry = entries.find(
      (one) => one.namespace === namespace && one.service === service && one.version === version,
    );
    const worker = entry && workers.find((one) => isVersionOf(entry, one));
    // What could not be read is told of among the findings.
    if (entry === undefined || worker === undefined) return { name: `${service}-${version}`, services: [] };
    const stage = worker.environments.find(({ name }) => name === entry.environment);
    return stage === undefined ? worker : { name: stage.worker, services: stage.services };
  };
  const topology = topologyOf(mesh.file, sourceOf, digest);
  return topology.ok ? "" : mesh.explain(topology.error);
}

function inOrder(findings: readonly ProjectFinding[]): readonly ProjectFinding[] {
  return findings.toSorted((a, b) => (a.config === b.config ? 0 : a.config < b.config ? -1 : 1));
}
