import type { Endpoint } from "../snapshot/model.ts";
import { hashOf, mixed } from "./hash.ts";

/** For each slot the index of an endpoint. */
export type MaglevTable = Uint8Array | Uint16Array | Uint32Array;

interface Walker {
  readonly weight: number;
  readonly skip: number;
  slot: number;
  /** Takes a slot when its weight, summed over the rounds, has come so far. */
  due: number;
}

/**
 * Maglev's table with Envoy's weights: in each round the endpoints, by turns, take the next free slot of their own permutation
 * of all slots; one that is lighter than the heaviest sits out some rounds.
 *
 * @param size a prime
 * @see https://research.google/pubs/maglev-a-fast-and-reliable-software-network-load-balancer/ section 3.4
 */
export function buildMaglev(endpoints: readonly Endpoint[], size: number): MaglevTable {
  const heaviest = Math.max(...endpoints.map(({ weight }) => weight));
  const walkers = endpoints.map((endpoint) => walkerOf(endpoint, size));
  const table = tableOf(endpoints.length, size);
  const taken = new Uint8Array(size);
  let filled = 0;
  for (let round = 1; filled < size; round += 1) {
    for (const [owner, walker] of walkers.entries()) {
      if (round * walker.weight < walker.due) continue;
      walker.due += heaviest;
      while (taken[walker.slot] === 1) advance(walker, size);
      taken[walker.slot] = 1;
      table[walker.slot] = owner;
      filled += 1;
      if (filled === size) break;
    }
  }
  return table;
}

function walkerOf({ id, weight }: Endpoint, size: number): Walker {
  const hash = hashOf(id);
  // The second hash has to be independent of the first.
  return { weight, slot: hash % size, skip: (mixed(hash + 0x9e3779b9) % (size - 1)) + 1, due: 0 };
}

function advance(walker: Walker, size: number): void {
  walker.slot += walker.skip;
  if (walker.slot >= size) walker.slot -= size;
}

/** As small as may be: one byte a slot is the usual case. */
function tableOf(endpoints: number, size: number): MaglevTable {
  if (endpoints <= 2 ** 8) return new Uint8Array(size);
  return endpoints <= 2 ** 16 ? new Uint16Array(size) : new Uint32Array(size);
}
