import type { Endpoint, LoadBalancer } from "../snapshot/model.ts";

/** What the balancer knows beside the endpoints themselves. */
export interface PickState {
  /** Grows by one with each pick of this cluster. */
  readonly turn: number;
  /** Two random numbers in [0, 1). */
  readonly draws: readonly [number, number];
  /** Requests under way from this isolate, by endpoint id. */
  readonly active: ReadonlyMap<string, number>;
}

/**
 * Picks one of the endpoints that may be used.
 *
 * @returns null where there is none
 */
export function pick(usable: readonly Endpoint[], balancer: LoadBalancer, state: PickState): Endpoint | null {
  const [only] = usable;
  if (!only) return null;
  if (usable.length === 1) return only;
  switch (balancer) {
    case "ROUND_ROBIN":
      return atWeight(usable, state.turn % totalWeight(usable)) ?? only;
    case "RANDOM":
      return random(usable, state.draws[0]) ?? only;
    case "LEAST_REQUEST": {
      const one = random(usable, state.draws[0]) ?? only;
      const other = random(usable, state.draws[1]) ?? only;
      const { active } = state;
      return (active.get(other.id) ?? 0) < (active.get(one.id) ?? 0) ? other : one;
    }
  }
}

function random(usable: readonly Endpoint[], draw: number): Endpoint | undefined {
  return atWeight(usable, Math.floor(draw * totalWeight(usable)));
}

function totalWeight(usable: readonly Endpoint[]): number {
  let total = 0;
  for (const { weight } of usable) total += weight;
  return total;
}

/** The endpoint at a place on the line on which each is as long as its weight. */
function atWeight(usable: readonly Endpoint[], place: number): Endpoint | undefined {
  let left = place;
  for (const endpoint of usable) {
    left -= endpoint.weight;
    if (left < 0) return endpoint;
  }
  return undefined;
}
