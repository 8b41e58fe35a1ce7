import { build, type BuildOptions } from "esbuild";
import { ROOT, WORKERS } from "./built.ts";
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
