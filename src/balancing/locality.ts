import { DRAW, draw } from "../request/draws.ts";
import type { Whereabouts } from "../request/entrance.ts";
import type { CallerLocality, Cluster, Endpoint, LocalitySettings } from "../snapshot/model.ts";
import { type Group, type GroupState, linkGroup, pickIn } from "./group.ts";
import { mixed } from "./hash.ts";
import { levelsFor } from "./levels.ts";

export interface LocalityState extends GroupState {
  /** Where the caller is, as the platform tells it; null: it does not. */
  readonly whereabouts: Whereabouts | null;
  /** Those that are not ejected; the cluster's own list where none is. */
  readonly healthy: readonly Endpoint[];
}

/** Endpoints that are as near, and their share of what goes to their level. */
interface Share {
  readonly group: Group;
  readonly weight: number;
}

/** The endpoints as one caller's locality sees them: the nearest level first; those of no level get nothing. */
type Levels = readonly (readonly Share[])[];

/** What a cluster makes of localities. */
export interface LinkedLocalities {
  /** Made once for each locality that callers have. */
  readonly levels: (whereabouts: Whereabouts | null) => Levels;
}

/** Localities by each of the three ways to name a place. */
export type Callers = Readonly<Record<keyof Whereabouts, ReadonlyMap<string, string>>>;

export function linkCallers(callers: readonly CallerLocality[]): Callers {
  const named = (by: keyof Whereabouts): ReadonlyMap<string, string> =>
    new Map(callers.flatMap(({ [by]: name, locality }) => (name === undefined ? [] : [[name, locality]])));
  return { colo: named("colo"), country: named("country"), continent: named("continent") };
}

export function linkLocalities(cluster: Cluster, settings: LocalitySettings, callers: Callers): LinkedLocalities {
  const made = new Map<string | null, Levels>();
  return {
    levels: (whereabouts) => {
      const locality = whereabouts === null ? null : localityOf(whereabouts, callers);
      let levels = made.get(locality);
      if (levels === undefined) {
        levels = levelsFor(cluster.endpoints, settings, locality).map((shares) =>
          shares.map(({ endpoints, weight }) => ({ group: linkGroup(endpoints, cluster), weight })),
        );
        made.set(locality, levels);
      }
      return levels;
    },
  };
}

/** The colo counts more than the country, that more than the continent; null: the mesh says nothing of the place. */
export function localityOf({ colo, country, continent }: Whereabouts, callers: Callers): string | null {
  return (
    (colo === null ? undefined : callers.colo.get(colo)) ??
    (country === null ? undefined : callers.country.get(country)) ??
    (continent === null ? undefined : callers.continent.get(continent)) ??
    null
  );
}

/** Envoy's overprovisioning: with 72 % of its endpoints a level, or a locality, still carries all of its load. */
const OVERPROVISIONING = 1.4;

/**
 * Picks a level by how much of it is healthy, in it a locality by weight, and there an endpoint.
 */
export function pickByLocality(
  usable: readonly Endpoint[],
  all: Group,
  localities: LinkedLocalities,
  state: LocalityState,
): Endpoint | null {
  const { healthy } = state;
  const levels = localities.levels(state.whereabouts);
  const whole = healthy === all.endpoints;
  const drawn = drawnFor(state);
  const level = whole || levels.length === 1 ? levels[0] : atLoad(levels, loadsOf(levels, healthy), drawn);
  const found = level === undefined ? null : pickInLevel(level, usable, whole ? null : healthy, all, drawn, state);
  if (found !== null) return found;
  // What the drawn level cannot serve, since its endpoints were tried or refuse, goes to the next one that can.
  for (const shares of levels) {
    const other = pickInLevel(shares, usable, whole ? null : healthy, all, drawn, state);
    if (other !== null) return other;
  }
  return null;
}

/** In [0, 1): equal keys find the same level and locality. */
function drawnFor({ hash, seed, attempt }: GroupState): number {
  return hash === null ? draw(seed, DRAW.locality, attempt) : mixed(hash ^ 0x5bd1e995) / 2 ** 32;
}

/** @param healthy null: all */
function pickInLevel(
  shares: readonly Share[],
  usable: readonly Endpoint[],
  healthy: readonly Endpoint[] | null,
  all: Group,
  drawn: number,
  state: GroupState,
): Endpoint | null {
  if (shares.length === 1) return pickInShare(shares[0], usable, all, state);
  const weights = shares.map(({ group, weight }) => weight * Math.min(1, OVERPROVISIONING * partOf(group, healthy)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = drawn * total;
  const at = weights.findIndex((weight) => (left -= weight) < 0);
  for (const share of [shares[at], ...shares]) {
    const found = pickInShare(share, usable, all, state);
    if (found !== null) return found;
  }
  return null;
}

function pickInShare(
  share: Share | undefined,
  usable: readonly Endpoint[],
  all: Group,
  state: GroupState,
): Endpoint | null {
  if (share === undefined) return null;
  const { group } = share;
  if (usable === all.endpoints) return pickIn(group.endpoints, group, state);
  const own = group.endpoints.filter((endpoint) => usable.includes(endpoint));
  return pickIn(own.length === group.endpoints.length ? group.endpoints : own, group, state);
}

/** Which part of a group is healthy. */
function partOf({ endpoints }: Group, healthy: readonly Endpoint[] | null): number {
  if (healthy === null) return 1;
  return endpoints.filter((endpoint) => healthy.includes(endpoint)).length / endpoints.length;
}

/**
 * Which part of the load each level gets: as much as it can carry of what those before it leave over. Where all together cannot
 * carry it, it is shared in proportion.
 *
 * @see Envoy's priority levels
 */
function loadsOf(levels: Levels, healthy: readonly Endpoint[]): readonly number[] {
  const carries = levels.map((shares) => {
    const endpoints = shares.flatMap(({ group }) => group.endpoints);
    const left = endpoints.filter((endpoint) => healthy.includes(endpoint)).length;
    return Math.min(1, (OVERPROVISIONING * left) / endpoints.length);
  });
  const together = Math.min(
    1,
    carries.reduce((sum, part) => sum + part, 0),
  );
  let left = 1;
  return carries.map((part) => {
    const load = together === 0 ? 0 : Math.min(left, part / together);
    left -= load;
    return load;
  });
}

/** Undefined where no level carries anything. */
function atLoad(levels: Levels, loads: readonly number[], drawn: number): readonly Share[] | undefined {
  let left = drawn;
  const at = loads.findIndex((load) => (left -= load) < 0);
  // Sums of fractions may fall short of 1 by a hair.
  return levels[at < 0 ? loads.findLastIndex((load) => load > 0) : at];
}
