import { type Asking, type LimitAsk, LimitBook } from "../../src/limits/limit-book.ts";
import type { Taken } from "../../src/limits/limiter.ts";
import type { LimitsFact } from "../../src/limits/limits-fact.ts";
import type { LimitsUp, StateRpc } from "../../src/snapshot/rpc.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { eventLine } from "../../src/telemetry/event-line.ts";

/** After a failure one request in so long tries again. */
const AWAY_MS = 1_000;
/** One failure in so long is told: each is counted. */
const TOLD_EVERY_MS = 60_000;

interface Deps {
  readonly state: StateRpc;
  readonly location: () => string | null;
  readonly count: (key: string) => void;
}

/** Takes the limits of requests: what the isolate knows itself costs nothing, for the rest it asks the limiter. */
export class Limits {
  readonly #deps: Deps;
  readonly #book = new LimitBook();
  /** Epoch ms until which nobody is asked. */
  #awayUntil = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Never rejects. */
  take(asks: readonly LimitAsk[]): LimitsFact | Promise<LimitsFact> {
    const now = Date.now();
    const begun = this.#book.begin(asks, now);
    if (!("kind" in begun)) return this.#counted(begun);
    return now < this.#awayUntil ? this.#counted(this.#book.fail(begun, now)) : this.#ask(begun);
  }

  async #ask(asking: Asking): Promise<LimitsFact> {
    const taken = await this.#limiter(asking);
    const now = Date.now();
    return this.#counted(taken === null ? this.#book.fail(asking, now) : this.#book.settle(asking, taken, now));
  }

  /** @returns null where it cannot be asked */
  async #limiter(asking: Asking): Promise<Taken | null> {
    const up = this.#upOf(asking);
    const { promise: late, resolve } = Promise.withResolvers<null>();
    const patience = Math.max(...asking.remote.map(({ index }) => asking.asks[index]?.timeoutMs ?? 0));
    // Until it has answered nobody else tries again.
    const wasAway = this.#awayUntil > 0;
    if (wasAway) this.#awayUntil = Date.now() + AWAY_MS;
    const timer = setTimeout(resolve, patience, null);
    try {
      const taken = await Promise.race([this.#deps.state.take(up), late]);
      if (taken === null) this.#failed("timeout");
      else this.#awayUntil = 0;
      return taken;
    } catch (error) {
      this.#failed(String(error));
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  #upOf({ asks, remote }: Asking): LimitsUp {
    return {
      location: this.#deps.location(),
      asks: remote.flatMap(({ index, ask }) => {
        const one = asks[index];
        if (one === undefined || one.scope === "LOCAL") return [];
        const { name, scope, shared, hidden } = one;
        return [{ ...ask, name, scope, shared, hidden }];
      }),
    };
  }

  /** Overloaded or away: it is not asked again at once. */
  #failed(reason: string): void {
    const now = Date.now();
    this.#awayUntil = now + AWAY_MS;
    this.#deps.count(counterKey("tulle_limiter_failures_total", {}));
    if (now - this.#toldAt < TOLD_EVERY_MS) return;
    this.#toldAt = now;
    console.warn(eventLine({ event: "limiter_failed", reason }));
  }

  #counted(fact: LimitsFact): LimitsFact {
    for (const { name, verdict } of fact.limits)
      if (verdict !== "taken") this.#deps.count(counterKey("tulle_rate_limited_total", { limit: name, verdict }));
    return fact;
  }
}
