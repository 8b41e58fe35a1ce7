import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { FoundEnvironment, FoundRoute, FoundWorker, Untaken } from "../src/deployment/found-worker.ts";
import { isServiceWorker } from "./generated-config.ts";
import { ProjectError } from "./mesh-file.ts";
import { frameworkOf, isBuiltByVite, lookAtCode } from "./static-look.ts";
import { readWranglerConfig, sourceOf, type WranglerConfig } from "./wrangler-config.ts";

/** The Workers of one configuration, or why there are none. */
export type Scanned = { readonly workers: readonly FoundWorker[] } | { readonly untaken: Untaken };

/**
 * Asks wrangler for a configuration, and looks at the code that it names.
 *
 * @param config relative to `folder`, with `/`
 * @param isAlone no other configuration lies in its folder: the files there are this Worker's
 */
export async function scanWorker(folder: string, config: string, isAlone: boolean): Promise<Scanned> {
  const path = join(folder, config);
  try {
    const read = await readWranglerConfig(path, undefined);
    const refused = whyUntaken(read, config, path);
    if (refused !== null) return { untaken: refused };
    const names = environmentsOf(read);
    if (names.length > 0 && names.every((name) => /^v\d+$/.test(name))) {
      // No stages but versions of it: each is a Worker, and without a `v1` among them it is the first itself.
      const versions = await Promise.all(
        names.map(async (name) => ({ name, read: await readWranglerConfig(path, name) })),
      );
      const workers = versions.map((one) => foundWorker(one.read, config, path, isAlone, one.name, []));
      return {
        workers: names.includes("v1") ? workers : [foundWorker(read, config, path, isAlone, undefined, []), ...workers],
      };
    }
    const environments = await Promise.all(names.map(async (name) => environmentOf(path, name)));
    return { workers: [foundWorker(read, config, path, isAlone, undefined, environments)] };
  } catch (error) {
    if (!(error instanceof ProjectError)) throw error;
    return {
      untaken: {
        config,
        code: "TULLE1001",
        message: error.message.replaceAll(`${path}: `, "").replaceAll(/\s*\n\s*/g, " "),
      },
    };
  }
}

function environmentsOf({ definedEnvironments }: WranglerConfig): readonly string[] {
  return definedEnvironments ?? [];
}

async function environmentOf(path: string, name: string): Promise<FoundEnvironment> {
  const source = sourceOf(await readWranglerConfig(path, name), path);
  return { name, worker: source.name, services: source.services };
}

function whyUntaken(read: WranglerConfig, config: string, path: string): Untaken | null {
  const folder = dirname(path);
  const framework = frameworkOf(folder);
  const untaken = (message: string): Untaken => ({ config, code: "TULLE1003", message });
  if (read.pages_build_output_dir !== undefined) return untaken("a Pages project: the mesh takes Workers");
  if (isBuiltByVite(folder))
    return untaken(
      `${framework === null ? "" : `${framework} with `}vite makes this Worker; its build writes a wrangler.json below \`dist\``,
    );
  if (read.main === undefined) {
    if (framework !== null) return untaken(`${framework} makes this Worker, and the configuration names no \`main\``);
    return read.assets === undefined ? { config, code: "TULLE1004", message: "no `main`, and no `assets`" } : null;
  }
  if (read.main.endsWith(".py")) return untaken("a Python Worker: the mesh runs JavaScript and TypeScript");
  if (isServiceWorker(read.main))
    return { config, code: "TULLE1005", message: "its code is in the service-worker format" };
  if (existsSync(read.main) || read.build?.command !== undefined) return null;
  const main = relative(folder, read.main);
  return untaken(
    framework === null
      ? `\`main\` is ${main}, which is not there: build it first`
      : `${framework} makes its \`main\` (${main}), which is not there: build it first`,
  );
}

function foundWorker(
  read: WranglerConfig,
  config: string,
  path: string,
  isAlone: boolean,
  environment: string | undefined,
  environments: readonly FoundEnvironment[],
): FoundWorker {
  const { name, services } = sourceOf(read, path);
  const foreign = (one: { readonly script_name?: string | undefined }) => one.script_name !== undefined;
  const routes = routesOf(read);
  return {
    name,
    services,
    config,
    environment,
    environments,
    routes,
    workersDev: read.workers_dev ?? routes.length === 0,
    compatibilityDate: read.compatibility_date ?? null,
    compatibilityFlags: read.compatibility_flags,
    objects: read.durable_objects.bindings
      .filter(foreign)
      .map((one) => ({ binding: one.name, className: one.class_name ?? "", worker: one.script_name ?? "" })),
    workflows: read.workflows
      .filter(foreign)
      .map((one) => ({ binding: one.binding, className: one.class_name ?? "", worker: one.script_name ?? "" })),
    produces: (read.queues.producers ?? []).map(({ queue }) => queue ?? ""),
    consumes: (read.queues.consumers ?? []).map(({ queue }) => queue ?? ""),
    tails: (read.tail_consumers ?? []).map(({ service }) => service ?? ""),
    dispatches: read.dispatch_namespaces.map(({ binding }) => binding),
    crons: read.triggers.crons ?? [],
    code: lookAtCode(
      read.main ?? "",
      isAlone && read.main !== undefined ? dirname(path) : null,
      services.map(({ binding }) => binding),
    ),
  };
}

function routesOf({ route, routes }: WranglerConfig): readonly FoundRoute[] {
  return [...(routes ?? []), ...(route === undefined ? [] : [route])].map((one) =>
    typeof one === "string"
      ? { pattern: one, customDomain: false }
      : { pattern: one.pattern, customDomain: ("custom_domain" in one && one.custom_domain) ?? false },
  );
}
