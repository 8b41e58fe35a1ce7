import { DRAW, draw } from "../request/draws.ts";
import type { Cluster, Endpoint } from "../snapshot/model.ts";
import { mixed } from "./hash.ts";
import { buildMaglev, type MaglevTable } from "./maglev.ts";
import { buildRing, placeOf, type Ring } from "./ring.ts";
import { keptTable } from "./tables.ts";
import { warmedBy, weightAt } from "./warmup.ts";
import { indexAt, indexOfTurn, type Weights, weigh } from "./weights.ts";

/** What the balancer knows beside the endpoints themselves. */
export interface GroupState {
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
  /** Epoch ms. */
  readonly now: number;
}

/** Endpoints among which one algorithm picks, made ready. */
export interface Group {
  readonly endpoints: readonly Endpoint[];
  readonly model: Pick<Cluster, "loadBalancer" | "warmup">;
  readonly weights: Weights;
  /** Epoch ms; before it weights are not yet what they will be. */
  readonly warmedBy: number;
  /** Made at a pick: most clusters of an isolate never see one. */
  readonly ring: () => Ring;
  readonly maglev: () => MaglevTable;
}

export function linkGroup(endpoints: readonly Endpoint[], model: Group["model"]): Group {
  const { loadBalancer, warmup } = model;
  return {
    endpoints,
    model,
    weights: weigh(endpoints.map(({ weight }) => weight)),
    warmedBy: warmup === undefined ? 0 : warmedBy(endpoints, warmup),
    ring: keptTable(
      () => buildRing(endpoints, typeof loadBalancer === "object" && "ring" in loadBalancer ? loadBalancer.ring : 1),
      ({ places, owners }) => places.byteLength + owners.byteLength,
    ),
    maglev: keptTable(
      () =>
        buildMaglev(endpoints, typeof loadBalancer === "object" && "maglev" in loadBalancer ? loadBalancer.maglev : 2),
      ({ byteLength }) => byteLength,
    ),
  };
}

/**
 * Picks one of the endpoints that may be used.
 *
 * @param usable of the group's endpoints, in their order; the same list where all may be used
 * @returns null where there is none
 */
export function pickIn(usable: readonly Endpoint[], group: Group, state: GroupState): Endpoint | null {
  const [only] = usable;
  if (!only) return null;
  if (usable.length === 1) return only;
  const { loadBalancer } = group.model;
  if (typeof loadBalancer === "object") {
    if (state.hash === null) return random(usable, weightsOf(usable, group, null), state) ?? only;
    const found = "ring" in loadBalancer ? onRing(usable, group, state.hash) : inTable(usable, group, state.hash);
    return found ?? only;
  }
  switch (loadBalancer) {
    case "ROUND_ROBIN":
      return usable[indexOfTurn(weightsOf(usable, group, state.now), state.turn)] ?? only;
    case "RANDOM":
      return random(usable, weightsOf(usable, group, null), state) ?? only;
    case "LEAST_REQUEST":
      return leastBusy(usable, weightsOf(usable, group, state.now), state) ?? only;
  }
}

/** @param now epoch ms, for the rules that let new endpoints warm up */
function weightsOf(usable: readonly Endpoint[], group: Group, now: number | null): Weights {
  const { warmup } = group.model;
  if (warmup !== undefined && now !== null && now < group.warmedBy)
    return weigh(usable.map((endpoint) => weightAt(endpoint, warmup, now)));
  return usable === group.endpoints ? group.weights : weigh(usable.map(({ weight }) => weight));
}

function random(usable: readonly Endpoint[], weights: Weights, { seed, attempt }: GroupState): Endpoint | undefined {
  return usable[indexAt(weights, draw(seed, DRAW.endpoint, attempt) * weights.total)];
}

/**
 * Envoy's rule: of equals, the less busy one of two that are drawn; where weights differ, each in the share of its weight
 * divided by what it is busy with, itself counted.
 */
function leastBusy(usable: readonly Endpoint[], weights: Weights, state: GroupState): Endpoint | undefined {
  const { active, seed, attempt } = state;
  if (weights.ends !== null) return idlest(usable, weights.ends, state);
  const one = random(usable, weights, state);
  const other = usable[indexAt(weights, draw(seed, DRAW.otherEndpoint, attempt) * weights.total)];
  if (!one || !other) return one;
  return (active.get(other.id) ?? 0) < (active.get(one.id) ?? 0) ? other : one;
}

/** What endpoints are busy with changes with every request, so their shares are summed up anew. */
function idlest(usable: readonly Endpoint[], ends: readonly number[], state: GroupState): Endpoint | undefined {
  const shareOf = ({ id }: Endpoint, at: number): number =>
    ((ends[at] ?? 0) - (ends[at - 1] ?? 0)) / ((state.active.get(id) ?? 0) + 1);
  let total = 0;
  for (const [at, endpoint] of usable.entries()) total += shareOf(endpoint, at);
  let left = draw(state.seed, DRAW.endpoint, state.attempt) * total;
  return usable.find((endpoint, at) => (left -= shareOf(endpoint, at)) < 0) ?? usable.at(-1);
}

/** From the key's place on, the first place whose endpoint may be used: keys of the others stay where they are. */
function onRing(usable: readonly Endpoint[], group: Group, hash: number): Endpoint | undefined {
  const { endpoints } = group;
  const ring = group.ring();
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
function inTable(usable: readonly Endpoint[], group: Group, hash: number): Endpoint | undefined {
  const { endpoints } = group;
  const table = group.maglev();
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
