import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";

/** A part of a wrangler configuration. */
export type Values = Readonly<Record<string, unknown>>;

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
export function withPaths(config: Values, { folder, output }: Folders): Values {
  const absolute = (path: unknown) => (typeof path === "string" ? resolve(folder, path) : path);
  const fromOutput = (path: unknown) => (typeof path === "string" ? relative(output, resolve(path)) : path);
  const mapped = (field: string, change: (value: Values) => Values) =>
    isValues(config[field]) ? { [field]: change(config[field]) } : {};
  const files = (names: Values) =>
    Object.fromEntries(Object.entries(names).map(([name, path]) => [name, fromOutput(path)]));
  return {
    // wrangler looks for it from the working directory and from the configuration's folder in one: it is told beside the configuration.
    tsconfig: undefined,
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

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @returns none where it is no list */
export function listOf(value: unknown): readonly Values[] {
  return Array.isArray(value) ? value.filter(isValues) : [];
}
