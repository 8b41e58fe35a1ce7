import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Defined by the build of the package, which also leaves out what is only for the checkout; there nobody defines it. */
declare const TULLE_PACKAGED: true | undefined;

/** The folder of the checkout or of the installed package: wrangler configurations and migrations stand in both alike. */
export const ROOT = join(import.meta.dirname, "..");

export const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly version: string;
};

/** Workers of the mesh's own that are run from here: the package has each of them bundled. */
export const WORKERS = {
  control: "workers/control/index.ts",
  gateway: "workers/gateway/index.ts",
  "dev-gateway": "workers/dev/gateway.ts",
  "dev-way": "workers/dev/way.ts",
  state: "workers/state/index.ts",
  origins: "edge/origins-worker.ts",
} as const;

/** What Node runs, or loads by its path: in the package `dist/NAME.js`, all in one folder, from which `ROOT` is found. */
export const PROGRAMS = {
  cli: "cli/tulle/main.ts",
  start: "edge/start.ts",
  "debug-port-plugin": "edge/dev/debug-port-plugin.ts",
} as const;

/** What a user's Worker imports as `tulle/NAME`: `dist/NAME.js`, too. */
export const LIBRARY = {
  sidecar: "workers/sidecar/index.ts",
  errors: "src/mesh-error.ts",
} as const;

const FILES = { ...PROGRAMS, ...LIBRARY };

/** @returns the path of one of them */
export function fileOf(name: keyof typeof FILES): string {
  return join(ROOT, typeof TULLE_PACKAGED === "undefined" ? FILES[name] : `dist/${name}.js`);
}

export type OwnWorker = keyof typeof WORKERS;

/** @returns the path of its module, for wrangler to deploy */
export function workerFile(name: OwnWorker): string {
  return join(ROOT, typeof TULLE_PACKAGED === "undefined" ? WORKERS[name] : `dist/workers/${name}.js`);
}

/** @returns the code as one ES module: in the checkout bundled from what stands there now, with its names */
export async function workerCode(name: OwnWorker): Promise<string> {
  if (typeof TULLE_PACKAGED === "undefined") {
    const { bundleOwn } = await import("./bundle.ts");
    return bundleOwn(name);
  }
  return readFileSync(join(ROOT, "dist/workers", `${name}.js`), "utf8");
}

/**
 * @param entry a file of the checkout
 * @throws in the package, which has no such files
 */
export async function sourceCode(entry: string): Promise<string> {
  if (typeof TULLE_PACKAGED === "undefined") {
    const { bundleWorker } = await import("./bundle.ts");
    return bundleWorker(entry);
  }
  throw new Error(`${entry} is in Tulle's checkout only, not in its package`);
}
