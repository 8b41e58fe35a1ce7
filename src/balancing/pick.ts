import { DRAW, draw } from "../request/draws.ts";
import type { Cluster, Endpoint, LoadBalancer } from "../snapshot/model.ts";
import { mixed } from "./hash.ts";
import { buildMaglev, type MaglevTable } from "./maglev.ts";
import { buildRing, placeOf, type Ring } from "./ring.ts";
import { indexAt, indexOfTurn, type Weights, weigh } from "./weights.ts";

/** What the balancer knows beside the endpoints themselves. */
export interface PickState {
  /** Grows by one with each pick of this cluster. */
  readonly turn: number;
  /** Of the request's draws, */
  readonly seed: number;
  /** and which of its attempts this is. */
  readonly attempt: number;
  /** Requests under way from this isolate, by endpoint id. */
  readonly active: ReadonlyMap<string, number>;
  /** 32 bits of what the cluster picks by; null: nothing is there to pick by. */
  readonly hash: number | null;
}

/** A cluster's balancer, made ready when its slice is linked. */
export interface Balancer {
  readonly model: LoadBalancer;
  readonly endpoints: readonly Endpoint[];
  readonly weights: Weights;
  /** Made at the first pick: most clusters of an isolate never see one. */
  readonly ring: () => Ring;
  readonly maglev: () => MaglevTable;
}

export function linkBalancer({ loadBalancer: model, endpoints }: Cluster): Balancer {
  return {
    model,
    endpoints,
    weights: weigh(endpoints.map(weightOf)),
    ring: once(() => buildRing(endpoints, typeof model === "object" && "ring" in model ? model.ring : 1)),
    maglev: once(() => buildMaglev(endpoints, typeof model === "object" && "maglev" in model ? model.maglev : 2)),
  };
}

/**
 * Picks one of the endpoints that may be used.
 *
 * @param usable of the balancer's endpoints, in their order; the same list where all may be used
 * @returns null where there is none
 */
export function pick(usable: readonly Endpoint[], balancer: Balancer, state: PickState): Endpoint | null {
  const [only] = usable;
  if (!only) return null;
  if (usable.length === 1) return only;
  const { model } = balancer;
  if (typeof model === "object") {
    if (state.hash === null) return random(usable, weightsOf(usable, balancer), state) ?? only;
    return ("ring" in model ? onRing(usable, balancer, state.hash) : inTable(usable, balancer, state.hash)) ?? only;
  }
  const weights = weightsOf(usable, balancer);
  switch (model) {
    case "ROUND_ROBIN":
      return usable[indexOfTurn(weights, state.turn)] ?? only;
    case "RANDOM":
      return random(usable, weights, state) ?? only;
    case "LEAST_REQUEST":
      return leastBusy(usable, weights, state) ?? only;
  }
}

function weightOf({ weight }: Endpoint): number {
  return weight;
}

function weightsOf(usable: readonly Endpoint[], { endpoints, weights }: Balancer): Weights {
  return usable === endpoints ? weights : weigh(usable.map(weightOf));
}

function random(usable: readonly Endpoint[], weights: Weights, { seed, attempt }: PickState): Endpoint | undefined {
  return usable[indexAt(weights, draw(seed, DRAW.endpoint, attempt) * weights.total)];
}

/**
 * Envoy's rule: of equals, the less busy one of two that are drawn; where weights differ, each in the share of its weight
 * divided by what it is busy with, itself counted.
 */
function leastBusy(usable: readonly Endpoint[], weights: Weights, state: PickState): Endpoint | undefined {
  const { active, seed, attempt } = state;
  if (weights.ends !== null) {
    const shares = weigh(usable.map(({ id, weight }) => weight / ((active.get(id) ?? 0) + 1)));
    return random(usable, shares, state);
  }
  const one = random(usable, weights, state);
  const other = usable[indexAt(weights, draw(seed, DRAW.otherEndpoint, attempt) * weights.total)];
  if (!one || !other) return one;
  return (active.get(other.id) ?? 0) < (active.get(one.id) ?? 0) ? other : one;
}

/** From the key's place on, the first place whose endpoint may be used: keys of the others stay where they are. */
function onRing(usable: readonly Endpoint[], balancer: Balancer, hash: number): Endpoint | undefined {
  const { endpoints } = balancer;
  const ring = balancer.ring();
  const { length } = ring.owners;
  const from = placeOf(ring, hash);
  for (let step = 0; step < length; step += 1) {
    const endpoint = endpoints[ring.owners[(from + step) % length] ?? 0];
    if (endpoint && mayUse(usable, endpoints, endpoint)) return endpoint;
  }
  return undefined;
}

/** So many slots are looked at for a key before any endpoint will do: with half of all away one in four thousand millions gets there. */
const MOST_LOOKS = 32;

/** Where the slot's endpoint may not be used the key is hashed anew, and so only the keys of that endpoint move. */
function inTable(usable: readonly Endpoint[], balancer: Balancer, hash: number): Endpoint | undefined {
  const { endpoints } = balancer;
  const table = balancer.maglev();
  let key = hash;
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    const endpoint = endpoints[table[key % table.length] ?? 0];
    if (endpoint && mayUse(usable, endpoints, endpoint)) return endpoint;
    key = mixed(key + 0x9e3779b9);
  }
  return usable[hash % usable.length];
}

function mayUse(usable: readonly Endpoint[], all: readonly Endpoint[], endpoint: Endpoint): boolean {
  return usable === all || usable.includes(endpoint);
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
