import type { ProbeSettings } from "../snapshot/model.ts";

/** An endpoint whose probe somebody may make. */
export interface Probed {
  readonly endpoint: string;
  readonly settings: ProbeSettings;
}

/** How a probe ended. */
export interface ProbeResult {
  readonly endpoint: string;
  readonly ok: boolean;
}

interface State {
  settings: ProbeSettings;
  /** Epoch ms from which on the next probe may be made. */
  due: number;
  /** Epoch ms at which the probe that is out was asked for; null: none is out. */
  asked: number | null;
  unhealthy: boolean;
  /** Results in a row that speak against what is held of it. */
  streak: number;
  /** Epoch ms at which somebody last had it in use. */
  usedAt: number;
}

/** A probe of which nothing was heard for so long after its timeout is made again. */
const LOST_AFTER_MS = 3_000;
/** An endpoint that nobody used for so long is forgotten: it is healthy until its probes say otherwise. */
const FORGOTTEN_AFTER_MS = 3_600_000;

/**
 * Which endpoints of a location are unhealthy by their probes, and whose probe is due. As Kubernetes counts: a number of
 * failures in a row takes an endpoint out, a number of successes in a row brings it back. It makes no probe itself, and has no
 * clock: who has an endpoint in use asks, is told what to probe, and tells how it went. Nobody asks where nothing is used.
 */
export class ProbeBook {
  readonly #states = new Map<string, State>();

  /**
   * @param inUse by the one who asks
   * @param now epoch ms
   * @returns whose probes to make now, and which of all in use are out
   */
  ask(
    inUse: readonly Probed[],
    now: number,
  ): { readonly due: readonly string[]; readonly unhealthy: readonly string[] } {
    const due: string[] = [];
    const unhealthy: string[] = [];
    for (const { endpoint, settings } of inUse) {
      const state = this.#stateOf(endpoint, settings, now);
      state.usedAt = now;
      if (state.unhealthy) unhealthy.push(endpoint);
      const isOut = state.asked !== null && now < state.asked + settings.timeoutMs + LOST_AFTER_MS;
      if (isOut || now < state.due) continue;
      state.asked = now;
      due.push(endpoint);
    }
    this.#forget(now);
    return { due, unhealthy };
  }

  /**
   * A result that nobody asked for counts for nothing.
   *
   * @returns whether the endpoint is out now or back; null: neither is new
   */
  take({ endpoint, ok }: ProbeResult): "out" | "back" | null {
    const state = this.#states.get(endpoint);
    if (state === undefined || state.asked === null) return null;
    state.due = state.asked + state.settings.periodMs;
    state.asked = null;
    if (ok !== state.unhealthy) {
      state.streak = 0;
      return null;
    }
    state.streak += 1;
    const { successThreshold, failureThreshold } = state.settings;
    if (state.streak < (ok ? successThreshold : failureThreshold)) return null;
    state.unhealthy = !ok;
    state.streak = 0;
    return ok ? "back" : "out";
  }

  #stateOf(endpoint: string, settings: ProbeSettings, now: number): State {
    const known = this.#states.get(endpoint);
    if (known !== undefined) {
      known.settings = settings;
      return known;
    }
    const due = now + settings.initialDelayMs;
    const state: State = { settings, due, asked: null, unhealthy: false, streak: 0, usedAt: now };
    this.#states.set(endpoint, state);
    return state;
  }

  #forget(now: number): void {
    for (const [endpoint, { usedAt }] of this.#states)
      if (now - usedAt > FORGOTTEN_AFTER_MS) this.#states.delete(endpoint);
  }
}
