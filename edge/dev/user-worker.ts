import { dirname, join } from "node:path";
import type { unstable_DevEnv } from "wrangler";
import { type Watch, watchBelow } from "./watch.ts";

/** What wrangler made of a Worker: its code, and its configuration as Miniflare takes it (its older form). */
export interface Built {
  readonly name: string;
  /** Without its code. */
  readonly options: WorkerOptions;
  readonly code: WorkerOptions;
  /** Workers that wrangler wants beside it. */
  readonly beside: readonly WorkerOptions[];
  readonly crons: readonly string[];
}

/** Miniflare's own types for this are as wide as all of its plugins together: what is read here is checked where it is read. */
export type WorkerOptions = Readonly<Record<string, unknown>>;

export interface Watching {
  readonly config: string;
  readonly environment: string | undefined;
  readonly onBuilt: (built: Built) => void;
  /** The last good build stays. */
  readonly onFailed: (reason: string) => void;
}

type DevEnv = InstanceType<typeof unstable_DevEnv>;
type DevEnvParts = NonNullable<ConstructorParameters<typeof unstable_DevEnv>[0]>;
type Runtime = ReturnType<NonNullable<DevEnvParts["runtimeFactories"]>[number]>;
type BundleComplete = Parameters<Runtime["onBundleComplete"]>[0];
type Bundle = BundleComplete["bundle"];

/**
 * Bundled by wrangler, at first and after each save of its code or its configuration. What cannot be bundled at first is
 * tried again after each save below its configuration's folder.
 */
export async function watchWorker(watching: Watching): Promise<{ stop(): Promise<void> }> {
  let devEnv: DevEnv | null = null;
  let again: Watch | null = null;
  let stopped = false;
  const attempt = async (): Promise<void> => {
    try {
      devEnv = await startBundling(watching);
      if (stopped) await devEnv.teardown();
    } catch (error) {
      watching.onFailed(reasonOf(error));
      if (stopped) return;
      again = watchBelow(dirname(watching.config), () => {
        again?.close();
        void attempt();
      });
    }
  };
  await attempt();
  return {
    async stop() {
      stopped = true;
      again?.close();
      await devEnv?.teardown();
    },
  };
}

/** @throws where there is nothing to bundle yet */
async function startBundling(watching: Watching): Promise<DevEnv> {
  // It would tell all that it does, and each failure in its own way, between the lines of the mesh.
  process.env["WRANGLER_LOG"] ??= "none";
  const { unstable_DevEnv: DevEnv } = await import("wrangler");
  const { config, environment } = watching;
  const devEnv: DevEnv = new DevEnv({
    runtimeFactories: [() => runtime((event) => void told(event, watching))],
    proxyFactory: () => noProxy(),
  });
  devEnv.on("buildFailed", ({ cause }: { readonly cause?: unknown }) => watching.onFailed(reasonOf(cause)));
  devEnv.on("error", ({ cause }: { readonly cause?: unknown }) => watching.onFailed(reasonOf(cause)));
  await devEnv.startWorker({
    config,
    ...(environment !== undefined && { env: environment }),
    // wrangler runs `build.command` in the folder of this process.
    build: { custom: { workingDirectory: dirname(config) } },
    dev: { remote: false, watch: true, logLevel: "none", server: { port: 0 }, inspector: false },
  });
  return devEnv;
}

async function told(
  { config: { name }, bundle }: BundleComplete,
  { config, environment, onBuilt, onFailed }: Watching,
) {
  const { unstable_getMiniflareWorkerOptions: optionsOf, unstable_readConfig: readConfig } = await import("wrangler");
  try {
    const read = readConfig({ config, ...(environment !== undefined && { env: environment }) }, { hideWarnings: true });
    const { workerOptions, externalWorkers } = optionsOf(read, environment);
    onBuilt({
      name,
      options: workerOptions,
      code: codeOf(bundle),
      beside: externalWorkers,
      crons: read.triggers.crons ?? [],
    });
  } catch (error) {
    onFailed(error instanceof Error ? error.message : String(error));
  }
}

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

/** @returns each error with its file and line, where it has one */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errors } = error as { errors?: readonly BuildError[] };
  if (errors === undefined && error.cause instanceof Error) return reasonOf(error.cause);
  if (errors === undefined || errors.length === 0) return error.message;
  return errors
    .map(({ text, location }) =>
      location ? `${location.file}:${location.line}:${location.column + 1}: ${text}` : text,
    )
    .join("\n");
}
