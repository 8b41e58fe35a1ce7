import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ROOT } from "../../project/built.ts";
import { CommandError } from "../tulle/command-error.ts";
import { contentHash } from "./content-hash.ts";
import { assertionKeyIsSet, firstAssertionKey } from "./keys.ts";
import type { Deployment } from "./plan.ts";
import { type DeployRun, filesOf, must, plannedWorkers, writeConfig } from "./run.ts";
import type { DeployedWorker } from "./workers.ts";

/**
 * @param rotated secrets that replace those that it has
 * @returns how it went
 */
export async function deployWorker(
  run: DeployRun,
  { worker, without, pass }: Deployment<DeployedWorker>,
  rotated: Readonly<Record<string, string>> | null = null,
): Promise<string> {
  const { state, wrangler, force } = run;
  const { name } = worker;
  if (worker.role === "control") await prepareSecrets(run, name);
  // The steps before may have brought the database and the keys.
  const now = plannedWorkers(run).find((each) => each.name === name);
  if (now === undefined) throw new Error(`no Worker ${name}`);
  const config = writeConfig(run, now, without);
  const pending = worker.role === "control" ? state.pendingSecrets() : null;
  const first = worker.role === "gateway" ? firstAssertionKey(run, name) : null;
  const secrets = rotated ?? pending?.secrets ?? first;
  // Of containers' images nothing is known here.
  const before = now.config["containers"] === undefined ? state.kept.workers[name] : undefined;
  if (before !== undefined && secrets === null && pass === 1 && !force) {
    await bundled(run, now, ["--dry-run", ...filesOf(now, config)]);
    if (before === hashOf(run, now, config)) return "unchanged";
  }
  const secretsPath = join(state.folder, "secrets.json");
  rmSync(secretsPath, { force: true });
  if (secrets !== null) writeFileSync(secretsPath, JSON.stringify(secrets), { mode: 0o600 });
  try {
    await bundled(run, now, [...filesOf(now, config), ...(secrets === null ? [] : ["--secrets-file", secretsPath])]);
  } finally {
    rmSync(secretsPath, { force: true });
  }
  if (pending !== null) state.secretsAreSet();
  state.update({ workers: { ...state.kept.workers, [name]: hashOf(run, now, config) } });
  if (secrets === first && first !== null) assertionKeyIsSet(run, name);
  return "deployed";

  async function bundled({ state: { folder } }: DeployRun, { name: of }: DeployedWorker, args: readonly string[]) {
    const output = bundleOf(folder, of);
    rmSync(output, { recursive: true, force: true });
    await must(wrangler, ["deploy", ...args, "--outdir", output]);
  }
}

/** Secrets are made where neither this folder nor the account has any: others would make control's database unreadable. */
async function prepareSecrets({ state, wrangler }: DeployRun, control: string): Promise<void> {
  if (state.kept.snapshotKeys.length > 0 || state.pendingSecrets() !== null) return;
  const listed = await wrangler(["secret", "list", "--name", control, "--format", "json"]);
  if (!listed.ok && !/not found|10007/.test(listed.error)) throw new CommandError(listed.error);
  const Listed = z.array(z.looseObject({ name: z.string() }));
  const has = listed.ok && Listed.parse(JSON.parse(listed.value)).some(({ name }) => name === "SNAPSHOT_PRIVATE_KEY");
  if (has)
    throw new CommandError(
      `${control} has its secrets already, but ${join(state.folder, "deployed.json")} is not here: bring it from where the mesh ` +
        `was deployed before (it holds no secret, and may be kept with your code); new secrets would take the mesh's keys away`,
    );
  state.makeSecrets();
}

export function bundleOf(folder: string, name: string): string {
  return join(folder, "bundles", name);
}

/** Of all that a deployment sends: configuration, bundle, assets; the same wherever the project and this package stand. */
function hashOf({ project, state }: DeployRun, { name, config }: DeployedWorker, path: string): string {
  const { assets, site } = config as {
    readonly assets?: { readonly directory?: string };
    readonly site?: { readonly bucket: string };
  };
  const folders = [bundleOf(state.folder, name), assets?.directory, site?.bucket].filter(
    (folder) => folder !== undefined,
  );
  const text = [state.folder, project.meshFile.folder, ROOT].reduce(
    (before, folder) => before.replaceAll(folder, ""),
    readFileSync(path, "utf8"),
  );
  return contentHash([text], folders);
}
