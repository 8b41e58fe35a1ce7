import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { WorkerConfiguration } from "../../project/read-project.ts";
import type { Running } from "./places.ts";

/** The library's own bound: a process that is alive writes its entry more often. */
const STALE_MS = 90_000;

/**
 * Workers that another terminal runs: `wrangler dev` writes them into the registry in which it finds the gateways.
 *
 * @param now epoch ms
 */
export function runningElsewhere(
  registry: string,
  workers: Iterable<string>,
  now: number,
): ReadonlyMap<string, Running> {
  const found = new Map<string, Running>();
  for (const worker of workers) {
    const entry = entryOf(join(registry, worker), now);
    if (entry !== null) found.set(worker, entry);
  }
  return found;
}

function entryOf(path: string, now: number): Running | null {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined || stat.mtimeMs < now - STALE_MS) return null;
    const entry = JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, unknown>>;
    const { debugPortAddress: address, defaultEntrypointService: service } = entry;
    if (typeof address !== "string") return null;
    return { address, hasAssets: typeof service === "string" && service.startsWith("assets:") };
  } catch {
    // It is being written.
    return null;
  }
}

/** Where the files of a local mesh stand that another terminal needs. */
interface Folders {
  readonly registry: string;
  readonly generated: string;
  /** What `wrangler dev` calls `--persist-to`. */
  readonly storage: string;
}

/** What to type to run one of the Workers in another terminal, in this working directory, as what it is in the mesh. */
export function commandElsewhere(
  { worker, path, config }: WorkerConfiguration,
  { registry, generated, storage }: Folders,
): string {
  const short = (file: string): string => relative(process.cwd(), file) || ".";
  const environment = config.targetEnvironment;
  const vars = [environment === undefined ? [] : [`.dev.vars.${environment}`], ".dev.vars"]
    .flat()
    .map((name) => join(dirname(path), name))
    .find((file) => existsSync(file));
  return [
    `CLOUDFLARE_DEV_REGISTRY_PATH=${short(registry)} npx wrangler dev -c ${short(join(generated, `${worker.name}.jsonc`))}`,
    `--persist-to ${short(storage)}`,
    // wrangler takes a relative one from the configuration's folder, and Node, which reads it too, from this one.
    ...(vars === undefined ? [] : [`--env-file ${vars}`]),
    // None is in the generated configuration.
    ...(config.tsconfig === undefined ? [] : [`--tsconfig ${config.tsconfig}`]),
  ].join(" ");
}
