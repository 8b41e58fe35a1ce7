import { ModelClock } from "../../bench/simulation/model-clock.ts";
import { KeptCounters } from "../../src/limits/kept-counters.ts";
import type { LimitAsk } from "../../src/limits/limit-book.ts";
import { type Ask, type Taken, takeAll } from "../../src/limits/limiter.ts";
import type { Rate } from "../../src/limits/rate.ts";
import { Turns } from "../../src/limits/turns.ts";
import { Limits } from "../../workers/gateway/limits.ts";
import type { Use } from "./naive.ts";
import type { Draws } from "./random.ts";

export const START = 1_780_000_000_000;

export const HOW = {
  scope: "GLOBAL",
  cost: 1,
  audit: false,
  closed: false,
  missing: false,
  timeoutMs: 400,
} as const;

/** Isolates that share one key, by the gateway's own code, and one limiter, with 30 ms between them, on a model clock. */
export class SharedKey {
  readonly clock = new ModelClock(START);
  readonly uses: (Use & { readonly isolate: number })[] = [];
  /** When the limiter was asked, */
  readonly calls: number[] = [];
  /** and for which requests anybody was. */
  readonly requests: number[] = [];
  readonly failures: unknown[] = [];
  readonly #draws: Draws;
  readonly #ask: LimitAsk;
  readonly #limits: readonly Limits[];
  readonly #counters = new KeptCounters(10);
  #turns = new Turns();

  /** @param older how many of the first isolates, and whether the limiter, are of a release in which nothing fades */
  constructor(draws: Draws, rate: Rate, isolates: number, older: Older = { isolates: 0, limiter: false }) {
    this.#draws = draws;
    this.#ask = { ...HOW, name: "key", counter: "key", shared: "others", rates: [rate] };
    const within = async <T>(_: number, promise: Promise<T>): Promise<T> => promise;
    const clock = { now: () => this.clock.now, within };
    const charge = async () => undefined;
    this.#limits = Array.from({ length: isolates }, (_, at) => {
      const take: Take = async ({ asks }) => this.#take(older.limiter || at < older.isolates ? asks.map(plain) : asks);
      return new Limits({ state: { take, charge }, location: () => null, count: () => undefined, clock });
    });
  }

  async #take(asks: readonly Ask[]): Promise<Taken> {
    await this.clock.wait(this.#draws.int(10, 20));
    this.calls.push(this.clock.now);
    const taken = this.#turns.given(asks, takeAll(this.#counters, asks, this.clock.now));
    // Always as long: else two that were granted one behind the other could be used at once.
    await this.clock.wait(15);
    return taken;
  }

  /** The limiter's object begins a new life: what it granted is stored, whose turn it is is not. */
  forget(): void {
    this.#turns = new Turns();
  }

  /** Requests as of a Poisson process, to whole ms. @param isolates the first so many get them, or one that is drawn */
  traffic(perSecond: number, isolates: number | (() => number), until: number): void {
    const drawn = typeof isolates === "number" ? () => this.#draws.int(0, isolates - 1) : isolates;
    let due = this.clock.now;
    const arrive = (): void => {
      if (this.clock.now >= until) return;
      this.requests.push(this.clock.now);
      this.#request(drawn()).catch((error: unknown) => this.failures.push(error));
      due += (-Math.log(this.#draws.int(1, 1_000_000) / 1_000_000) * 1_000) / perSecond;
      this.clock.in(Math.max(0, Math.round(due) - this.clock.now), arrive);
    };
    arrive();
  }

  async #request(isolate: number): Promise<void> {
    const { limits } = (await this.#limits[isolate]?.take([this.#ask])) ?? { limits: [] };
    if (limits[0]?.verdict === "taken") this.uses.push({ at: this.clock.now, cost: 1, isolate });
  }
}

type Take = ConstructorParameters<typeof Limits>[0]["state"]["take"];

export interface Older {
  readonly isolates: number;
  readonly limiter: boolean;
}

/** As a release asks in which nothing fades. */
function plain({ counter, rates, cost, want, leaseMs, audit, again }: Ask): Ask {
  return { counter, rates, cost, want, leaseMs, audit, ...(again && { again }) };
}

/** How many of these are within [from, to). */
export function between(times: readonly number[], from: number, to: number): number {
  return times.reduce((count, at) => (at >= from && at < to ? count + 1 : count), 0);
}
