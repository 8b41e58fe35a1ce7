import type { OwedAsk } from "../../src/limits/answer-cost.ts";
import type { LimitAnswer } from "../../src/limits/limit-answer.ts";
import { type Asking, type LimitAsk, LimitBook, nameOfRated } from "../../src/limits/limit-book.ts";
import type { Taken } from "../../src/limits/limiter.ts";
import type { LimitsFact } from "../../src/limits/limits-fact.ts";
import type { LimitsUp, StateRpc } from "../../src/snapshot/rpc.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { eventLine } from "../../src/telemetry/event-line.ts";
import { AnswerCosts } from "./answer-costs.ts";
import { within } from "./within.ts";

/** After a failure one request in so long tries again. */
const AWAY_MS = 1_000;
/** One failure in so long is told: each is counted. */
const TOLD_EVERY_MS = 60_000;

interface Deps {
  readonly state: Pick<StateRpc, "take" | "charge">;
  readonly location: () => string | null;
  readonly count: (key: string) => void;
  /** Absent: the isolate's. */
  readonly clock?: Clock;
}

/** Time, of which a simulation has its own. */
interface Clock {
  readonly now: () => number;
  /** Null where it takes longer. */
  readonly within: <T>(ms: number, promise: Promise<T>) => Promise<T | null>;
}

const ISOLATE_CLOCK: Clock = { now: () => Date.now(), within };

/** Takes the limits of requests: what the isolate knows itself costs nothing, for the rest it asks the limiter. */
export class Limits {
  readonly #deps: Deps;
  readonly #clock: Clock;
  readonly #book = new LimitBook();
  readonly #costs: AnswerCosts;
  /** Calls that will bring a part of a count, by the count and its rates. */
  readonly #coming = new Map<string, Promise<unknown>>();
  /** Epoch ms until which nobody is asked; 0: all is well. */
  #awayUntil = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? ISOLATE_CLOCK;
    const { state, location } = deps;
    this.#costs = new AnswerCosts({ state, location, book: this.#book, failed: (reason) => this.#tell(reason) });
  }

  /** Charges what an answer costs. @returns what must be kept alive for it; null: nothing. It never rejects */
  charge(owed: readonly OwedAsk[], answer: LimitAnswer): Promise<void> | null {
    return this.#costs.add(owed, answer, this.#clock.now());
  }

  /** Never rejects. */
  take(asks: readonly LimitAsk[]): LimitsFact | Promise<LimitsFact> {
    const now = this.#clock.now();
    const begun = this.#book.begin(asks, now);
    if (!("kind" in begun)) return this.#counted(begun);
    return this.#finish(begun, now);
  }

  /** Where a larger part of a count is under way it is waited for, by each with a timer of its own: one call brings it for all. */
  async #finish(first: Asking, startedAt: number): Promise<LimitsFact> {
    const until = startedAt + patienceOf(first);
    let asking = first;
    for (let now = startedAt; now >= this.#awayUntil; now = this.#clock.now()) {
      const coming = now < until ? this.#comingFor(asking) : undefined;
      if (coming === undefined) return this.#ask(asking);
      this.#book.cancel(asking, now);
      await this.#clock.within(until - now, coming);
      const again = this.#book.begin(asking.asks, this.#clock.now());
      if (!("kind" in again)) return this.#counted(again);
      asking = again;
    }
    return this.#counted(this.#book.fail(asking, this.#clock.now()));
  }

  #comingFor({ remote }: Asking): Promise<unknown> | undefined {
    for (const { ask } of remote) {
      const coming = ask.leaseMs > 0 ? this.#coming.get(nameOfRated(ask)) : undefined;
      if (coming !== undefined) return coming;
    }
    return undefined;
  }

  async #ask(asking: Asking): Promise<LimitsFact> {
    const answer = this.#limiter(asking);
    const leased = asking.remote.flatMap(({ ask }) => (ask.leaseMs > 0 ? nameOfRated(ask) : []));
    for (const name of leased) this.#coming.set(name, answer);
    const taken = await answer;
    for (const name of leased) if (this.#coming.get(name) === answer) this.#coming.delete(name);
    const now = this.#clock.now();
    return this.#counted(taken === null ? this.#book.fail(asking, now) : this.#book.settle(asking, taken, now));
  }

  /** @returns null where it cannot be asked */
  async #limiter(asking: Asking): Promise<Taken | null> {
    // Until it has answered nobody else tries again.
    if (this.#awayUntil > 0) this.#awayUntil = this.#clock.now() + AWAY_MS;
    try {
      const taken = await this.#clock.within(patienceOf(asking), this.#deps.state.take(this.#upOf(asking)));
      if (taken === null) this.#failed("timeout");
      else this.#awayUntil = 0;
      return taken;
    } catch (error) {
      this.#failed(String(error));
      return null;
    }
  }

  #upOf({ asks, remote }: Asking): LimitsUp {
    return {
      location: this.#deps.location(),
      asks: remote.flatMap(({ index, ask }) => {
        const one = asks[index];
        if (one === undefined || one.scope === "LOCAL") return [];
        const { name, scope, shared } = one;
        return [{ ...ask, name, scope, shared }];
      }),
    };
  }

  /** Overloaded or away: it is not asked again at once. */
  #failed(reason: string): void {
    this.#awayUntil = this.#clock.now() + AWAY_MS;
    this.#tell(reason);
  }

  #tell(reason: string): void {
    const now = this.#clock.now();
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

function patienceOf({ asks, remote }: Asking): number {
  return Math.max(...remote.map(({ index }) => asks[index]?.timeoutMs ?? 0));
}
