import { relative } from "node:path";
import { NoAnswer } from "../tulle/client.ts";
import { CommandError } from "../tulle/command-error.ts";
import type { GlobalOptions } from "../tulle/options.ts";
import { print, printStructured, tell } from "../tulle/output.ts";
import { wranglerSteps } from "./deployment.ts";
import { destroySteps } from "./destroy.ts";
import { applyObjects, byHand, goneObjects, reachControl, removeObjects, writeObjects } from "./mesh-objects.ts";
import { type DeployRun, plannedWorkers, writeConfig } from "./run.ts";
import { type Done, runSteps } from "./steps.ts";

/** Prints the steps, and writes the configurations. */
export async function planMesh(run: DeployRun, { output }: GlobalOptions): Promise<void> {
  const gone = goneObjects(run);
  const files = writeObjects(run);
  const configs = plannedWorkers(run).map((worker) => ({
    worker: worker.name,
    config: shown(writeConfig(run, worker)),
  }));
  const steps = [
    ...(gone.length > 0 ? [`delete from control ${gone.join(", ")}`] : []),
    ...wranglerSteps(run).map(({ title }) => title),
    ...(run.only === null ? [`apply ${files.join(", ")}`] : []),
  ];
  if (await printStructured(output, { mesh: run.project.topology.mesh, steps, configs })) return;
  for (const [index, step] of steps.entries()) print(`${String(index + 1).padStart(2)}. ${step}`);
  tell(`nothing was deployed; the configurations are in ${shown(run.state.folder)}`);
}

const GO_ON = "nothing after it was done; mend it and run the same command again: it goes on from there";

/** @throws CommandError at the step that fails, with how to go on */
export async function deployMesh(run: DeployRun, options: GlobalOptions): Promise<void> {
  const isQuiet = options.output !== "table";
  const files = writeObjects(run);
  const done: Done[] = [];
  const gone = run.only === null ? goneObjects(run) : [];
  if (gone.length > 0) {
    const access = await reachControl(run, options);
    if (access !== null)
      done.push(
        ...(await runSteps(
          [{ title: `delete ${gone.join(", ")}`, run: async () => removeObjects(run, access) }],
          GO_ON,
          isQuiet,
        )),
      );
  }
  done.push(...(await runSteps(wranglerSteps(run), GO_ON, isQuiet)));
  const applied = run.only === null ? await applyAll(run, files, options) : null;
  tellWhatIsLeft(run);
  await printStructured(options.output, { mesh: run.project.topology.mesh, steps: done, applied });
}

/** @returns null where control cannot be reached: then it was told what to do */
async function applyAll(run: DeployRun, files: readonly string[], options: GlobalOptions) {
  try {
    const access = await reachControl(run, options);
    if (access !== null) return await applyObjects(run, files, access);
    tell(byHand(run, files, null));
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    tell(byHand(run, files, error));
  }
  return null;
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
