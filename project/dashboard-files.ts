import { createRequire } from "node:module";
import { join } from "node:path";
import type { BuildOptions, BuildResult, Metafile } from "esbuild";
import { ROOT } from "./built.ts";

declare const TULLE_PACKAGED: true | undefined;

interface DashboardFiles {
  /** Name below `/ui/` to text. */
  readonly files: Readonly<Record<string, string>>;
  readonly metafile: Metafile;
}

/**
 * Entries have names that stay, which browsers ask for anew; what is loaded on demand has its hash in its name. The layout is a
 * program of its own, for a Web Worker.
 */
const ENTRIES = { main: "ui/main.tsx", layout: "ui/graph/layout-worker.ts", style: "ui/style.css" };

const OPTIONS = {
  absWorkingDir: ROOT,
  entryPoints: ENTRIES,
  outdir: "ui",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2024",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  write: false,
  metafile: true,
  loader: { ".html": "copy", ".svg": "copy" },
  chunkNames: "[name]-[hash]",
  logLevel: "silent",
} as const satisfies BuildOptions;

let made: DashboardFiles | null = null;

/**
 * What control serves below `/ui/`, built from the checkout, once a process.
 *
 * @returns null in the package, whose control Worker holds the files already
 */
export function dashboardFiles(): DashboardFiles | null {
  if (typeof TULLE_PACKAGED !== "undefined") return null;
  if (made !== null) return made;
  // Asked for here alone: the package has no such dependency.
  const { buildSync } = createRequire(import.meta.url)("esbuild") as typeof import("esbuild");
  const options = { ...OPTIONS, entryPoints: { ...ENTRIES, index: "ui/index.html", icon: "ui/icon.svg" } };
  const { outputFiles, metafile }: BuildResult<typeof OPTIONS> = buildSync(options);
  const folder = join(ROOT, "ui/");
  const files = Object.fromEntries(outputFiles.map(({ path, text }) => [path.slice(folder.length), text]));
  made = { files, metafile };
  return made;
}

/** What the bundler of control is told by `define`. */
export function dashboardDefine(): Readonly<Record<string, string>> {
  const built = dashboardFiles();
  return built === null ? {} : { TULLE_DASHBOARD: JSON.stringify(built.files) };
}
