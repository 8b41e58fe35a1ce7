import { mkdirSync, writeFileSync } from "node:fs";
import { writeGeneratedConfig } from "../../project/generated-config.ts";
import type { Project } from "../../project/read-project.ts";
import { CommandError } from "../tulle/command-error.ts";
import type { DeploymentState } from "./kept.ts";
import type { Rotatable } from "./secrets.ts";
import { configPath, type DeployedWorker, workersOf } from "./workers.ts";
import type { Wrangler } from "./wrangler.ts";

/** What one run of `tulle deploy` works with. */
export interface DeployRun {
  readonly project: Project;
  readonly state: DeploymentState;
  readonly wrangler: Wrangler;
  /** Deploy what is unchanged, too. */
  readonly force: boolean;
  /** Names of the Workers to deploy; null: all. */
  readonly only: ReadonlySet<string> | null;
  /** Keys to change. */
  readonly rotate: ReadonlySet<Rotatable>;
  /** Waits until no isolate runs any more that knows less than what was deployed last. */
  readonly settle: () => Promise<void>;
}

const UNKNOWN_ID = "00000000-0000-0000-0000-000000000000";

/** Of the Workers as far as is known now: the database's id and the keys come with the first steps. */
export function plannedWorkers({ project, state }: DeployRun): readonly DeployedWorker[] {
  const pending = state.pendingSecrets();
  const snapshotKeys = pending === null ? state.kept.snapshotKeys : [pending.publicKey];
  const databaseId = state.kept.databaseId ?? UNKNOWN_ID;
  const { assertionKeys } = state.kept;
  return workersOf(project, { databaseId, snapshotKeys, assertionKeys, folder: state.folder });
}

/**
 * Writes what wrangler deploys a Worker by.
 *
 * @param without Workers whose bindings are left out
 * @returns its path
 */
export function writeConfig(
  { state }: DeployRun,
  { name, config, source }: DeployedWorker,
  without: readonly string[] = [],
): string {
  const { folder } = state;
  if (source !== undefined) return writeGeneratedConfig(source.worker, { ...source, folder, without });
  mkdirSync(folder, { recursive: true });
  const path = configPath(folder, name);
  const services = ((config["services"] ?? []) as readonly { readonly service: string }[]).filter(
    ({ service }) => !without.includes(service),
  );
  // Until it has its bindings it gets no traffic: a domain that moves to it keeps answering where it was.
  const routes = without.length > 0 ? { routes: undefined } : {};
  writeFileSync(path, `${JSON.stringify({ ...config, services, ...routes }, null, 2)}\n`);
  return path;
}

/** By which wrangler finds a Worker's files: no `tsconfig` is in a generated configuration. */
export function filesOf({ source }: DeployedWorker, config: string): readonly string[] {
  const tsconfig = source?.worker.config.tsconfig;
  return ["--config", config, ...(tsconfig === undefined ? [] : ["--tsconfig", tsconfig])];
}

/** @returns what it printed. @throws CommandError with all that it said */
export async function must(wrangler: Wrangler, args: readonly string[]): Promise<string> {
  const answer = await wrangler(args);
  if (answer.ok) return answer.value;
  throw new CommandError(answer.error);
}
