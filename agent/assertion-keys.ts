import type { JWK } from "jose";
import type { MeshControl } from "../net/mesh-control.ts";
import { readKeySet } from "../src/identity/jwk.ts";
import type { AgentState } from "./state.ts";

const FILE = "assertion-keys.json";
/** A new key is published before it is used: this often is soon enough. */
const REFRESH_MS = 300_000;
/** For a key that nobody knows control is not asked more often: anybody may make one up. */
const COOL_DOWN_MS = 30_000;

/** The keys by which gateways' assertions verify, as control publishes them. The last good ones stay, over restarts too. */
export class AssertionKeys {
  readonly #control: Pick<MeshControl, "get">;
  readonly #state: Pick<AgentState, "read" | "write">;
  #keys: readonly JWK[] | null;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(control: Pick<MeshControl, "get">, state: Pick<AgentState, "read" | "write">) {
    this.#control = control;
    this.#state = state;
    const kept = state.read(FILE);
    this.#keys = kept === null ? null : readKeySet(kept);
  }

  /** Waits for the first answer only where no keys are known: a frozen control holds up nothing. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#ask(), REFRESH_MS);
    this.#timer.unref();
    const asked = this.#ask();
    if (this.#keys === null) await asked;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** @returns null where they were never known */
  get keys(): readonly JWK[] | null {
    return this.#keys;
  }

  /** For an assertion by a key that is not among them. @returns whether they were asked for again */
  async again(): Promise<boolean> {
    if (this.#asking === null && Date.now() - this.#askedAt < COOL_DOWN_MS) return false;
    await this.#ask();
    return true;
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #fetch(): Promise<void> {
    this.#askedAt = Date.now();
    try {
      const text = await this.#control.get("/assertion-keys");
      const keys = readKeySet(text);
      if (keys === null) return;
      this.#keys = keys;
      this.#state.write(FILE, text);
    } catch {
      // Control is away, or tells none: what is known goes on.
    }
  }
}
