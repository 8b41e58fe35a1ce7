import { dirname, join, relative, resolve } from "node:path";
import type { unstable_DevEnv } from "wrangler";

/** Miniflare's own types for this are as wide as all of its plugins together: what is read of it is checked where it is read. */
export type WorkerOptions = Readonly<Record<string, unknown>>;

export type DevEnv = InstanceType<typeof unstable_DevEnv>;
type DevEnvParts = NonNullable<ConstructorParameters<typeof unstable_DevEnv>[0]>;
type Runtime = ReturnType<NonNullable<DevEnvParts["runtimeFactories"]>[number]>;
type BundleComplete = Parameters<Runtime["onBundleComplete"]>[0];
type Bundle = BundleComplete["bundle"];

/** Why there is no bundle of what was saved. */
export interface Failure {
  /** For people: each error with its file and line, where it has one. */
  readonly reason: string;
  /** Where these files lie, absolute. */
  readonly folders: readonly string[];
  /** wrangler sees when they are mended. */
  readonly isWatched: boolean;
}

/**
 * wrangler bundles a Worker and watches its code and its configuration, and runs nothing.
 *
 * @param config path of its configuration
 * @param tsconfig absolute: none is in its configuration
 * @param onBundle gets its code as Miniflare takes it, at first and after each save
 * @param onFailed is told where there is none: the last good one stays
 * @throws where there is nothing to bundle yet
 */
export async function startBundling(
  config: string,
  tsconfig: string | undefined,
  onBundle: (code: WorkerOptions) => void,
  onFailed: (failure: Failure) => void,
): Promise<DevEnv> {
  // It would tell all that it does, and each failure in its own way, between the lines of the mesh.
  process.env["WRANGLER_LOG"] ??= "none";
  const { unstable_DevEnv: DevEnv } = await import("wrangler");
  const devEnv: DevEnv = new DevEnv({
    runtimeFactories: [() => runtime(({ bundle }) => onBundle(codeOf(bundle)))],
    proxyFactory: () => noProxy(),
  });
  const failed = ({ cause, reason }: { readonly cause?: unknown; readonly reason?: string }): void =>
    onFailed(failureOf(cause, dirname(config), reason === undefined || !GIVEN_UP.has(reason)));
  devEnv.on("buildFailed", failed);
  devEnv.on("error", failed);
  await devEnv.startWorker({
    config,
    ...(tsconfig !== undefined && { build: { tsconfig } }),
    dev: { remote: false, watch: true, logLevel: "none", server: { port: 0 }, inspector: false },
  });
  return devEnv;
}

/** Failures after which wrangler watches a Worker's code no more: it waits for another configuration. */
const GIVEN_UP = new Set(["Failed to construct initial bundle", "Failed to restart bundler after exports changed"]);

const MODULE_TYPES: Readonly<Record<string, string>> = {
  esm: "ESModule",
  commonjs: "CommonJS",
  "compiled-wasm": "CompiledWasm",
  buffer: "Data",
  text: "Text",
  python: "PythonModule",
  "python-requirement": "PythonRequirement",
};

/** A bundle of wrangler's, as Miniflare takes it. */
function codeOf({ type, path, entrypointSource, modules }: Bundle): WorkerOptions {
  if (type !== "esm") return { script: entrypointSource };
  const folder = dirname(path);
  return {
    modulesRoot: folder,
    modules: [
      { type: "ESModule", path, contents: entrypointSource },
      ...modules.map((module) => ({
        type: MODULE_TYPES[module.type ?? "esm"] ?? "ESModule",
        path: join(folder, module.name),
        contents: module.content,
      })),
    ],
  };
}

/** What wrangler takes for the runtime: it is told of each bundle, and runs nothing. */
function runtime(onBundleComplete: (event: BundleComplete) => void): Runtime {
  const own: Pick<Runtime, "onBundleStart" | "onBundleComplete" | "onPreviewTokenExpired" | "teardown" | "mf"> = {
    mf: undefined,
    onBundleStart: () => undefined,
    onBundleComplete,
    onPreviewTokenExpired: () => undefined,
    teardown: async () => undefined,
  };
  return own as Runtime;
}

type Proxy = ReturnType<NonNullable<DevEnvParts["proxyFactory"]>>;

/** wrangler's own starts a runtime of its own, with a port. */
function noProxy(): Proxy {
  const never = Promise.withResolvers<never>();
  never.promise.catch(() => undefined);
  const own = {
    ready: never,
    localServerReady: { promise: Promise.resolve(), resolve: () => undefined, reject: () => undefined },
    onConfigUpdate: () => undefined,
    onBundleStart: () => undefined,
    onReloadStart: () => undefined,
    onReloadComplete: () => undefined,
    teardown: async () => undefined,
  };
  return own as unknown as Proxy;
}

/** What esbuild says of a place in the code. */
interface BuildError {
  readonly text: string;
  readonly location?: { readonly file: string; readonly line: number; readonly column: number } | null;
}

/** @param folder what places are relative to, as the bundler tells them */
export function failureOf(error: unknown, folder: string, isWatched: boolean): Failure {
  const errors = errorsOf(error).map(({ text, location }) => ({
    text,
    file: location ? resolve(folder, location.file) : null,
    place: location ? `:${location.line}:${location.column + 1}: ` : "",
  }));
  const told = errors.map(
    ({ text, file, place }) => `${file === null ? "" : relative(process.cwd(), file)}${place}${text}`,
  );
  return {
    reason: told.length > 0 ? told.join("\n") : messageOf(error),
    folders: [...new Set(errors.flatMap(({ file }) => (file === null ? [] : [dirname(file)])))],
    isWatched,
  };
}

function errorsOf(error: unknown): readonly BuildError[] {
  if (!(error instanceof Error)) return [];
  const { errors } = error as { errors?: readonly BuildError[] };
  return errors ?? errorsOf(error.cause);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errors } = error as { errors?: readonly BuildError[] };
  return errors === undefined && error.cause instanceof Error ? messageOf(error.cause) : error.message;
}
