import type { MeshGateway } from "../../src/deployment/topology.ts";
import type { DataProcess } from "../data-process.ts";
import { runningElsewhere } from "./elsewhere.ts";
import { callsEnded, placesOf, pushPlaces, type Running } from "./places.ts";

const LOOK_MS = 1_000;

export interface PlaceTableOptions {
  readonly data: DataProcess;
  readonly placesSecret: string;
  /** In which other terminals' Workers are found. */
  readonly registry: string;
  readonly progress: (step: string) => void;
}

/** Which process serves each Worker, as the gateways know it. A Worker that another terminal runs is called there. */
export class PlaceTable {
  readonly #options: PlaceTableOptions;
  readonly #own = new Map<string, Running>();
  #elsewhere: ReadonlyMap<string, Running> = new Map();
  #gateways: readonly MeshGateway[] = [];
  #workers: ReadonlySet<string> = new Set();
  /** Tables arrive in the order in which they were made. */
  #pushed = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  constructor(options: PlaceTableOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Their endpoints are from now on these. */
  async setGateways(gateways: readonly MeshGateway[]): Promise<void> {
    this.#gateways = gateways;
    this.#workers = new Set(gateways.flatMap(({ endpoints }) => endpoints.map(({ worker }) => worker)));
    for (const name of this.#own.keys()) if (!this.#workers.has(name)) this.#own.delete(name);
    await this.#push();
  }

  /**
   * @returns once every gateway calls this process, and no other one
   * @throws where a gateway does not take it: it goes on calling the one before
   */
  async move(worker: string, running: Running): Promise<void> {
    const before = this.#own.get(worker);
    this.#own.set(worker, running);
    await this.#push().catch((error: unknown) => {
      if (before === undefined) this.#own.delete(worker);
      else this.#own.set(worker, before);
      throw error;
    });
  }

  /**
   * Keeps calls of this Worker waiting until it is moved.
   *
   * @returns when those have ended that are under way, or have taken too long
   * @throws where a gateway does not take it: calls go on as before
   */
  async hold(worker: string): Promise<void> {
    const running = this.#own.get(worker);
    if (running === undefined) return;
    try {
      await this.move(worker, { ...running, held: true });
      await this.#eachGateway(async (port) => callsEnded(port, this.#options.placesSecret, worker));
    } catch (error) {
      // Some may keep calls waiting.
      await this.move(worker, running).catch(() => undefined);
      throw error;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { registry, progress } = this.#options;
    const now = runningElsewhere(registry, this.#workers, Date.now());
    const before = this.#elsewhere;
    if (JSON.stringify([...now]) === JSON.stringify([...before])) return;
    this.#elsewhere = now;
    for (const worker of now.keys()) if (!before.has(worker)) progress(`${worker} runs in another terminal now`);
    for (const worker of before.keys()) if (!now.has(worker)) progress(`${worker} runs here again`);
    // One that does not arrive is made again by the next one.
    this.#push().catch(() => (this.#elsewhere = before));
  }

  async #push(): Promise<void> {
    const push = this.#pushed.then(async () => this.#pushNow());
    this.#pushed = push.catch(() => undefined);
    return push;
  }

  async #pushNow(): Promise<void> {
    const running = new Map([...this.#own, ...this.#elsewhere]);
    await this.#eachGateway(async (port, gateway) =>
      pushPlaces(port, this.#options.placesSecret, gateway, placesOf(gateway, running)),
    );
  }

  async #eachGateway(tell: (port: number, gateway: MeshGateway) => Promise<void>): Promise<void> {
    await Promise.all(
      this.#gateways.map(async (gateway) => {
        const port = this.#options.data.gateways.find(({ name }) => name === gateway.name)?.placesPort;
        if (port !== undefined && port !== null) await tell(port, gateway);
      }),
    );
  }
}
