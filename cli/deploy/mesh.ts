import { relative } from "node:path";
import type { Applied } from "../tulle/apply.ts";
import { CommandError } from "../tulle/command-error.ts";
import type { GlobalOptions } from "../tulle/options.ts";
import { print, printStructured, tell } from "../tulle/output.ts";
import { wranglerSteps } from "./deployment.ts";
import { destroySteps } from "./destroy.ts";
import { prepareKeys } from "./keys.ts";
import { rotationSteps } from "./rotation.ts";
import { applyObjects, byHand, goneObjects, reachControl, removeObjects, writeObjects } from "./mesh-objects.ts";
import { type DeployRun, plannedWorkers, writeConfig } from "./run.ts";
import { runSteps, type Step } from "./steps.ts";

/** Prints the steps, and writes the configurations. */
export async function planMesh(run: DeployRun, options: GlobalOptions): Promise<void> {
  const configs = plannedWorkers(run).map((worker) => ({
    worker: worker.name,
    config: shown(writeConfig(run, worker)),
  }));
  const steps = stepsOf(run, options, []).map(({ title }) => title);
  if (await printStructured(options.output, { mesh: run.project.topology.mesh, steps, configs })) return;
  for (const [index, step] of steps.entries()) print(`${String(index + 1).padStart(2)}. ${step}`);
  tell(`nothing was deployed; the configurations are in ${shown(run.state.folder)}`);
}

const GO_ON = "nothing after it was done; mend it and run the same command again: it goes on from there";

/** @throws CommandError at the step that fails, with how to go on */
export async function deployMesh(run: DeployRun, options: GlobalOptions): Promise<void> {
  const applied: Applied["results"][number][] = [];
  prepareKeys(run, Date.now());
  const done = await runSteps(stepsOf(run, options, applied), GO_ON, options.output !== "table");
  if (run.only === null && run.state.kept.resources.length === 0) tell(byHand(run, writeObjects(run)));
  tellWhatIsLeft(run);
  await printStructured(options.output, { mesh: run.project.topology.mesh, steps: done, applied });
}

/**
 * All steps. At the first time services and policies come before gateways and Workers: callers that are in use already find a
 * gateway that knows where to send them. Later they come after: an endpoint is told of when the gateway binds it.
 *
 * @param applied is filled with what was stored
 */
function stepsOf(run: DeployRun, options: GlobalOptions, applied: Applied["results"][number][]): readonly Step[] {
  const { control, workers } = wranglerSteps(run);
  const rotation = rotationSteps(run);
  if (run.only !== null) return [...control, ...workers];
  const files = writeObjects(run);
  const apply = {
    title: `services and policies of ${files.join(", ")}`,
    run: async () => {
      const access = await reachControl(run, options);
      if (access === null) return "not applied";
      applied.push(...(await applyObjects(run, files, access)));
      return "applied";
    },
  };
  if (run.state.kept.resources.length === 0) return [...control, apply, ...workers, ...rotation];
  return [...removal(run, options), ...control, ...workers, apply, ...rotation];
}

function removal(run: DeployRun, options: GlobalOptions): readonly Step[] {
  const gone = goneObjects(run);
  if (gone.length === 0) return [];
  const remove = async () => {
    const access = await reachControl(run, options);
    return access === null ? "left there: nothing says how to reach control" : removeObjects(run, access);
  };
  return [{ title: `delete from control ${gone.join(", ")}`, run: remove }];
}

function tellWhatIsLeft(run: DeployRun): void {
  const known = new Set(plannedWorkers(run).map(({ name }) => name));
  for (const name of Object.keys(run.state.kept.workers))
    if (!known.has(name))
      tell(`${name} is in the mesh file no more, but still deployed: \`npx wrangler delete --name ${name}\``);
}

/** @param isMeant else what would go is printed */
export async function destroyMesh(
  run: DeployRun,
  { isMeant, withDatabase }: { readonly isMeant: boolean; readonly withDatabase: boolean },
  options: GlobalOptions,
): Promise<void> {
  const steps = destroySteps(run, withDatabase);
  if (steps.length === 0) throw new CommandError(`nothing is deployed, as ${shown(run.state.folder)} knows`);
  const isQuiet = options.output !== "table";
  if (!isMeant) {
    const titles = steps.map(({ title }) => title);
    if (await printStructured(options.output, { mesh: run.project.topology.mesh, steps: titles })) return;
    for (const title of titles) print(title);
    tell(`all this would be deleted, with what Durable Objects hold: run it with --yes`);
    return;
  }
  const done = await runSteps(steps, GO_ON, isQuiet);
  if (run.state.kept.databaseId === undefined && Object.keys(run.state.kept.workers).length === 0) run.state.forget();
  await printStructured(options.output, { mesh: run.project.topology.mesh, steps: done });
}

function shown(path: string): string {
  return relative(process.cwd(), path) || ".";
}
