import { join } from "node:path";
import type { Project, WorkerConfiguration } from "../../project/read-project.ts";
import type { MeshGateway } from "../../src/deployment/topology.ts";
import type { DataProcess } from "../data-process.ts";
import type { Layout } from "../layout.ts";
import { Crons } from "./crons.ts";
import { debugPortOf } from "./gateways.ts";
import { LiveWorker } from "./live-worker.ts";
import { placesOf, pushPlaces, type Running } from "./places.ts";
import { Slots } from "./slots.ts";
import { UserWorker } from "./user-worker.ts";

/** Runtimes that start at one time: each takes a core while it does. */
const STARTS = 2;

export interface DevWorkersOptions {
  readonly layout: Layout;
  readonly data: DataProcess;
  readonly placesSecret: string;
  readonly onLine: (line: { readonly level: string; readonly message: string }) => void;
  /** Is told each step. */
  readonly progress: (step: string) => void;
  /** Is told what people have to mend. */
  readonly complain: (problem: string) => void;
}

/** One of them, as it is saved and as it runs. */
interface DevWorker {
  source: WorkerConfiguration;
  readonly user: UserWorker;
  readonly live: LiveWorker;
}

/** The Workers of a project, each in a runtime of its own, and where the gateways find them. */
export class DevWorkers {
  readonly #options: DevWorkersOptions;
  readonly #running = new Map<string, Running>();
  readonly #workers = new Map<string, DevWorker>();
  readonly #slots = new Slots(STARTS);
  readonly #crons = new Crons((worker, cron) => void this.#scheduled(worker, cron));
  #gateways: readonly MeshGateway[] = [];
  /** Tables arrive in the order in which they were made. */
  #pushed = Promise.resolve();

  constructor(options: DevWorkersOptions) {
    this.#options = options;
    this.#crons.start();
  }

  /** Starts, changes and ends Workers until they are the project's. @returns when each that is new answers, or was refused */
  async become({ topology, configs }: Project): Promise<void> {
    this.#gateways = topology.gateways;
    const gone = [...this.#workers].filter(([name]) => !configs.has(name));
    for (const [name] of gone) {
      this.#workers.delete(name);
      this.#running.delete(name);
      this.#crons.set(name, []);
    }
    await this.#push();
    for (const [, { user, live }] of gone) {
      await user.stop();
      await live.stop();
    }
    await Promise.all([...configs.values()].map(async (source) => this.#take(source)));
  }

  async stop(): Promise<void> {
    this.#crons.stop();
    await Promise.all(
      [...this.#workers.values()].map(async ({ user, live }) => {
        await user.stop();
        await live.stop();
      }),
    );
  }

  async #take(source: WorkerConfiguration): Promise<void> {
    const { name } = source.worker;
    const known = this.#workers.get(name);
    if (known !== undefined && JSON.stringify(known.source) === JSON.stringify(source)) return;
    for (const cron of this.#crons.set(name, source.config.triggers.crons ?? []))
      this.#options.complain(`${name}: \`${cron}\` is no cron trigger, and does not fire`);
    if (known === undefined) return this.#start(source);
    known.source = source;
    known.live.become(source.worker);
    known.user.become(source);
  }

  /** @returns when it answers, or was refused */
  async #start(source: WorkerConfiguration): Promise<void> {
    const { progress, complain, layout, onLine, data } = this.#options;
    const live = new LiveWorker(source.worker, {
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
    const settled = Promise.withResolvers<void>();
    const user = new UserWorker(source, join(layout.state, "dev"), {
      onBuilt: (built) => void live.take(built).then(settled.resolve),
      onFailed: (reason) => {
        live.refuse("cannot be built", reason);
        settled.resolve();
      },
    });
    this.#workers.set(source.worker.name, { source, user, live });
    await user.start();
    await settled.promise;
  }

  async #scheduled(worker: string, cron: string): Promise<void> {
    try {
      await this.#workers.get(worker)?.live.scheduled(cron);
    } catch (error) {
      this.#options.complain(`${worker}: its cron trigger \`${cron}\` failed: ${String(error)}`);
    }
  }

  async #moved(name: string, running: Running): Promise<void> {
    const before = this.#running.get(name);
    this.#running.set(name, running);
    await this.#push().catch((error: unknown) => {
      if (before === undefined) this.#running.delete(name);
      else this.#running.set(name, before);
      throw error;
    });
  }

  async #push(): Promise<void> {
    const push = this.#pushed.then(async () => this.#pushNow());
    this.#pushed = push.catch(() => undefined);
    return push;
  }

  async #pushNow(): Promise<void> {
    const { data, placesSecret } = this.#options;
    await Promise.all(
      this.#gateways.map(async (gateway) => {
        const port = data.gateways.find(({ name }) => name === gateway.name)?.placesPort;
        if (port !== undefined && port !== null)
          await pushPlaces(port, placesSecret, gateway, placesOf(gateway, this.#running));
      }),
    );
  }
}
