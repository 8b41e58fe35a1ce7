import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parse } from "jsonc-parser";
import { z } from "zod";
import type { WorkerSecrets } from "../src/deployment/account-checks.ts";
import type { GeneratedFile } from "../src/deployment/generated-checks.ts";
import { versionsIn } from "../src/deployment/init-plan.ts";
import type { ProjectFacts } from "../src/deployment/project-checks.ts";
import type { Topology } from "../src/deployment/topology.ts";
import { planInit } from "./init-project.ts";
import { findMeshFile, ProjectError, type ReadMeshFile, readMeshFile } from "./mesh-file.ts";
import { policyFiles } from "./policy-files.ts";
import { type Project, type ReadOptions, readProject } from "./read-project.ts";

export interface LookedAt {
  readonly facts: Omit<ProjectFacts, "policyErrors">;
  /** Where the mesh file is, or should be; null: there is none here or above, and none was named. */
  readonly folder: string | null;
  /** Null where the mesh file cannot be read. */
  readonly meshFile: ReadMeshFile | null;
  /** Null where it cannot be read whole. */
  readonly project: Project | null;
  /** Files of `policies`; their absence is an error of the mesh file. */
  readonly policies: readonly string[];
}

const UNREAD = { findings: [], unnamed: [], named: [], problems: "", open: [], secretless: [] };

/** Looks at a project on disk as far as it can be read. */
export async function lookAtProject(
  options: Pick<ReadOptions, "file" | "environment" | "isDeployed">,
): Promise<LookedAt> {
  const { file } = options;
  let meshFile: ReadMeshFile;
  let policies: readonly string[];
  try {
    meshFile = readMeshFile(file);
    policies = policyFiles(meshFile).map(({ path }) => path);
  } catch (error) {
    const facts = { ...UNREAD, meshFile: messageOf(error) };
    const path = file ?? findMeshFile();
    const folder = path === null ? null : dirname(resolve(path));
    return { facts, folder, meshFile: null, project: null, policies: [] };
  }
  const init = await planInit(meshFile.folder, meshFile.path);
  const named = versionsIn(meshFile.file).map(({ config }) => config);
  const { project, problems } = await wholeProject(options);
  const unread = init.findings.some(({ code, config }) => NOT_READ.has(code) && named.includes(config));
  const open = (project?.topology.services ?? []).filter(({ allowsPublicRoutes }) => allowsPublicRoutes);
  const facts = {
    meshFile: null,
    findings: init.findings,
    unnamed: init.additions.map(({ worker: { config, name } }) => ({ config, worker: name })),
    named,
    // What cannot be read is among the findings, in better words.
    problems: unread ? "" : problems,
    open: open.map(({ namespace, name }) => `${namespace}/${name}`),
    secretless: project === null ? [] : secretless(project, options.environment),
  };
  return { facts, folder: meshFile.folder, meshFile, project, policies };
}

const NOT_READ = new Set<string>(["TULLE1001", "TULLE1008"]);

async function wholeProject(
  options: ReadOptions,
): Promise<{ readonly project: Project | null; readonly problems: string }> {
  try {
    return { project: await readProject(options), problems: "" };
  } catch (error) {
    return { project: null, problems: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  if (error instanceof ProjectError) return error.message;
  throw error;
}

const Generated = z.looseObject({
  name: z.string(),
  services: z
    .array(
      z.looseObject({
        binding: z.string(),
        service: z.string(),
        entrypoint: z.string().optional(),
        props: z.unknown(),
      }),
    )
    .default([]),
  routes: z.array(z.union([z.string(), z.looseObject({ pattern: z.string() })])).default([]),
  route: z.union([z.string(), z.looseObject({ pattern: z.string() })]).optional(),
  workers_dev: z.boolean().optional(),
  preview_urls: z.boolean().optional(),
});

/** The configurations that `tulle dev` and deployments wrote; other files are left alone. */
export function generatedFiles(folder: string, { mesh }: Topology): readonly GeneratedFile[] {
  return [".tulle/dev", `.tulle/deploy/${mesh}`, ".tulle/deploy"].flatMap((below) => {
    const at = join(folder, below);
    const names = existsSync(at) ? readdirSync(at).filter((name) => /\.jsonc?$/.test(name)) : [];
    return names.toSorted().flatMap((name) => generatedFile(join(at, name)));
  });
}

function generatedFile(path: string): readonly GeneratedFile[] {
  const read = Generated.safeParse(parse(readFileSync(path, "utf8")));
  if (!read.success) return [];
  const { name, services, routes, route, workers_dev: workersDev, preview_urls: previews } = read.data;
  const patterns = [...routes, ...(route === undefined ? [] : [route])].map((one) =>
    typeof one === "string" ? one : one.pattern,
  );
  const waysIn = [
    ...patterns.map((pattern) => `the route ${pattern}`),
    ...(workersDev === false ? [] : ["a name of workers.dev"]),
    ...(previews === false ? [] : ["preview URLs"]),
  ];
  return [{ file: relative(process.cwd(), path), name, services, waysIn }];
}

/** Names of secrets that configurations ask for. */
export function requiredSecrets({ configs }: Project): readonly Omit<WorkerSecrets, "set">[] {
  return [...configs.values()].flatMap(({ worker: { name: worker }, config }) => {
    const required = config.secrets?.required ?? [];
    return required.length === 0 ? [] : [{ worker, required }];
  });
}

/** What the local mesh lacks of them: wrangler takes `.dev.vars`, else `.env`, beside a configuration. */
function secretless(project: Project, environment: string | undefined): readonly string[] {
  return requiredSecrets(project).flatMap(({ worker, required }) => {
    const { path = "", worker: version } = project.configs.get(worker) ?? {};
    const stage = version?.environment ?? environment;
    const names = [".dev.vars", ".env", ...(stage === undefined ? [] : [`.dev.vars.${stage}`, `.env.${stage}`])];
    const files = names.map((name) => join(dirname(path), name)).filter((file) => existsSync(file));
    const text = files.map((file) => readFileSync(file, "utf8")).join("\n");
    const missing = required.filter((name) => !new RegExp(String.raw`^\s*(?:export\s+)?${name}\s*=`, "m").test(text));
    return missing.length === 0 ? [] : [`\`${worker}\` lacks ${missing.join(", ")}`];
  });
}

/** Public services that a deployment gives no name: neither their hosts, nor their gateway's domains, nor routes of their own. */
export function namelessServices({ topology, configs }: Project): readonly string[] {
  const domains = new Map(topology.gateways.map(({ name, settings }) => [name, settings.domains.length]));
  const isName = (host: string) => host !== "*" && !host.endsWith(".localhost");
  return topology.services
    .filter(({ publicHosts, gateway, workers }) => {
      const routed = workers.some(({ name }) => {
        const { routes, route } = configs.get(name)?.config ?? {};
        return route !== undefined || (routes ?? []).length > 0;
      });
      return publicHosts.length > 0 && !publicHosts.some(isName) && domains.get(gateway) === 0 && !routed;
    })
    .map(({ namespace, name }) => `${namespace}/${name}`);
}

/** What the last deployment from here left of the mesh's own secrets. */
export function meshSecretsOf(folder: string, { mesh }: Topology): "none" | "pending" | "set" {
  const state = join(folder, ".tulle/deploy", mesh);
  if (existsSync(join(state, "pending-secrets.json"))) return "pending";
  return existsSync(join(state, "deployed.json")) ? "set" : "none";
}
