import { join } from "node:path";
import type { WorkerConfiguration } from "../../project/read-project.ts";
import type { MeshGateway } from "../../src/deployment/topology.ts";
import type { DataProcess } from "../data-process.ts";
import type { Layout } from "../layout.ts";
import { debugPortOf } from "./gateways.ts";
import { LiveWorker } from "./live-worker.ts";
import { placesOf, pushPlaces, type Running } from "./places.ts";
import { Slots } from "./slots.ts";
import { watchWorker } from "./user-worker.ts";

/** Runtimes that start at one time: each takes a core while it does. */
const STARTS = 2;

export interface DevWorkersOptions {
  readonly layout: Layout;
  readonly data: DataProcess;
  readonly gateways: readonly MeshGateway[];
  readonly placesSecret: string;
  /** Of Workers whose version names none. */
  readonly environment: string | null;
  readonly onLine: (line: { readonly level: string; readonly message: string }) => void;
  /** Is told each step. */
  readonly progress: (step: string) => void;
  /** Is told what people have to mend. */
  readonly complain: (problem: string) => void;
}

/** The Workers of a project, each in a runtime of its own, and where the gateways find them. */
export class DevWorkers {
  readonly #options: DevWorkersOptions;
  readonly #running = new Map<string, Running>();
  readonly #live = new Map<string, LiveWorker>();
  readonly #watches: { stop(): Promise<void> }[] = [];
  readonly #slots = new Slots(STARTS);
  /** Tables arrive in the order in which they were made. */
  #pushed = Promise.resolve();

  constructor(options: DevWorkersOptions) {
    this.#options = options;
  }

  /** @returns when it answers, or was refused */
  async start({ worker, path }: WorkerConfiguration): Promise<void> {
    const { progress, complain, layout, onLine, data, environment } = this.#options;
    const live = new LiveWorker(worker, {
      ground: {
        registry: join(layout.state, "workers"),
        storage: join(layout.state, "storage"),
        gatewaysAt: debugPortOf(layout.registry, data.gateways[0]?.name ?? ""),
        onLine: (_, line) => onLine(line),
      },
      slot: async (start) => this.#slots.run(start),
      moved: async (name, running) => this.#moved(name, running),
      progress,
      complain,
    });
    this.#live.set(worker.name, live);
    await new Promise<void>((settled, failed) => {
      watchWorker({
        config: path,
        environment: worker.environment ?? environment ?? undefined,
        onBuilt: (built) => void live.take(built).then(settled),
        onFailed: (reason) => {
          live.refuse("cannot be built", reason);
          settled();
        },
      }).then((watch) => this.#watches.push(watch), failed);
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#watches.map(async (watch) => watch.stop()));
    await Promise.all([...this.#live.values()].map(async (live) => live.stop()));
  }

  async #moved(name: string, running: Running): Promise<void> {
    const before = this.#running.get(name);
    this.#running.set(name, running);
    const push = this.#pushed.then(async () => this.#push());
    this.#pushed = push.catch(() => undefined);
    await push.catch((error: unknown) => {
      if (before !== undefined) this.#running.set(name, before);
      throw error;
    });
  }

  async #push(): Promise<void> {
    const { gateways, data, placesSecret } = this.#options;
    await Promise.all(
      gateways.map(async (gateway) => {
        const port = data.gateways.find(({ name }) => name === gateway.name)?.placesPort;
        if (port !== undefined && port !== null) await pushPlaces(port, placesSecret, placesOf(gateway, this.#running));
      }),
    );
  }
}
