import { z } from "zod";
import { CommandError, usageError } from "../tulle/command-error.ts";
import { contentHash } from "./content-hash.ts";
import { deployWorker } from "./deploy-worker.ts";
import { ownConfigs } from "./own-configs.ts";
import { type Deployment, planDeployments } from "./plan.ts";
import { type DeployRun, must, plannedWorkers, writeConfig } from "./run.ts";
import type { Step } from "./steps.ts";
import type { DeployedWorker } from "./workers.ts";

/** All that wrangler does, in its order: for what control needs, then for gateways and Workers. */
export function wranglerSteps(run: DeployRun): {
  readonly control: readonly Step[];
  readonly workers: readonly Step[];
} {
  const { mesh } = run.project.topology;
  const deployments = deploymentsOf(run);
  const stepsFor = (isWanted: (role: DeployedWorker["role"]) => boolean) =>
    deployments
      .filter(({ worker }) => isWanted(worker.role))
      .map((each) => ({ title: titleOf(run, each), run: async () => deployWorker(run, each) }));
  const database = [
    { title: `database ${mesh}`, run: async () => findDatabase(run, mesh) },
    { title: `migrations of ${mesh}`, run: async () => migrate(run, mesh) },
  ];
  const isBase = (role: DeployedWorker["role"]) => role === "control" || role === "state";
  return {
    control: [...(deployments.some(({ worker }) => worker.role === "control") ? database : []), ...stepsFor(isBase)],
    workers: stepsFor((role) => !isBase(role)),
  };
}

function deploymentsOf(run: DeployRun): readonly Deployment<DeployedWorker>[] {
  const workers = plannedWorkers(run);
  const there = new Set(Object.keys(run.state.kept.workers));
  refuseOnly(run.only, workers, there);
  return planDeployments(
    workers.filter(({ name }) => run.only?.has(name) ?? true),
    there,
  );
}

function refuseOnly(only: DeployRun["only"], workers: readonly DeployedWorker[], there: ReadonlySet<string>): void {
  const known = workers.map(({ name }) => name);
  const unknown = [...(only ?? [])].find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw usageError(`--only: there is no Worker \`${unknown}\` in this mesh; it has ${known.join(", ")}`);
  for (const { name, binds, needs } of workers.filter((worker) => only?.has(worker.name))) {
    const missing = [...binds, ...needs].find((each) => known.includes(each) && !there.has(each) && !only?.has(each));
    if (missing !== undefined)
      throw usageError(
        `--only: ${name} binds ${missing}, which is not deployed yet: name it, too, or leave out --only`,
      );
  }
}

const KINDS = { control: "control", state: "state", gateway: "gateway", service: "Worker" };

function titleOf({ state }: DeployRun, { worker, without, pass }: Deployment<DeployedWorker>): string {
  const secrets = worker.role === "control" && state.kept.snapshotKeys.length === 0 ? ", with new secrets" : "";
  const again = pass === 2 ? ", again, now with all its bindings" : "";
  const left = without.length > 0 ? `, without its bindings to ${without.join(", ")}, which are not there yet` : "";
  return `${KINDS[worker.role]} ${worker.name}${secrets}${again}${left}`;
}

const Listed = z.array(z.looseObject({ uuid: z.string(), name: z.string() }));

/** The one of this name, else a new one. */
async function findDatabase({ state, wrangler }: DeployRun, name: string): Promise<string> {
  if (state.kept.databaseId !== undefined) return "unchanged";
  const find = async () =>
    Listed.parse(JSON.parse(await must(wrangler, ["d1", "list", "--json"]))).find((each) => each.name === name)?.uuid;
  const found = await find();
  if (found === undefined) await must(wrangler, ["d1", "create", name]);
  const databaseId = found ?? (await find());
  if (databaseId === undefined) throw new CommandError("it was created, but `wrangler d1 list` does not show it");
  state.update({ databaseId });
  return found === undefined ? "created" : "found";
}

async function migrate(run: DeployRun, mesh: string): Promise<string> {
  const { state, wrangler, force } = run;
  const folders = ownConfigs().control.d1_databases.map((each) => each.migrations_dir);
  const migrations = contentHash([state.kept.databaseId ?? ""], folders);
  if (state.kept.migrations === migrations && !force) return "unchanged";
  const control = plannedWorkers(run).find(({ role }) => role === "control");
  if (control === undefined) throw new Error("a mesh without control");
  await must(wrangler, ["d1", "migrations", "apply", mesh, "--remote", "--config", writeConfig(run, control)]);
  state.update({ migrations });
  return "applied";
}
