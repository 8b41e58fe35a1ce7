import { mkdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Argument, type Command, Option } from "commander";
import { accountOf } from "../deploy/account.ts";
import { dryRun } from "../deploy/dry-run.ts";
import { openState } from "../deploy/kept.ts";
import { refusePublicRoutes } from "../deploy/public-routes.ts";
import type { DeployRun } from "../deploy/run.ts";
import { ROTATABLE, type Rotatable } from "../deploy/secrets.ts";
import { wranglerIn } from "../deploy/wrangler.ts";
import { MESH_FILE, ProjectError } from "../../project/mesh-file.ts";
import { type Project, readProject } from "../../project/read-project.ts";
import { CommandError, usageError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";
import { tell } from "./output.ts";
import { takeLock } from "../../project/lock.ts";

interface PlaceOptions extends GlobalOptions {
  readonly env?: string;
  readonly state?: string;
}

interface DeployOptions extends PlaceOptions {
  readonly plan?: true;
  readonly dryRun?: true;
  readonly only?: readonly string[];
  readonly force?: true;
  readonly rotate?: readonly Rotatable[];
}

interface DestroyOptions extends PlaceOptions {
  readonly yes?: true;
  readonly database?: true;
}

/** A version of a Worker is everywhere within seconds, and whoever checks by keys asks again within this. */
const SETTLE_MS = 60_000;

export function addDeploy(program: Command): void {
  placed(program.command("deploy"))
    .description("bring a mesh onto an account: its own Workers, yours, and the policies")
    .option("--plan", "print the steps and write the configurations, deploy nothing")
    .option("--dry-run", "have wrangler bundle and check every Worker, deploy nothing")
    .option("--only <worker...>", "deploy these Workers alone")
    .option("--force", "deploy what is unchanged, too")
    .addOption(
      new Option("--rotate <key...>", "change keys: all are told of the next one before it is used").choices(ROTATABLE),
    )
    .addHelpText(
      "after",
      `
Needs \`npx wrangler login\`, or CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID. Run again it goes on where it stopped, and
deploys what changed. docs/deploy.md tells more.

Example:
  $ tulle deploy --plan`,
    )
    .action(async (path: string | undefined, _: unknown, command: Command) =>
      deploy(path, command.optsWithGlobals<DeployOptions>()),
    );
  placed(program.command("destroy"))
    .description("delete from the account what `tulle deploy` brought there")
    .option("--yes", "do it; without it what would go is printed")
    .option("--database", "the mesh's database, too, with all policies in it")
    .addHelpText("after", "\nExample:\n  $ tulle destroy --yes")
    .action(async (path: string | undefined, _: unknown, command: Command) =>
      destroy(path, command.optsWithGlobals<DestroyOptions>()),
    );
}

function placed(command: Command): Command {
  return command
    .addArgument(new Argument("[path]", `the mesh file or its folder (default: the nearest ${MESH_FILE})`))
    .option("--env <name>", "the mesh of this environment, beside the file's own (default: $CLOUDFLARE_ENV)")
    .option("--state <folder>", "where state is kept (default: .tulle/deploy beside the mesh file)");
}

async function deploy(path: string | undefined, options: DeployOptions): Promise<void> {
  if (options.plan && options.dryRun) throw usageError("--plan and --dry-run: give one of them");
  if (options.rotate && options.dryRun) throw usageError("--rotate and --dry-run: give one of them");
  if (options.rotate && options.only)
    throw usageError("--rotate changes what all gateways and control know: leave out --only");
  const run = await started(path, options);
  try {
    refusePublicRoutes(run.project, environmentOf(options));
    tellIfClosed(run.project, options);
    if (options.dryRun) return await dryRun(run, options.output);
    const { deployMesh, planMesh } = await import("../deploy/mesh.ts");
    if (options.plan) return await planMesh(run, options);
    await alone(run, async () => deployMesh(run, options));
  } catch (error) {
    throw asCommandError(error);
  }
}

/** As wrangler takes it. */
function environmentOf({ env }: PlaceOptions): string | undefined {
  return env ?? (process.env["CLOUDFLARE_ENV"] || undefined);
}

/** The hosts of the mesh without an environment are not this one's. */
function tellIfClosed({ topology: { mesh, services } }: Project, options: DeployOptions): void {
  const env = environmentOf(options);
  if (env !== undefined && services.every(({ publicHosts }) => publicHosts.length === 0))
    tell(`nobody outside can call ${mesh}: \`environments.${env}.public\` of the mesh file says by which hosts`);
}

async function started(path: string | undefined, options: DeployOptions | DestroyOptions): Promise<DeployRun> {
  try {
    const isFolder = path !== undefined && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
    const file = path !== undefined && isFolder ? join(path, MESH_FILE) : path;
    const project = await readProject({ file, environment: environmentOf(options), isDeployed: true });
    const only = "only" in options && options.only !== undefined ? new Set(options.only) : null;
    const force = "force" in options && options.force !== undefined;
    return {
      project,
      state: openState(stateFolder(project, options)),
      wrangler: wranglerIn(project.meshFile.folder, accountOf(project)),
      force,
      only,
      rotate: new Set("rotate" in options ? options.rotate : []),
      settle: async () => sleep(SETTLE_MS),
    };
  } catch (error) {
    throw asCommandError(error);
  }
}

/** What two runs keep at one time of what they did, one of them loses. */
async function alone({ state: { folder } }: DeployRun, work: () => Promise<void>): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const taken = takeLock(folder, "deploy");
  if ("holder" in taken)
    throw new CommandError(
      `process ${taken.holder} deploys or destroys this mesh, from ${folder}: wait until it has ended, and run this again`,
    );
  try {
    await work();
  } finally {
    taken.release();
  }
}

/** Of this mesh alone: an environment's has another name. */
function stateFolder({ meshFile, topology }: Project, { state }: PlaceOptions): string {
  return join(state === undefined ? join(dirname(meshFile.path), ".tulle/deploy") : resolve(state), topology.mesh);
}

function asCommandError(error: unknown): unknown {
  return error instanceof ProjectError ? new CommandError(error.message) : error;
}

async function destroy(path: string | undefined, options: DestroyOptions): Promise<void> {
  const run = await started(path, options);
  const { destroyMesh } = await import("../deploy/mesh.ts");
  const how = { isMeant: options.yes === true, withDatabase: options.database === true };
  if (how.isMeant) await alone(run, async () => destroyMesh(run, how, options));
  else await destroyMesh(run, how, options);
}
