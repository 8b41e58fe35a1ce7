/**
 * How the isolates of one location are spread over its cells. Which cell an isolate talks to follows from its id and from the number
 * of cells that its cell told it last: nobody looks anything up. The number is a power of two, so that with each doubling a cell keeps
 * one half of its isolates and the other half goes to one new cell.
 */

/** A cell that more isolates call its own is divided. */
export const DIVIDED_ABOVE = 600;
/** One that fewer call its own takes new ones in again, whichever of its halves they belong to, */
const JOINED_BELOW = 150;
/** and one that still fewer do sends them back to the cell that it was divided from: fewer, so that this one takes them in by then. */
const SENT_BACK_BELOW = 75;
/** 64 cells of 600 are more isolates than a location has; what a gateway says is not believed beyond it. */
const MAX_SHARDS = 64;
/** A cell that lost its memory hears this long from its isolates how many cells there are. */
const LEARNS_FOR_MS = 5_000;
/** Isolates go where they were told within two exchanges: until then a cell's count says nothing new. */
const SETTLES_IN_MS = 10_000;

/** @param isolate its random id @param shards how many cells the location has @returns the index of its own */
export function shardOf(isolate: string, shards: number): number {
  // FNV-1a. The bits of an id are random, those of its text are not.
  let hash = 0x811c9dc5;
  for (let i = 0; i < isolate.length; i += 1) hash = Math.imul(hash ^ isolate.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) & (shards - 1);
}

/** Name of a cell's object: the first cell of a location is the one that it has undivided. */
export function cellName(location: string, shard: number): string {
  return shard === 0 ? location : `${location}/${shard}`;
}

/** The other way round. */
export function cellOf(name: string): { readonly location: string; readonly shard: number } {
  const [, location = name, shard = "0"] = /^(.*)\/(\d{1,2})$/s.exec(name) ?? [];
  return { location, shard: Number(shard) };
}

/** What an isolate or a cell says, as a number of cells: anything else is one. */
export function readShards(told: unknown): number {
  return typeof told === "number" && told >= 1 && told <= MAX_SHARDS && Number.isInteger(Math.log2(told)) ? told : 1;
}

/** One cell's word on how many cells its location has, from how many isolates call it theirs. */
export class Sharding {
  readonly #shard: number;
  readonly #begunAt: number;
  /** With fewer cells there would be no such cell. */
  readonly #least: number;
  #shards: number;
  #changedAt = Number.NEGATIVE_INFINITY;

  /** @param now when the cell began, epoch ms */
  constructor(shard: number, now: number) {
    this.#shard = shard;
    this.#begunAt = now;
    this.#least = 2 ** Math.ceil(Math.log2(shard + 1));
    this.#shards = this.#least;
  }

  /** Where it says this isolate belongs. */
  owns(isolate: string): boolean {
    return shardOf(isolate, this.#shards) === this.#shard;
  }

  /** How many cells the location has, by what this one knows. */
  get shards(): number {
    return this.#shards;
  }

  /** The other cells of the location. */
  get siblings(): readonly number[] {
    return Array.from({ length: this.#shards }, (_, shard) => shard).filter((shard) => shard !== this.#shard);
  }

  /** What an isolate was told before; it counts where this cell's own memory is young. */
  hear(shards: number, now: number): void {
    if (now - this.#begunAt < LEARNS_FOR_MS) this.#shards = Math.max(this.#shards, shards);
  }

  /**
   * Judges anew.
   *
   * @param own isolates alive that belong here and know of cells
   * @returns whether the location has more cells now
   */
  judge(own: number, now: number): boolean {
    const isSettling = now - Math.max(this.#changedAt, this.#begunAt) < SETTLES_IN_MS;
    if (own > DIVIDED_ABOVE && this.#shards < MAX_SHARDS) {
      this.#shards *= 2;
      this.#changedAt = now;
      return true;
    }
    if (own < JOINED_BELOW && this.#shards > this.#least && !isSettling) {
      this.#shards /= 2;
      this.#changedAt = now;
    }
    return false;
  }

  /** What its isolates are told. @param own as above */
  told(own: number, now: number): number {
    const isSettling = now - Math.max(this.#changedAt, this.#begunAt) < SETTLES_IN_MS;
    const isEmpty = this.#shard > 0 && this.#shards === this.#least && own < SENT_BACK_BELOW && !isSettling;
    return isEmpty ? this.#least / 2 : this.#shards;
  }
}
