/** Control is looked at at most this often, and only when an exchange arrives. */
const LOOK_EVERY_MS = 1_000;
/** At once where it should hear of isolates that turned, but not more often: after a change all of them turn within a second. */
const TELL_EVERY_MS = 500;

/**
 * Why an exchange wants a look: `cold`: its gateway has nothing to serve, or control did not know it; `turned`: control was told
 * something else of its isolates; null: it is content with the look of each second.
 */
export type Wish = "cold" | "turned" | null;

interface LooksDeps {
  /** Looks for all of these gateways in one call. Never rejects. */
  look(gateways: ReadonlySet<string>): Promise<void>;
  /** Gateways whose isolates take requests now. */
  awake(): readonly string[];
  /** Epoch ms. */
  now(): number;
  wait(ms: number): Promise<void>;
}

/** When a cell looks at control: one call at a time, for all of its gateways, and none while no exchange comes. */
export class Looks {
  readonly #deps: LooksDeps;
  #wanted = new Set<string>();
  #asked: ReadonlySet<string> = new Set();
  #startedAt = Number.NEGATIVE_INFINITY;
  /** When a look was last made before its time, for what turned. */
  #toldAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  /** The next, behind the one that runs. */
  #following: Promise<void> | null = null;
  #isWaiting = false;

  constructor(deps: LooksDeps) {
    this.#deps = deps;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** An exchange of this gateway came. @returns the look to wait for, a bounded time; null: none */
  at(gateway: string, wish: Wish): Promise<void> | null {
    if (wish !== null) this.#wanted.add(gateway);
    if (this.#running !== null) return this.#behind(this.#running, gateway, wish);
    const since = this.#deps.now() - this.#startedAt;
    if (since >= LOOK_EVERY_MS || wish === "cold") return this.#start(gateway);
    if (wish === null) return null;
    const sinceTold = this.#deps.now() - this.#toldAt;
    if (sinceTold < TELL_EVERY_MS) {
      void this.#startIn(TELL_EVERY_MS - sinceTold);
      return null;
    }
    this.#toldAt = this.#deps.now();
    return this.#start(gateway);
  }

  #behind(running: Promise<void>, gateway: string, wish: Wish): Promise<void> {
    if (wish === null || (wish === "cold" && this.#asked.has(gateway))) return running;
    if (wish === "turned") {
      void this.#startIn(TELL_EVERY_MS);
      return running;
    }
    this.#following ??= running.then(async () => this.#start(gateway));
    return this.#following;
  }

  async #start(gateway: string): Promise<void> {
    this.#following = null;
    this.#startedAt = this.#deps.now();
    this.#asked = new Set([gateway, ...this.#deps.awake(), ...this.#wanted]);
    this.#wanted = new Set();
    const running = this.#deps.look(this.#asked).finally(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }

  /** For what turned: later, for all that turned until then, unless another look has told it. */
  async #startIn(ms: number): Promise<void> {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    await this.#deps.wait(ms);
    this.#isWaiting = false;
    await this.#running;
    const [turned] = this.#wanted;
    if (turned === undefined || this.#running !== null) return;
    this.#toldAt = this.#deps.now();
    await this.#start(turned);
  }
}
