import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { Unstable_Config } from "wrangler";
import type { WorkerSource } from "../src/deployment/topology.ts";
import { ProjectError } from "./mesh-file.ts";

/** A Worker's configuration as wrangler reads it: environment applied, `main` and `tsconfig` absolute. */
export type WranglerConfig = Unstable_Config;

/**
 * Asks wrangler for a configuration: toml, json or jsonc.
 *
 * @param path absolute
 * @throws ProjectError with wrangler's own words where it cannot be read, or has no such environment
 */
export async function readWranglerConfig(path: string, environment: string | undefined): Promise<WranglerConfig> {
  if (!existsSync(path)) throw new ProjectError(`no such wrangler configuration: ${path}`);
  // Half a second to load: only what needs it waits for it.
  const { unstable_readConfig: read } = await import("wrangler");
  const readOf = (env: string | undefined): WranglerConfig =>
    read({ config: path, ...(env !== undefined && { env }) }, { hideWarnings: true });
  try {
    const config = readOf(environment);
    if (config.tsconfig === undefined) return config;
    const inherited = environment === undefined ? undefined : readOf(undefined).tsconfig;
    return { ...config, tsconfig: tsconfigOf(config.tsconfig, inherited, path) };
  } catch (error) {
    throw new ProjectError(`${path}: ${lineOf(error)}${error instanceof Error ? error.message.trim() : String(error)}`);
  }
}

/**
 * wrangler joins it to the configuration's folder, and tells it from the working directory; of an environment that inherits it
 * it does so twice, which leads astray where the working directory is the deeper one.
 *
 * @param inherited as wrangler tells that of the whole file
 */
function tsconfigOf(told: string, inherited: string | undefined, path: string): string {
  const isInherited = inherited !== undefined && told === relative(process.cwd(), join(dirname(path), inherited));
  return resolve(isInherited ? inherited : told);
}

/** wrangler says `ValueExpected`, and where beside it. */
function lineOf(error: unknown): string {
  const { location } = error as { readonly location?: { readonly line?: unknown } };
  return typeof location?.line === "number" ? `line ${location.line}: ` : "";
}

/** @throws ProjectError where it has no name, or one that is none: files are named by it */
export function sourceOf(config: WranglerConfig, path: string): WorkerSource {
  if (config.name === undefined || config.name === "")
    throw new ProjectError(`${path}: the Worker has no \`name\`: give it one, by which others bind it`);
  // Of an environment's wrangler looks at neither part.
  if (!/^[\w-]+$/.test(config.name))
    throw new ProjectError(
      `${path}: ${JSON.stringify(config.name)} is no name of a Worker: letters, digits, \`-\` and \`_\`, also in the environment's name`,
    );
  const boundObjects = config.durable_objects.bindings.flatMap(
    ({ name: binding, class_name: entrypoint, script_name }) =>
      script_name === undefined ? [] : [{ binding, service: script_name, entrypoint }],
  );
  return { name: config.name, services: config.services ?? [], boundObjects };
}
