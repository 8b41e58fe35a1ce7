import { CommandError } from "../tulle/command-error.ts";
import { type Format, print, printStructured, tell } from "../tulle/output.ts";
import { bundleOf } from "./deploy-worker.ts";
import { type DeployRun, filesOf, plannedWorkers, writeConfig } from "./run.ts";

/**
 * Has wrangler bundle and check every Worker as it would be deployed.
 *
 * @throws CommandError with the words of all that failed
 */
export async function dryRun(run: DeployRun, output: Format): Promise<void> {
  const workers = plannedWorkers(run).filter(({ name }) => run.only?.has(name) ?? true);
  const results: { worker: string; ok: boolean; says: string }[] = [];
  for (const worker of workers) {
    const { name } = worker;
    const config = writeConfig(run, worker);
    const args = ["deploy", "--dry-run", ...filesOf(worker, config), "--outdir", bundleOf(run.state.folder, name)];
    const answer = await run.wrangler(args);
    const says = answer.ok ? (/^Total Upload: .*$/m.exec(answer.value)?.[0] ?? "checked") : answer.error;
    results.push({ worker: name, ok: answer.ok, says });
    if (answer.ok) (output === "table" ? print : tell)(`${name}: ${says}`);
  }
  await printStructured(output, { mesh: run.project.topology.mesh, workers: results });
  const failed = results.filter(({ ok }) => !ok);
  if (failed.length > 0)
    throw new CommandError(
      [
        `${failed.length} of ${results.length} Workers cannot be deployed`,
        ...failed.map(({ worker, says }) => `${worker}: ${says.replaceAll("\n", "\n  ")}`),
      ].join("\n"),
    );
  tell("nothing was deployed");
}
