import type { Svid } from "./svid.ts";

/** What is told of the life of an SVID: for a log. */
export type SvidEvent =
  | { readonly event: "svid_issued"; readonly spiffeId: string; readonly expiresAt: string }
  | { readonly event: "svid_renewal_failed"; readonly reason: string; readonly leftSeconds: number };

export interface SvidKeeperOptions {
  /** What was kept of an earlier run; null: nothing. */
  readonly kept: Svid | null;
  /** Gets a new one. @throws where that fails now, with what to do about it */
  readonly obtain: (current: Svid | null) => Promise<Svid>;
  readonly tell: (event: SvidEvent) => void;
}

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
/** A timer of Node's holds at most 2^31 ms. */
const MAX_WAIT_MS = 86_400_000;

/**
 * Keeps an SVID fresh: renews at about half of its life, not all at one time, and tries again until it has a new one. As long as
 * the old one lives nothing hangs on whether control answers.
 */
export class SvidKeeper {
  readonly #options: SvidKeeperOptions;
  readonly #listeners: ((svid: Svid) => void)[] = [];
  #svid: Svid | null;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: SvidKeeperOptions) {
    this.#options = options;
    const { kept } = options;
    this.#svid = kept !== null && kept.expiresAt > Date.now() ? kept : null;
  }

  /** Null: there is none, or none that still holds. */
  get svid(): Svid | null {
    return this.#svid !== null && this.#svid.expiresAt > Date.now() ? this.#svid : null;
  }

  /** @param listener is told each new one */
  onChange(listener: (svid: Svid) => void): void {
    this.#listeners.push(listener);
  }

  /** Gets one where there is none. @throws where that fails: whoever starts it is told at once */
  async start(): Promise<Svid> {
    const svid = this.#svid ?? this.#take(await this.#options.obtain(null));
    this.#wait(renewalOf(svid) - Date.now());
    return svid;
  }

  /** Does not wait for a first one. */
  startLater(): void {
    this.#wait(this.#svid === null ? 0 : renewalOf(this.#svid) - Date.now());
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #take(svid: Svid): Svid {
    this.#svid = svid;
    this.#failures = 0;
    const { spiffeId, expiresAt } = svid;
    this.#options.tell({ event: "svid_issued", spiffeId, expiresAt: new Date(expiresAt).toISOString() });
    for (const listener of this.#listeners) listener(svid);
    return svid;
  }

  #wait(ms: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#renew(), Math.min(Math.max(ms, 0), MAX_WAIT_MS));
  }

  async #renew(): Promise<void> {
    try {
      const svid = await this.#options.obtain(this.svid);
      if (this.#stopped) return;
      this.#take(svid);
      this.#wait(renewalOf(svid) - Date.now());
    } catch (error) {
      if (this.#stopped) return;
      const left = this.#svid === null ? 0 : Math.max(0, this.#svid.expiresAt - Date.now());
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.tell({ event: "svid_renewal_failed", reason, leftSeconds: Math.floor(left / 1_000) });
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, MAX_PAUSE_MS, left > 0 ? left / 4 : MAX_PAUSE_MS);
      this.#failures += 1;
      this.#wait(Math.max(pause, FIRST_PAUSE_MS) * jitter());
    }
  }
}

/** Epoch ms: half of its life, give or take a tenth. */
function renewalOf({ issuedAt, expiresAt }: Svid): number {
  return issuedAt + ((expiresAt - issuedAt) / 2) * jitter();
}

/** Many that were started together shall not come together. */
function jitter(): number {
  return 0.8 + Math.random() * 0.4;
}
