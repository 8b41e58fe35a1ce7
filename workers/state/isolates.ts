import type { ExchangeUp, IsolatesSeen, RefusedSnapshots } from "../../src/snapshot/rpc.ts";
import { VERSION } from "../../src/version.ts";

interface Isolate {
  readonly id: string;
  readonly gateway: string;
  readonly sequence: number;
  readonly at: number;
  readonly generation: number | null;
  readonly refused: RefusedSnapshots | null;
  /** Of the order of tails that it has; 0: none. */
  readonly tails: number;
  /** Whether it goes to the cell that it is told. */
  readonly moves: boolean;
}

const ISOLATE_LIVES_MS = 10_000;
/** One that was silent for longer asks for news before it serves again. */
const SERVES_FOR_MS = 3_000;
/** An isolate's repeated exchange counts once, also after a silence; so many silent ones are remembered. */
const MAX_SILENT = 5_000;

/** The isolates that exchange with this cell. */
export class Isolates {
  /** The one that was silent longest first, as in all of these. */
  readonly #alive = new Map<string, Isolate>();
  readonly #byGateway = new Map<string, Map<string, Isolate>>();
  /** Sequences of those that were silent too long. */
  readonly #silent = new Map<string, number>();

  /** @returns false where the same was told before */
  take(gateway: string, up: ExchangeUp, now: number): boolean {
    const { isolate: id, sequence, have, refused, tails = 0 } = up;
    const known = this.#alive.get(id);
    const before = known?.sequence ?? this.#silent.get(id);
    if (known !== undefined) this.#forget(known);
    this.#silent.delete(id);
    const generation = have?.generation ?? null;
    const isolate = { id, gateway, sequence, at: now, generation, refused: refused ?? null, tails };
    this.#remember({ ...isolate, moves: up.shards !== undefined });
    this.#silence(now);
    return before === undefined || sequence > before;
  }

  #remember(isolate: Isolate): void {
    this.#alive.set(isolate.id, isolate);
    const own = this.#byGateway.get(isolate.gateway) ?? new Map<string, Isolate>();
    this.#byGateway.set(isolate.gateway, own.set(isolate.id, isolate));
  }

  #forget({ id, gateway }: Isolate): void {
    this.#alive.delete(id);
    const own = this.#byGateway.get(gateway);
    own?.delete(id);
    if (own?.size === 0) this.#byGateway.delete(gateway);
  }

  #silence(now: number): void {
    for (const isolate of this.#alive.values()) {
      if (now - isolate.at < ISOLATE_LIVES_MS) break;
      this.#forget(isolate);
      this.#silent.set(isolate.id, isolate.sequence);
    }
    const [oldest] = this.#silent.keys();
    if (this.#silent.size > MAX_SILENT && oldest !== undefined) this.#silent.delete(oldest);
  }

  alive(now: number): number {
    this.#silence(now);
    return this.#alive.size;
  }

  /** Of those that go where they are told, how many belong here. */
  ofCell(owns: (isolate: string) => boolean): number {
    let own = 0;
    for (const { id, moves } of this.#alive.values()) if (moves && owns(id)) own += 1;
    return own;
  }

  /** Those whose isolates take requests now. */
  gateways(now: number): readonly string[] {
    return [...this.#byGateway].flatMap(([gateway, own]) => (serving(own, now).length > 0 ? gateway : []));
  }

  /** What those of one gateway say that take requests now. @param cell its name */
  seen(gateway: string, cell: string, now: number): IsolatesSeen {
    const own = serving(this.#byGateway.get(gateway) ?? new Map(), now);
    const generations = own.flatMap(({ generation }) => generation ?? []);
    const refusals = own.flatMap(({ refused }) => refused ?? []);
    const [first] = refusals;
    const tails = Math.min(...own.map((one) => one.tails));
    return {
      state: VERSION,
      location: cell,
      ...(own.length > 0 && tails > 0 && { tails }),
      serving: generations.length === 0 ? null : Math.min(...generations),
      refused:
        first === undefined ? null : { code: first.code, count: refusals.reduce((sum, one) => sum + one.count, 0) },
    };
  }
}

function serving(isolates: ReadonlyMap<string, Isolate>, now: number): readonly Isolate[] {
  return [...isolates.values()].filter(({ at }) => now - at < SERVES_FOR_MS);
}
