import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { type MeshResource, meshResources } from "../../src/deployment/mesh-resources.ts";
import { findKind } from "../../src/kinds/registry.ts";
import { type ApplyOptions, type Applied, apply } from "../tulle/apply.ts";
import { ask, connect, NoAnswer } from "../tulle/client.ts";
import type { GlobalOptions } from "../tulle/options.ts";
import { bootstrapKubeconfig } from "../tulle/tokens.ts";
import { CommandError } from "../tulle/command-error.ts";
import type { DeployRun } from "./run.ts";

/** An object of the mesh, as the state names it: `VERSION KIND NAMESPACE NAME`. */
function keyOf({ apiVersion, kind, metadata: { namespace = "", name } }: MeshResource): string {
  return [apiVersion, kind, namespace, name].join(" ");
}

/** What control is to have of the mesh file, written to the state folder, and the policies that are there. */
export function writeObjects({ project: { topology, meshFile }, state }: DeployRun): readonly string[] {
  const path = join(state.folder, "mesh.yaml");
  mkdirSync(state.folder, { recursive: true });
  writeFileSync(
    path,
    meshResources(topology, false)
      .map((object) => stringify(object))
      .join("---\n"),
  );
  const policies = meshFile.file.policies.map((policy) => resolve(meshFile.folder, policy)).filter(holdsManifests);
  return [path, ...policies].map((file) => relative(process.cwd(), file));
}

function holdsManifests(path: string): boolean {
  const found = existsSync(path);
  if (!found || !statSync(path).isDirectory()) return found;
  return readdirSync(path, { recursive: true, encoding: "utf8" }).some((name) => /\.(ya?ml|json)$/i.test(name));
}

/**
 * How to reach control: as the command line says, else by its custom domain and the token that was made for this folder.
 *
 * @returns null where nothing says how
 * @throws CommandError where it cannot be reached (yet)
 */
export async function reachControl(
  { project, state }: DeployRun,
  options: GlobalOptions,
): Promise<GlobalOptions | null> {
  const given = options.server ?? options.kubeconfig;
  if (given !== undefined) return options;
  const { domain } = project.meshFile.file.control;
  if (domain === undefined) return null;
  const kubeconfig = join(state.folder, "kubeconfig");
  if (!existsSync(kubeconfig)) {
    if (!existsSync(state.bootstrapPath)) return null;
    const access = { ...options, server: `https://${domain}`, tokenFile: state.bootstrapPath };
    writeFileSync(kubeconfig, await bootstrapped(access), { mode: 0o600 });
  }
  return { ...options, kubeconfig };
}

async function bootstrapped(access: GlobalOptions): Promise<string> {
  return bootstrapKubeconfig(access).catch((error: unknown) => {
    if (!(error instanceof NoAnswer)) throw error;
    throw new CommandError(`${error.message}\na new domain takes some minutes until it answers`);
  });
}

/** @returns the objects that were applied before and are in the mesh file no more */
export function goneObjects({ project, state }: DeployRun): readonly string[] {
  const wanted = new Set(meshResources(project.topology, false).map(keyOf));
  return state.kept.resources.filter((key) => !wanted.has(key) && !key.includes(" Namespace "));
}

/** Takes away what the mesh file no longer has, before its Workers lose their bindings. */
export async function removeObjects(run: DeployRun, options: GlobalOptions): Promise<string> {
  const client = connect(options);
  for (const key of goneObjects(run)) {
    const [apiVersion = "", kind = "", namespace = "", name = ""] = key.split(" ");
    const plural = findKind(apiVersion, kind)?.plural;
    if (plural === undefined) throw new CommandError(`no kind \`${kind}\` of \`${apiVersion}\``);
    const below = apiVersion.includes("/") ? "/k8s/apis" : "/k8s/api";
    const path = `/${apiVersion}/namespaces/${namespace}/${plural}/${name}`;
    // It may have been deleted by hand.
    const answer = await client.send({ method: "DELETE", below, path });
    if (answer.status !== 404) await ask({ ...client, send: async () => answer }, { below, path }, z.unknown());
    run.state.update({ resources: run.state.kept.resources.filter((each) => each !== key) });
  }
  return "deleted";
}

/** @returns what was stored, one after the other. @throws CommandError with what control refuses */
export async function applyObjects(
  run: DeployRun,
  files: readonly string[],
  options: GlobalOptions,
): Promise<readonly Applied["results"][number][]> {
  const results: Applied["results"][number][] = [];
  const how: ApplyOptions = { ...options, filename: files, recursive: true, fieldManager: "tulle-deploy" };
  await apply(how, async (applied) => {
    results.push(...applied.results);
  });
  run.state.update({ resources: meshResources(run.project.topology, false).map(keyOf) });
  return results;
}

/** What to do by hand where nothing says how to reach control. */
export function byHand({ project, state }: DeployRun, files: readonly string[]): string {
  const folder = relative(process.cwd(), state.folder);
  const server = `https://${project.meshFile.file.control.domain ?? "CONTROL"}`;
  return [
    "services and policies are not applied yet, and nobody is served: nothing says how to reach control; give the mesh file a",
    "`control.domain`, or --server or --kubeconfig, and run the same command again; or",
    `  tulle token bootstrap --server ${server} --token-file ${folder}/bootstrap-secret -o kubeconfig > ${folder}/kubeconfig`,
    `  tulle apply --kubeconfig ${folder}/kubeconfig ${files.map((file) => `-f ${file}`).join(" ")} -R`,
  ].join("\n");
}
