import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import type { MeshWorker } from "../src/deployment/topology.ts";
import { writeChanged, writeEntry } from "./generated-entry.ts";
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

type Values = Readonly<Record<string, unknown>>;

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
    ...(worker.sidecar !== null && {
      main: join(entryFolder(source, options), "entry.js"),
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
  const { sidecar } = source.worker;
  if (sidecar !== null) writeEntry(entryFolder(source, options), source.config.main ?? "", sidecar);
  const path = join(options.folder, `${source.worker.name}.jsonc`);
  writeChanged(
    path,
    `// Made by tulle from ${source.path}: changes here are lost.\n${JSON.stringify(config, null, 2)}\n`,
  );
  return path;
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

interface Folders {
  /** Of the user's configuration. */
  readonly folder: string;
  /** Of the generated one. */
  readonly output: string;
}

/**
 * All fields that name files. wrangler joins some of them to its configuration's folder even if they are absolute, so
 * these are relative to the new one; they come out of its reader relative to the working directory.
 */
function withPaths(config: Values, { folder, output }: Folders): Values {
  const absolute = (path: unknown) => (typeof path === "string" ? resolve(folder, path) : path);
  const fromOutput = (path: unknown) => (typeof path === "string" ? relative(output, resolve(path)) : path);
  const mapped = (field: string, change: (value: Values) => Values) =>
    isValues(config[field]) ? { [field]: change(config[field]) } : {};
  const files = (names: Values) =>
    Object.fromEntries(Object.entries(names).map(([name, path]) => [name, fromOutput(path)]));
  return {
    ...(config["tsconfig"] !== undefined && { tsconfig: fromOutput(config["tsconfig"]) }),
    ...mapped("build", (build) =>
      build["command"] === undefined
        ? {}
        : {
            ...build,
            cwd: absolute(build["cwd"] ?? "."),
            watch_dir: watched(build["watch_dir"], fromOutput),
          },
    ),
    ...mapped("assets", (assets) => ({ ...assets, directory: absolute(assets["directory"]) })),
    ...mapped("site", (site) => ({ ...site, bucket: absolute(site["bucket"]) })),
    ...mapped("alias", (alias) =>
      Object.fromEntries(Object.entries(alias).map(([name, target]) => [name, aliased(String(target), folder)])),
    ),
    ...mapped("wasm_modules", files),
    ...mapped("text_blobs", files),
    ...mapped("data_blobs", files),
    ...mapped("unsafe", (unsafe) => ({ ...unsafe, ...schema(unsafe["capnp"], absolute) })),
    d1_databases: listOf(config["d1_databases"]).map((database) => ({
      ...database,
      // Where wrangler looks if nothing is said.
      migrations_dir: absolute(database["migrations_dir"] ?? "migrations"),
      ...(database["migrations_pattern"] !== undefined && {
        migrations_pattern: absolute(database["migrations_pattern"]),
      }),
    })),
    ...(config["containers"] !== undefined && {
      containers: listOf(config["containers"]).map((container) => ({
        ...container,
        ...images(container["images"], absolute),
      })),
    }),
  };
}

function watched(dirs: unknown, fromOutput: (path: unknown) => unknown): unknown {
  return Array.isArray(dirs) ? dirs.map(fromOutput) : fromOutput(dirs);
}

/** A package is found from the user's own folder, as wrangler does. */
function aliased(target: string, folder: string): string {
  if (target.startsWith(".")) return resolve(folder, target);
  try {
    return createRequire(join(folder, "package.json")).resolve(target);
  } catch {
    return target; // wrangler says what is wrong with it
  }
}

function schema(capnp: unknown, absolute: (path: unknown) => unknown): Values {
  if (!isValues(capnp)) return {};
  const paths = ["base_path", "compiled_schema"].filter((key) => capnp[key] !== undefined);
  return { capnp: { ...capnp, ...Object.fromEntries(paths.map((key) => [key, absolute(capnp[key])])) } };
}

/** Of containers that a Durable Object manages; the others' images are absolute as they are read. */
function images(named: unknown, absolute: (path: unknown) => unknown): Values {
  if (!isValues(named)) return {};
  const moved = Object.entries(named).map(([name, image]) => {
    if (!isValues(image) || image["dockerfile"] === undefined) return [name, image];
    const { build_context: context } = image;
    return [
      name,
      {
        ...image,
        dockerfile: absolute(image["dockerfile"]),
        ...(context !== undefined && { build_context: absolute(context) }),
      },
    ];
  });
  return { images: Object.fromEntries(moved) };
}

function saysSomething(key: string, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  // An empty list of these takes away what is deployed.
  if (key === "addresses") return true;
  const text = JSON.stringify(value);
  return text !== "[]" && text !== "{}" && text !== JSON.stringify(DEFAULTS[key]);
}

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly Values[] {
  return Array.isArray(value) ? value.filter(isValues) : [];
}
