import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type BuildOptions } from "esbuild";
import { type OwnWorker, ROOT, WORKERS } from "./built.ts";
import { dashboardDefine } from "./dashboard-files.ts";

/** As wrangler bundles for a deployment; names stay readable. */
export const FOR_WORKERD = {
  absWorkingDir: ROOT,
  bundle: true,
  format: "esm",
  target: "es2024",
  conditions: ["workerd", "worker", "browser"],
  external: ["cloudflare:*", "node:*"],
  logLevel: "silent",
} as const satisfies BuildOptions;

/**
 * @param entry a file of the checkout
 * @param minify as deployments of the gateway do
 * @returns it as one ES module
 */
export async function bundleWorker(entry: string, minify = false): Promise<string> {
  const define = entry === WORKERS.control ? dashboardDefine() : {};
  const { outputFiles } = await build({ ...FOR_WORKERD, entryPoints: [entry], write: false, minify, define });
  const [file] = outputFiles;
  if (!file) throw new Error(`no output for ${entry}`);
  return file.text;
}

/**
 * A Worker of the mesh's own as one ES module. What starts many meshes while no file changes, as a run of the tests does, keeps
 * what it has bundled in a folder: it is half of what a start takes.
 */
export async function bundleOwn(name: OwnWorker): Promise<string> {
  const folder = process.env["TULLE_BUNDLES"]; // only tests set it
  if (folder === undefined) return bundleWorker(WORKERS[name]);
  const file = join(folder, `${name}.js`);
  if (existsSync(file)) return readFileSync(file, "utf8");
  const text = await bundleWorker(WORKERS[name]);
  // Whoever looks for it meanwhile finds all of it, or nothing.
  const half = join(folder, randomUUID());
  writeFileSync(half, text);
  renameSync(half, file);
  return text;
}
