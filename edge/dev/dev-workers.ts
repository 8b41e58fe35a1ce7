import { join } from "node:path";
import type { Project, WorkerConfiguration } from "../../project/read-project.ts";
import type { DataProcess } from "../data-process.ts";
import type { Layout } from "../layout.ts";
import { recordPids, runtimePids } from "../runtime.ts";
import { Crons } from "./crons.ts";
import { debugPortOf } from "./gateways.ts";
import { LiveWorker } from "./live-worker.ts";
import { PlaceTable } from "./place-table.ts";
import { Slots } from "./slots.ts";
import { UserWorker } from "./user-worker.ts";

/** By it their processes are remembered. */
export const WORKERS_ROLE = "workers";

/** Runtimes that start at one time: each takes a core while it does. */
const STARTS = 2;
const LOOK_MS = 1_000;
/** On an account it has a second; here it may share a core with many. */
const START_MS = 30_000;

export interface DevWorkersOptions {
  readonly layout: Layout;
  readonly data: DataProcess;
  readonly placesSecret: string;
  /** Processes of the mesh's own. */
  readonly known: readonly number[];
  /** Gets what Workers print. */
  readonly onLine: (worker: string, line: { readonly level: string; readonly message: string }) => void;
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
  readonly #places: PlaceTable;
  readonly #workers = new Map<string, DevWorker>();
  readonly #slots = new Slots(STARTS);
  readonly #timer: NodeJS.Timeout;
  readonly #crons = new Crons((worker, cron) => void this.#scheduled(worker, cron));

  constructor(options: DevWorkersOptions) {
    this.#options = options;
    const { data, placesSecret, progress, layout } = options;
    this.#places = new PlaceTable({ data, placesSecret, progress, registry: layout.registry });
    this.#crons.start();
    this.#timer = setInterval(() => {
      // What is being written now is read the next time.
      for (const { live } of this.#workers.values()) live.look().catch(() => undefined);
    }, LOOK_MS);
  }

  /** Starts, changes and ends Workers until they are the project's. @returns when each that is new answers, or was refused */
  async become({ topology, configs }: Project): Promise<void> {
    const gone = [...this.#workers].filter(([name]) => !configs.has(name));
    for (const [name] of gone) {
      this.#workers.delete(name);
      this.#crons.set(name, []);
    }
    await this.#places.setGateways(topology.gateways);
    for (const [, { user, live }] of gone) {
      await user.stop();
      await live.stop();
    }
    await Promise.all([...configs.values()].map(async (source) => this.#take(source)));
  }

  async stop(): Promise<void> {
    this.#crons.stop();
    clearInterval(this.#timer);
    this.#places.stop();
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
        registry: layout.workersRegistry,
        storage: join(layout.storage, "v3"),
        startMs: START_MS,
        gatewaysAt: debugPortOf(layout.registry, data.gateways[0]?.name ?? ""),
        onLine,
      },
      slot: async (start) => this.#slots.run(start),
      onRuntimes: () => this.#record(),
      moved: async (name, running) => this.#places.move(name, running),
      hold: async (name) => this.#places.hold(name),
      progress,
      complain,
    });
    const settled = Promise.withResolvers<void>();
    const user = new UserWorker(source, layout.generated, {
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

  /** So that the next start finds what a crash of this one leaves behind. */
  #record(): void {
    const { layout, known } = this.#options;
    const pids = runtimePids(process.pid).filter((pid) => !known.includes(pid));
    recordPids(layout.state, WORKERS_ROLE, pids);
  }

  async #scheduled(worker: string, cron: string): Promise<void> {
    try {
      await this.#workers.get(worker)?.live.scheduled(cron);
    } catch (error) {
      this.#options.complain(`${worker}: its cron trigger \`${cron}\` failed: ${String(error)}`);
    }
  }
}
