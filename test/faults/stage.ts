import { withFaultyStore } from "./faulty-store.ts";
import type { Loaded, LoadJob, LoadRequest } from "./load.ts";
import { LoadProcess } from "./load.ts";
import { FaultMesh, type MeshOptions } from "./mesh.ts";
import { Upstream } from "./upstream.ts";

const CONNECTIONS = 20;
const PATIENCE_MS = 15_000;

/** What a row needs to bring its fault about. What it opened is closed at its end, and the mesh that rows share is mended. */
export class Stage {
  /** The load of the long run, not the short one's. */
  readonly all: boolean;
  /** Of the run; printed. */
  readonly seed: number;
  readonly #say: (text: string) => void;
  readonly #load = new LoadProcess();
  readonly #closed: (() => Promise<void>)[] = [];
  readonly #baselines = new Map<string, Loaded>();
  readonly #kept = new Map<string, unknown>();
  readonly #stopped: (() => Promise<void>)[] = [];
  #shared: Promise<FaultMesh> | null = null;
  #names = 0;
  #direct: Promise<Upstream> | null = null;

  constructor(all: boolean, seed: number, say: (text: string) => void) {
    this.all = all;
    this.seed = seed;
    this.#say = say;
  }

  /** Requests a second of a usual load. */
  get rate(): number {
    return this.all ? 200 : 100;
  }

  get seconds(): number {
    return this.all ? 20 : 3;
  }

  /** How many requests a usual load is. */
  get total(): number {
    return this.rate * this.seconds;
  }

  /**
   * The mesh that rows share, with the gateways `one` and `two`: each row has a namespace and hosts of its own there. Its database
   * fails as `faultStore` says.
   */
  async mesh(): Promise<FaultMesh> {
    this.#shared ??= this.direct().then(async ({ port }) =>
      FaultMesh.start({ gateways: ["one", "two"], direct: port, changed: withFaultyStore }),
    );
    return this.#shared;
  }

  /** The service behind the binding `EP_DIRECT` of the mesh that rows share. */
  async direct(): Promise<Upstream> {
    this.#direct ??= Upstream.start();
    return this.#direct;
  }

  /** A mesh of the row's own, for faults that it does not get over. */
  async ownMesh(options: MeshOptions = {}): Promise<FaultMesh> {
    const mesh = await FaultMesh.start(options);
    this.atEnd(async () => mesh.stop());
    return mesh;
  }

  /** A name that no run of a row had before: what is ejected under it stays so. */
  fresh(id: string): string {
    this.#names += 1;
    return `${id}${this.#names}`;
  }

  /** What some rows share until the run is over, made when the first of them asks. */
  async kept<T>(name: string, make: () => Promise<T>): Promise<T> {
    let made = this.#kept.get(name) as Promise<T> | undefined;
    if (made === undefined) this.#kept.set(name, (made = make()));
    return made;
  }

  /** Done when the run is over; the last first. */
  atStop(close: () => Promise<void>): void {
    this.#stopped.push(close);
  }

  async upstream(): Promise<Upstream> {
    const upstream = await Upstream.start();
    this.atEnd(async () => upstream.stop());
    return upstream;
  }

  /** Done when the row has ended, however; the last first. */
  atEnd(close: () => Promise<void>): void {
    this.#closed.push(close);
  }

  /** The usual load on one gateway, unless the row says otherwise. */
  async load(port: number, requests: readonly LoadRequest[], changes: Partial<LoadJob> = {}): Promise<Loaded> {
    const usual = { rate: this.rate, seconds: this.seconds, connections: CONNECTIONS, patienceMs: PATIENCE_MS };
    return this.#load.run({ ...usual, port, requests, ...changes });
  }

  /** The load without the fault: rows of one kind share it. What is cold is warmed by a first run that does not count. */
  async baseline(kind: string, measure: () => Promise<Loaded>): Promise<Loaded> {
    const known = this.#baselines.get(kind);
    if (known !== undefined) return known;
    await measure();
    const loaded = await measure();
    this.#baselines.set(kind, loaded);
    return loaded;
  }

  /** They are measured anew. */
  forgetBaselines(): void {
    this.#baselines.clear();
  }

  /** Tells of progress. */
  say(text: string): void {
    this.#say(text);
  }

  async endRow(): Promise<void> {
    for (const close of this.#closed.splice(0).toReversed()) await close();
    await (await this.#shared)?.mend();
    (await this.#direct)?.reset();
  }

  async stop(): Promise<void> {
    for (const close of this.#stopped.splice(0).toReversed()) await close();
    await (await this.#shared)?.stop();
    await (await this.#direct)?.stop();
    this.#load.stop();
  }
}
