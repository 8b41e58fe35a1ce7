import type { Endpoint } from "../snapshot/model.ts";
import { hashOf } from "./hash.ts";

/** Places on a circle of 2^32, ascending, each with the endpoint that it belongs to. */
export interface Ring {
  readonly places: Uint32Array;
  /** Index into the endpoints. */
  readonly owners: Uint32Array;
}

/** At 8 bytes a place: half a megabyte a cluster. `minimumRingSize` may ask for more. */
const MOST_PLACES = 65_536;

/** So many endpoints fit beside a place into the 53 whole bits of a number. */
const OWNERS = 2 ** 21;

/**
 * Ketama's ring: an endpoint owns the places of `id_0`, `id_1`, … in proportion to its weight. How many it owns does not depend
 * on how many endpoints there are while the ring is not full, so one that comes or goes moves no keys between the others.
 *
 * @param endpoints fewer than 2^21
 */
export function buildRing(endpoints: readonly Endpoint[], minimumSize: number): Ring {
  const scale = placesPerWeight(endpoints, minimumSize);
  const counts = endpoints.map(({ weight }) => Math.ceil(weight * scale));
  const entries = new Float64Array(sum(counts));
  let at = 0;
  for (const [owner, { id }] of endpoints.entries()) {
    const count = counts[owner] ?? 0;
    for (let place = 0; place < count; place += 1) {
      entries[at] = hashOf(`${id}_${place}`) * OWNERS + owner;
      at += 1;
    }
  }
  entries.sort();
  return {
    places: Uint32Array.from(entries, (entry) => Math.floor(entry / OWNERS)),
    owners: Uint32Array.from(entries, (entry) => entry % OWNERS),
  };
}

/**
 * A power of two, so that it stays when weights change a little. The heaviest endpoint gets the ring's minimum by itself, the
 * lightest one place at least; a ring that is too full is halved as long as it holds its minimum.
 */
function placesPerWeight(endpoints: readonly Endpoint[], minimumSize: number): number {
  const weights = endpoints.map(({ weight }) => weight);
  const total = sum(weights);
  let scale = 2 ** Math.ceil(Math.log2(minimumSize / Math.max(...weights)));
  while (Math.min(...weights) * scale < 1) scale *= 2;
  while (total * scale > MOST_PLACES && (total * scale) / 2 >= minimumSize) scale /= 2;
  return scale;
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

/** The first place at or after a hash, round the circle. */
export function placeOf({ places }: Ring, hash: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle] ?? 0) < hash) low = middle + 1;
    else high = middle;
  }
  return low === places.length ? 0 : low;
}
