import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { listOf, type Values, withPaths } from "./config-paths.ts";
import type { MeshWorker } from "../src/deployment/topology.ts";
import { NO_CALLS, writeChanged, writeEntry } from "./generated-entry.ts";
import { ProjectError } from "./mesh-file.ts";
import type { WorkerConfiguration } from "./read-project.ts";

export interface GenerateOptions {
  /** Where it will stand, absolute: what wrangler cannot take as an absolute path is relative to it. */
  readonly folder: string;
  /** Its own routes and names of workers.dev stay; else there is no way in but its gateway. */
  readonly keepsPublicRoutes: boolean;
  /** Workers that are not there yet: bindings to them are left out. */
  readonly without?: readonly string[];
}

/** What wrangler's reader adds of itself, and other commands' parts. */
const NO_INPUT = new Set([
  "configPath",
  "userConfigPath",
  "topLevelName",
  "definedEnvironments",
  "targetEnvironment",
  "previews",
]);

/** What wrangler's reader says where the user said nothing; beside it, nothing is said by `[]` and `{}`. */
const DEFAULTS: Values = {
  jsx_factory: "React.createElement",
  jsx_fragment: "React.Fragment",
  python_modules: { exclude: ["**/*.pyc"] },
  dev: {
    ip: "localhost",
    local_protocol: "http",
    upstream_protocol: "http",
    enable_containers: true,
    generate_types: false,
  },
  build: { watch_dir: "./src" },
  durable_objects: { bindings: [] },
  queues: { producers: [], consumers: [] },
  logfwdr: { bindings: [] },
};

/**
 * A Worker's configuration as it joins the mesh: for `wrangler deploy --config` and `wrangler dev --config`.
 *
 * @param source as wrangler reads it from the working directory, which paths of its answer are relative to
 * @returns plain JSON
 * @throws ProjectError where the Worker is of a kind that cannot join
 */
export function generatedConfig(source: WorkerConfiguration, options: GenerateOptions): Values {
  const { worker, path } = source;
  refuseKind(source);
  const config = JSON.parse(JSON.stringify(source.config)) as Values;
  const joined: Values = {
    ...config,
    ...withPaths(config, { folder: dirname(path), output: options.folder }),
    services: joinedServices(config["services"], worker).filter(
      ({ service }) => options.without?.includes(String(service)) !== true,
    ),
    ...(hasEntry(source) && {
      main: join(entryFolder(source, options), "entry.js"),
      compatibility_flags: [...listOfFlags(config), ...addedFlags(source)],
      // Rules' globs and further modules are of the user's own folder.
      base_dir: config["base_dir"] ?? dirname(String(config["main"])),
    }),
    ...(!options.keepsPublicRoutes && { route: undefined, routes: undefined, workers_dev: false, preview_urls: false }),
  };
  const said = Object.entries(joined).filter(([key, value]) => !NO_INPUT.has(key) && saysSomething(key, value));
  return Object.fromEntries(said);
}

function entryFolder({ worker }: WorkerConfiguration, { folder }: GenerateOptions): string {
  return join(folder, worker.name);
}

/**
 * Writes `NAME.jsonc` and what it needs into a folder.
 *
 * @returns the path of the configuration
 */
export function writeGeneratedConfig(source: WorkerConfiguration, options: GenerateOptions): string {
  const config = generatedConfig(source, options);
  mkdirSync(options.folder, { recursive: true });
  if (hasEntry(source)) {
    const { sidecar, bindings } = source.worker;
    writeEntry(entryFolder(source, options), source.config.main ?? "", sidecar ?? NO_CALLS, bindings);
  }
  const path = join(options.folder, `${source.worker.name}.jsonc`);
  writeChanged(
    path,
    `// Made by tulle from ${source.path.replaceAll(/[\r\n]/g, " ")}: changes here are lost.\n${JSON.stringify(config, null, 2)}\n`,
  );
  return path;
}

/**
 * Its calls by host name need one, its calls by bindings do where their context is to go along: those of a Worker that can have
 * none are made all the same.
 */
function hasEntry({ worker, config: { main, no_bundle: unbundled } }: WorkerConfiguration): boolean {
  if (worker.sidecar !== null) return true;
  return worker.bindings.length > 0 && main !== undefined && !main.endsWith(".py") && unbundled !== true;
}

/** From this date on Workers have `node:async_hooks`, by which an entry knows for which call another one is made. */
const HAS_ASYNC_HOOKS = "2026-08-04";

/** Compatibility flags that its entry needs, beside the Worker's own: before that date there is one for it, as there is among Node's. */
export function addedFlags(source: WorkerConfiguration): readonly string[] {
  const config = source.config as unknown as Values;
  const flags = listOfFlags(config);
  const has = flags.some((flag) => flag === "nodejs_als" || flag.startsWith("nodejs_compat"));
  const date = (config["compatibility_date"] ?? "") as string;
  return !hasEntry(source) || has || date >= HAS_ASYNC_HOOKS ? [] : ["nodejs_als"];
}

function listOfFlags(config: Values): readonly string[] {
  return (config["compatibility_flags"] ?? []) as readonly string[];
}

function refuseKind({ worker, path, config }: WorkerConfiguration): void {
  const refuse = (why: string): never => {
    throw new ProjectError(`${path}: ${why}`);
  };
  const { main, pages_build_output_dir: pages, no_bundle: unbundled } = config;
  if (pages !== undefined) refuse("it is a Pages project: only Workers can join a mesh");
  if (main === undefined && config.site !== undefined)
    refuse("`site` without `main`: name the Worker's module in `main`");
  if (main !== undefined && isServiceWorker(main))
    refuse(`${main} is in the service-worker format (\`addEventListener\`): it must be a module (\`export default\`)`);
  if (worker.sidecar === null) return;
  if (main === undefined) refuse("it has assets and no code, so it calls nobody: remove `calls` of its service");
  else if (main.endsWith(".py"))
    refuse("it is in Python: its calls by host name (`calls`) cannot be sent through the mesh");
  else if (unbundled === true)
    refuse("calls by host name (`calls`) need a bundle: remove `no_bundle`, or call by a service binding");
}

/** Whether its code is older than modules. @param main absolute */
export function isServiceWorker(main: string): boolean {
  if (!existsSync(main)) return false; // its build makes it
  const text = readFileSync(main, "utf8");
  return /\baddEventListener\(\s*["'`](fetch|scheduled|queue)["'`]/.test(text) && !/\bexport\b|\bexports\b/.test(text);
}

/** Bindings that lead into the mesh stand where those of their names stood; new ones come last. */
function joinedServices(own: unknown, { bindings }: MeshWorker): readonly Values[] {
  const into = new Map(
    bindings.map(({ binding, gateway, props }): [string, Values] => [
      binding,
      { binding, service: gateway, entrypoint: "MeshEntrypoint", props },
    ]),
  );
  const kept = listOf(own).map((service) => into.get(String(service["binding"])) ?? service);
  return [...kept, ...[...into.values()].filter((service) => !kept.includes(service))];
}

function saysSomething(key: string, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  // An empty list of these takes away what is deployed.
  if (key === "addresses") return true;
  const text = JSON.stringify(value);
  return text !== "[]" && text !== "{}" && text !== JSON.stringify(DEFAULTS[key]);
}
