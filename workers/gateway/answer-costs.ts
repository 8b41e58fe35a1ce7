import { answerCost, type OwedAsk } from "../../src/limits/answer-cost.ts";
import type { LimitAnswer } from "../../src/limits/limit-answer.ts";
import { type LimitAsk, type LimitBook, nameOfRated } from "../../src/limits/limit-book.ts";
import { leaseMs } from "../../src/limits/rate.ts";
import type { RemoteAsk, StateRpc } from "../../src/snapshot/rpc.ts";
import { within } from "./within.ts";

/** Where requests are let in by leases, what their answers cost is brought together for so long. */
const GATHER_MS = 1_000;
/** A call that has not come back by then may be gone with its request. */
const GONE_MS = 5_000;
/** So long one call may take. All that can be owed is sent before the platform ends what a request left behind, after 30 s. */
const CALL_MS = 2_000;
/** Counts that one call charges, */
const MAX_ASKS = 1_000;
/** and counts that wait for one: further ones the isolate counts alone. */
const MAX_OWED = 10_000;

interface Deps {
  readonly state: Pick<StateRpc, "charge">;
  readonly book: LimitBook;
  readonly location: () => string | null;
  readonly failed: (reason: string) => void;
}

/** What answers cost that the limiter does not know of yet. */
export class AnswerCosts {
  readonly #deps: Deps;
  /** By the count and its rates. */
  readonly #owed = new Map<string, { readonly one: LimitAsk; readonly ask: RemoteAsk }>();
  /** Epoch ms since which a call is under way, or waited for; 0: none is. */
  #busySince = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** @returns what must be kept alive for it; null: all is done. It never rejects */
  add(owed: readonly OwedAsk[], answer: LimitAnswer, now: number): Promise<void> | null {
    for (const one of owed) {
      const cost = answerCost(one, answer);
      if (cost > 0) this.#owe(one, cost, now);
    }
    // A clock that went back, and a call that ended with its request, are no reason to wait.
    const isBusy = this.#busySince > 0 && now >= this.#busySince && now < this.#busySince + GONE_MS;
    return this.#owed.size === 0 || isBusy ? null : this.#send(now);
  }

  #owe(one: OwedAsk, cost: number, now: number): void {
    const ask = this.#deps.book.owe(one, cost, now);
    if (ask === null || one.scope === "LOCAL") return;
    const name = nameOfRated(one);
    const before = this.#owed.get(name)?.ask.cost ?? 0;
    if (before === 0 && this.#owed.size >= MAX_OWED) return this.#deps.book.oweHere(one, ask.cost, now);
    const { name: limit, scope, shared } = one;
    this.#owed.set(name, { one, ask: { ...ask, cost: before + cost, name: limit, scope, shared } });
  }

  async #send(now: number): Promise<void> {
    this.#busySince = now;
    while (this.#owed.size > 0) {
      const exact = [...this.#owed.values()].some(({ one }) => leaseMs(one.rates) === 0);
      const isFull = this.#owed.size >= MAX_ASKS;
      if (!exact && !isFull) await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      this.#busySince = Date.now();
      const sent = [...this.#owed].slice(0, MAX_ASKS);
      for (const [name] of sent) this.#owed.delete(name);
      const asks = sent.map(([, { ask }]) => ask);
      const failure = await this.#charge(asks);
      if (failure === null) continue;
      this.#deps.failed(failure);
      // Nor is it asked for the rest: the isolate counts all of it alone.
      for (const [, { one, ask }] of [...sent, ...this.#owed]) this.#deps.book.oweHere(one, ask.cost, Date.now());
      this.#owed.clear();
    }
    this.#busySince = 0;
  }

  /** @returns why it failed; null: it did not */
  async #charge(asks: readonly RemoteAsk[]): Promise<string | null> {
    try {
      const charged = await within(CALL_MS, this.#deps.state.charge({ location: this.#deps.location(), asks }));
      return charged === null ? "timeout" : null;
    } catch (error) {
      return String(error);
    }
  }
}
