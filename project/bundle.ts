import { build } from "esbuild";
import { ROOT } from "./built.ts";

/**
 * @param entry a file of the checkout
 * @param minify as deployments of the gateway do; names stay readable otherwise
 * @returns it as one ES module, bundled as for deployment
 */
export async function bundleWorker(entry: string, minify = false): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    minify,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "silent",
  });
  const [file] = outputFiles;
  if (!file) throw new Error(`no output for ${entry}`);
  return file.text;
}
