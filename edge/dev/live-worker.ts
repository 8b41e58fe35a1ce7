import type { MeshWorker } from "../../src/deployment/topology.ts";
import { type Ground, type Instance, startInstance } from "./instance.ts";
import type { Running } from "./places.ts";
import type { Built } from "./user-worker.ts";
import { whileBusy } from "./while-busy.ts";

/** What a Worker's swaps need of the mesh around it. */
export interface Around {
  readonly ground: Ground;
  /** Bounds how many runtimes start at one time. */
  readonly slot: <T>(start: () => Promise<T>) => Promise<T>;
  /** Settles once every gateway calls this version, and no other one. */
  readonly moved: (worker: string, running: Running) => Promise<void>;
  /** Keeps calls of this Worker waiting until it is moved. Settles when those have ended that are under way, or take too long. */
  readonly hold: (worker: string) => Promise<void>;
  /** Is told whenever one of its runtimes came or went. */
  readonly onRuntimes: () => void;
  readonly progress: (step: string) => void;
  readonly complain: (problem: string) => void;
}

/** Calls that began before a swap get so long to end. */
const DRAIN_MS = 5_000;

/** Options of Workers whose values are kept in files. */
const KEPT_IN_FILES = ["durableObjects", "d1Databases", "kvNamespaces", "r2Buckets", "workflows"];

/** The version that answers. */
interface Current {
  readonly instance: Instance;
  running: Running;
  readonly keepsFiles: boolean;
}

/**
 * A user's Worker as it changes. Each new version starts beside the one that answers, takes its place when it is ready, and
 * only then the old one ends: nobody's call finds neither. A version that does not start changes nothing.
 *
 * Where both would write the same files (two processes that do find them locked), the old one ends before the new one is
 * called: calls wait for so long.
 */
export class LiveWorker {
  #worker: MeshWorker;
  readonly #around: Around;
  #current: Current | null = null;
  readonly #draining = new Set<{ readonly instance: Instance; readonly timer: NodeJS.Timeout }>();
  /** The newest version that still waits: one between it and the one that starts now is never run. */
  #next: Built | null = null;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(worker: MeshWorker, around: Around) {
    this.#worker = worker;
    this.#around = around;
  }

  /** Tells why there is no new version. */
  refuse(what: string, reason: string): void {
    const kept = this.#current === null ? "nobody answers in its name" : "the version before it goes on answering";
    this.#around.complain(`${this.#worker.name} ${what}; ${kept}:\n${reason.replaceAll(/^/gm, "  ")}`);
  }

  /** From its next version on, it binds others as this says. */
  become(worker: MeshWorker): void {
    this.#worker = worker;
  }

  /** @returns when this version, or a later one, answers or was refused */
  async take(built: Built): Promise<void> {
    this.#next = built;
    this.#running ??= this.#swaps().finally(() => (this.#running = null));
    return this.#running;
  }

  /** A runtime that ended by itself, and was started again, is found at another place. */
  async look(): Promise<void> {
    const current = this.#current;
    if (current === null || this.#running !== null || this.#stopped) return;
    const address = current.instance.address();
    const { address: before } = current.running;
    if (address === before) return;
    const running = { ...current.running, address };
    await this.#around.moved(this.#worker.name, running);
    current.running = running;
    current.instance.takeName();
    if (before !== "") this.#around.complain(`${this.#worker.name} ended by itself, and was started again`);
  }

  async scheduled(cron: string): Promise<void> {
    await this.#current?.instance.scheduled(cron);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#next = null;
    await this.#running;
    const old = [...this.#draining];
    for (const { timer } of old) clearTimeout(timer);
    await Promise.all([this.#current?.instance.stop(), ...old.map(async ({ instance }) => instance.stop())]);
  }

  async #swaps(): Promise<void> {
    while (this.#next !== null) {
      const built = this.#next;
      this.#next = null;
      await this.#swap(built).catch((error: unknown) => {
        this.refuse("does not start", error instanceof Error ? error.message : String(error));
      });
    }
  }

  async #swap(built: Built): Promise<void> {
    const { ground, slot, progress, onRuntimes } = this.#around;
    const begun = performance.now();
    const { name } = this.#worker;
    const instance = await slot(async () => whileBusy(async () => startInstance(built, this.#worker, ground)));
    onRuntimes();
    if (this.#stopped) return instance.stop();
    const next: Current = {
      instance,
      running: { address: instance.address(), hasAssets: built.options["assets"] !== undefined },
      keepsFiles: KEPT_IN_FILES.some((option) => Object.keys(built.options[option] ?? {}).length > 0),
    };
    const before = this.#current;
    try {
      if (before?.keepsFiles === true && next.keepsFiles) await this.#follow(before, next);
      else await this.#replace(before, next);
    } catch (error) {
      await instance.stop();
      throw error;
    }
    const what = before === null ? "is up" : "has a new version";
    progress(`${name} ${what}, after ${Math.round(performance.now() - begun)} ms`);
  }

  /** @throws where a gateway does not take it: the one before goes on */
  async #replace(before: Current | null, next: Current): Promise<void> {
    await this.#around.moved(this.#worker.name, next.running);
    next.instance.takeName();
    this.#current = next;
    if (before !== null) this.#drain(before.instance);
  }

  /** @throws where a gateway does not keep its calls waiting: the one before goes on */
  async #follow(before: Current, next: Current): Promise<void> {
    const { name } = this.#worker;
    const { hold, moved, complain, onRuntimes } = this.#around;
    // Other processes, which call its objects and send to its queues, take some time to find it.
    next.instance.takeName();
    await hold(name).catch((error: unknown) => {
      before.instance.takeName();
      throw error;
    });
    this.#current = next;
    const failed = (error: unknown): void => complain(`${name}: ${String(error)}`);
    await before.instance.stop().catch(failed);
    onRuntimes();
    await moved(name, next.running).catch((error: unknown) => {
      failed(error);
      // Nothing else is there any more: it is moved again by the next look.
      next.running = { ...next.running, address: "" };
    });
  }

  #drain(instance: Instance): void {
    const draining = {
      instance,
      timer: setTimeout(() => {
        this.#draining.delete(draining);
        void instance.stop().then(this.#around.onRuntimes);
      }, DRAIN_MS),
    };
    this.#draining.add(draining);
  }
}
