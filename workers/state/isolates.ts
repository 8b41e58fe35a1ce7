import type { ExchangeUp, IsolatesSeen, RefusedSnapshots } from "../../src/snapshot/rpc.ts";
import { VERSION } from "../../src/version.ts";

interface Isolate {
  readonly gateway: string;
  readonly sequence: number;
  readonly at: number;
  readonly generation: number | null;
  readonly refused: RefusedSnapshots | null;
  /** Of the order of tails that it has; 0: none. */
  readonly tails: number;
}

const ISOLATE_LIVES_MS = 10_000;
/** One that was silent for longer asks for news before it serves again. */
const SERVES_FOR_MS = 3_000;
/** An isolate's repeated exchange counts once; so many isolates are remembered. */
const MAX_ISOLATES = 5_000;

/** The isolates that exchange with this cell, the one that was silent longest first. */
export class Isolates {
  readonly #isolates = new Map<string, Isolate>();

  /** @returns false where the same was told before */
  take(gateway: string, { isolate, sequence, have, refused, tails = 0 }: ExchangeUp, now: number): boolean {
    const known = this.#isolates.get(isolate);
    this.#isolates.delete(isolate);
    const generation = have?.generation ?? null;
    this.#isolates.set(isolate, { gateway, sequence, at: now, generation, refused: refused ?? null, tails });
    const [oldest] = this.#isolates.keys();
    if (this.#isolates.size > MAX_ISOLATES && oldest !== undefined) this.#isolates.delete(oldest);
    return known === undefined || sequence > known.sequence;
  }

  alive(now: number): number {
    let alive = 0;
    for (const { at } of this.#isolates.values()) if (now - at < ISOLATE_LIVES_MS) alive += 1;
    return alive;
  }

  /** What those of one gateway say that take requests now. */
  seen(gateway: string, location: string, now: number): IsolatesSeen {
    const serving = [...this.#isolates.values()].filter(
      (one) => one.gateway === gateway && now - one.at < SERVES_FOR_MS,
    );
    const generations = serving.flatMap(({ generation }) => generation ?? []);
    const refusals = serving.flatMap(({ refused }) => refused ?? []);
    const [first] = refusals;
    const tails = Math.min(...serving.map((one) => one.tails));
    return {
      state: VERSION,
      location,
      ...(serving.length > 0 && tails > 0 && { tails }),
      serving: generations.length === 0 ? null : Math.min(...generations),
      refused:
        first === undefined ? null : { code: first.code, count: refusals.reduce((sum, one) => sum + one.count, 0) },
    };
  }
}
