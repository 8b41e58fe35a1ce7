import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { build, type BuildOptions, type Metafile } from "esbuild";
import { LIBRARY, PROGRAMS, ROOT, WORKERS } from "../../project/built.ts";
import { dashboardDefine, dashboardFiles } from "../../project/dashboard-files.ts";
import { FOR_WORKERD } from "../../project/bundle.ts";
import { workerConfigs } from "../../src/deployment/worker-config.ts";

/** What the built code has of npm. */
interface Built {
  /** Packages that it imports, by name. */
  readonly imported: readonly string[];
  /** Packages that are bundled into it, as paths in the checkout: `node_modules/zod`. */
  readonly included: readonly string[];
}

/** @param dist the folder to write to */
export async function buildInto(dist: string): Promise<Built> {
  const configs = workerConfigs((path) => readFileSync(join(ROOT, path), "utf8"));
  const minified = new Set(Object.entries(configs).flatMap(([name, { minify }]) => (minify ? [name] : [])));
  const into = async (folder: string, files: Readonly<Record<string, string>>, options: BuildOptions) => {
    const { metafile } = await build({ ...options, entryPoints: { ...files }, outdir: folder, metafile: true });
    return metafile;
  };
  const built = [
    await into(dist, PROGRAMS, FOR_NODE),
    await into(dist, LIBRARY, FOR_WORKERD),
    ...(await Promise.all(
      Object.entries(WORKERS).map(async ([name, entry]) =>
        into(
          join(dist, "workers"),
          { [name]: entry },
          {
            ...FOR_WORKERD,
            ...(name === "control" && { define: dashboardDefine() }),
            ...(minified.has(name.replace(/^dev-/, "")) ? SMALL : WITH_NAMES),
          },
        ),
      ),
    )),
  ];
  const dashboard = dashboardFiles();
  if (dashboard === null) throw new Error("the package is built from a checkout");
  return {
    imported: [...new Set(built.flatMap(importedBy))].toSorted(),
    included: [...new Set([...built, dashboard.metafile].flatMap(includedIn))].toSorted(),
  };
}

const FOR_NODE = {
  absWorkingDir: ROOT,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22.12",
  packages: "external",
  minifySyntax: true,
  define: { TULLE_PACKAGED: "true" },
  chunkNames: "chunk-[hash]",
  logLevel: "warning",
} as const satisfies BuildOptions;

/** As wrangler's `minify`. What `tulle dev` runs in a Worker's place is made like it: people try the code that they deploy. */
const SMALL = { minify: true };
/** Where it matters less, stacks stay readable. */
const WITH_NAMES = { minifyWhitespace: true, minifySyntax: true };

function importedBy({ outputs }: Metafile): readonly string[] {
  return Object.values(outputs)
    .flatMap(({ imports }) => imports)
    .filter(({ path, external }) => external === true && !isBuiltin(path) && !path.startsWith("cloudflare:"))
    .map(({ path }) =>
      path
        .split("/")
        .slice(0, path.startsWith("@") ? 2 : 1)
        .join("/"),
    );
}

function includedIn({ outputs }: Metafile): readonly string[] {
  return Object.values(outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
}
