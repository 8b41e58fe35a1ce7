import { dirname, relative, resolve } from "node:path";
import { addedFlags, writeGeneratedConfig } from "../../project/generated-config.ts";
import type { WorkerConfiguration } from "../../project/read-project.ts";
import { type DevEnv, type Failure, failureOf, startBundling, type WorkerOptions } from "./bundling.ts";
import { type Watch, watchBelow, watchBeside } from "./watch.ts";

/** A version of a user's Worker: its code, and its configuration as Miniflare takes it (its older form). */
export interface Built {
  /** Without its code. */
  readonly options: WorkerOptions;
  readonly code: WorkerOptions;
  /** Workers that wrangler wants beside it. */
  readonly beside: readonly WorkerOptions[];
}

export interface Listener {
  readonly onBuilt: (built: Built) => void;
  /** The last good version stays. */
  readonly onFailed: (reason: string) => void;
}

/**
 * A user's Worker as it is saved: its code and configuration, which wrangler watches, and what it does not: `.dev.vars`,
 * `.env` and assets. It is bundled from its generated configuration, as for deployment and for `wrangler dev` elsewhere.
 */
export class UserWorker {
  readonly #folder: string;
  readonly #listener: Listener;
  #source: WorkerConfiguration;
  #devEnv: DevEnv | null = null;
  #code: WorkerOptions | null = null;
  /** By folder: where files may be mended that wrangler watches no more. */
  readonly #mending = new Map<string, Watch>();
  /** One bundling after the other. */
  #bundlings = Promise.resolve();
  #vars: Watch | null = null;
  #assets: { readonly folders: string; readonly watches: readonly Watch[] } | null = null;
  #stopped = false;

  /** @param folder for generated configurations */
  constructor(source: WorkerConfiguration, folder: string, listener: Listener) {
    this.#source = source;
    this.#folder = folder;
    this.#listener = listener;
  }

  /** @returns when the first bundle was made, or could not be */
  async start(): Promise<void> {
    this.#vars = watchBeside(
      dirname(this.#source.path),
      () => void this.#tell(),
      (file) => /^\.(dev\.vars|env)(\..+)?$/.test(file),
    );
    await this.#bundle();
  }

  /** Its configuration, or what the mesh file says of it, has changed: wrangler sees by itself that the generated one is another. */
  become(source: WorkerConfiguration): void {
    this.#source = source;
    try {
      writeGeneratedConfig(source, this.#generate());
    } catch (error) {
      this.#listener.onFailed(messageOf(error));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const watch of [...this.#mending.values(), this.#vars, ...(this.#assets?.watches ?? [])]) watch?.close();
    await this.#devEnv?.teardown();
  }

  #generate() {
    return { folder: this.#folder, keepsPublicRoutes: false };
  }

  async #bundle(): Promise<void> {
    const onBundle = (code: WorkerOptions): void => {
      this.#code = code;
      for (const watch of this.#mending.values()) watch.close();
      this.#mending.clear();
      void this.#tell();
    };
    const onFailed = (failure: Failure): void => {
      this.#listener.onFailed(failure.reason);
      if (!failure.isWatched) this.#watchUntilMended(failure.folders);
    };
    try {
      const config = writeGeneratedConfig(this.#source, this.#generate());
      this.#devEnv = await startBundling(config, this.#source.config.tsconfig, onBundle, onFailed);
      if (this.#stopped) await this.#devEnv.teardown();
    } catch (error) {
      onFailed(failureOf(error, this.#folder, false));
    }
  }

  /** wrangler lets go of what it could not bundle at first, or after a save of the configuration: bundling begins anew after each save. */
  #watchUntilMended(folders: readonly string[]): void {
    if (this.#stopped) return;
    const own = dirname(this.#source.path);
    const again = (): void => {
      this.#bundlings = this.#bundlings
        .then(async () => this.#bundleAgain())
        .catch((error: unknown) => this.#listener.onFailed(messageOf(error)));
    };
    const others = folders.filter((folder) => !isWithin(folder, own) && !isWithin(folder, this.#folder));
    for (const folder of [own, ...others])
      if (!this.#mending.has(folder))
        this.#mending.set(folder, folder === own ? watchBelow(own, again) : watchBeside(folder, again, () => true));
  }

  /** Unless it was mended meanwhile. */
  async #bundleAgain(): Promise<void> {
    if (this.#mending.size === 0 || this.#stopped) return;
    const before = this.#devEnv;
    this.#devEnv = null;
    await before?.teardown().catch(() => undefined);
    await this.#bundle();
  }

  async #tell(): Promise<void> {
    const code = this.#code;
    if (code === null || this.#stopped) return;
    const { onBuilt, onFailed } = this.#listener;
    try {
      const { options, beside } = await optionsOf(this.#source);
      this.#watchAssets(options);
      onBuilt({ options, beside, code });
    } catch (error) {
      onFailed(messageOf(error));
    }
  }

  #watchAssets(options: WorkerOptions): void {
    const { directory } = (options["assets"] ?? {}) as { readonly directory?: string };
    const folders = [directory, options["sitePath"]]
      .filter((path) => typeof path === "string")
      .map((path) => resolve(path));
    if (this.#assets?.folders === folders.join("\n")) return;
    for (const watch of this.#assets?.watches ?? []) watch.close();
    const watches = folders.map((path) => watchBelow(path, () => void this.#tell()));
    this.#assets = { folders: folders.join("\n"), watches };
  }
}

/** From the user's own configuration, beside which its variables stand. */
async function optionsOf(source: WorkerConfiguration) {
  const {
    path,
    config: { targetEnvironment: environment },
  } = source;
  const { unstable_getMiniflareWorkerOptions: options, unstable_readConfig: read } = await import("wrangler");
  const config = read({ config: path, ...(environment !== undefined && { env: environment }) }, { hideWarnings: true });
  const { workerOptions, externalWorkers } = options(config, environment);
  const own = workerOptions as WorkerOptions;
  const flags = [...((own["compatibilityFlags"] ?? []) as readonly string[]), ...addedFlags(source)];
  return { options: { ...own, compatibilityFlags: flags }, beside: externalWorkers as readonly WorkerOptions[] };
}

function isWithin(path: string, folder: string): boolean {
  return !relative(folder, path).startsWith("..");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
