import { planDeployments } from "./plan.ts";
import { type DeployRun, must, plannedWorkers } from "./run.ts";
import type { Step } from "./steps.ts";

/** Takes away what was deployed, those that bind others first. The database is kept unless it is asked for. */
export function destroySteps(run: DeployRun, withDatabase: boolean): readonly Step[] {
  const { kept } = run.state;
  const order = planDeployments(plannedWorkers(run)).map(({ worker }) => worker.name);
  const deployed = Object.keys(kept.workers);
  // Those that are in the mesh file no more bind the others: they go first.
  const planned = [...new Set(order)].filter((name) => deployed.includes(name)).toReversed();
  const names = [...deployed.filter((name) => !order.includes(name)), ...planned];
  const { mesh } = run.project.topology;
  return [
    ...names.map((name) => ({ title: `Worker ${name}`, run: async () => deleteWorker(run, name) })),
    ...(withDatabase && kept.databaseId !== undefined
      ? [{ title: `database ${mesh}`, run: async () => deleteDatabase(run, mesh) }]
      : []),
  ];
}

async function deleteWorker({ project, state, wrangler }: DeployRun, name: string): Promise<string> {
  const answer = await wrangler(["delete", "--name", name, "--force"]);
  const isGone = !answer.ok && /does not exist|not found|10007|10090/.test(answer.error);
  if (!answer.ok && !isGone) throw new Error(answer.error);
  const { [name]: _, ...workers } = state.kept.workers;
  // The mesh's secrets go with its control.
  const isControl = name === `${project.topology.mesh}-control`;
  state.update({ workers, ...(isControl && { snapshotKeys: [] }) });
  return isGone ? "was gone" : "deleted";
}

async function deleteDatabase({ state, wrangler }: DeployRun, name: string): Promise<string> {
  await must(wrangler, ["d1", "delete", name, "--skip-confirmation"]);
  state.update({ databaseId: undefined, migrations: undefined });
  return "deleted";
}
