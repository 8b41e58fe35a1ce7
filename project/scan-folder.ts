import { dirname } from "node:path";
import type { FoundWorker } from "../src/deployment/found-worker.ts";
import type { ProjectFinding } from "../src/deployment/project-finding-codes.ts";
import { findConfigs } from "./find-configs.ts";
import { scanWorker } from "./scan-worker.ts";

export interface ScannedFolder {
  readonly workers: readonly FoundWorker[];
  /** How many configurations were found. */
  readonly configs: number;
  /** Of those that were left out, and why. */
  readonly findings: readonly ProjectFinding[];
}

/**
 * Finds the Workers of a folder and those below it.
 *
 * @param ignored files and folders that are left out
 * @param preferred of two Workers of one name the one whose configuration is among these is taken
 */
export async function scanFolder(
  folder: string,
  ignored: readonly string[],
  preferred: ReadonlySet<string>,
): Promise<ScannedFolder> {
  const configs = findConfigs(folder, ignored).filter(({ path }) => !preferred.has(path));
  const wanted = [...[...preferred].map((path) => ({ path, stage: null, hiddenBy: null })), ...configs];
  const own = wanted.flatMap(({ path, stage, hiddenBy }) => (stage === null && hiddenBy === null ? [path] : []));
  const workers = new Map<string, FoundWorker>();
  const findings: ProjectFinding[] = [];
  for (const { path: config, stage, hiddenBy } of wanted) {
    if (hiddenBy !== null) {
      findings.push({ code: "TULLE1009", config, message: `wrangler reads ${hiddenBy} in this folder` });
      continue;
    }
    if (stage !== null) {
      findings.push({ code: "TULLE1009", config, message: `by its name the same Worker for ${stage}` });
      continue;
    }
    const isAlone = own.filter((path) => dirname(path) === dirname(config)).length === 1;
    const scanned = await scanWorker(folder, config, isAlone);
    if ("untaken" in scanned) findings.push(scanned.untaken);
    else
      for (const worker of scanned.workers) {
        const taken = workers.get(worker.name);
        if (taken === undefined) workers.set(worker.name, worker);
        else
          findings.push({
            code: "TULLE1002",
            config,
            message: `\`${worker.name}\` is also the Worker of ${taken.config}`,
          });
      }
  }
  const inOrder = [...workers.values()].toSorted((a, b) => (a.config < b.config ? -1 : a.config > b.config ? 1 : 0));
  return { workers: inOrder, configs: wanted.length, findings };
}
