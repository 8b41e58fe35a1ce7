import type { Endpoint, LocalitySettings } from "../snapshot/model.ts";

/** Endpoints that are as near, and their share of what goes to their level. */
interface NearBy {
  readonly endpoints: readonly Endpoint[];
  readonly weight: number;
}

type Failover = NonNullable<LocalitySettings["failover"]>;

/**
 * The endpoints as callers of one locality see them.
 *
 * @param locality `region/zone/subzone` of the caller, or its beginning; null: not known
 * @returns the nearest level first, none of them empty
 */
export function levelsFor(
  endpoints: readonly Endpoint[],
  { distribute, failover }: LocalitySettings,
  locality: string | null,
): readonly (readonly NearBy[])[] {
  const distribution = distribute?.find(({ from }) => isWithin(locality ?? "", from));
  if (distribution !== undefined) return nonEmpty([shared(endpoints, distribution.to)]);
  if (failover === undefined) return nonEmpty([[{ endpoints, weight: 1 }]]);
  const byPriority = new Map<number, Endpoint[]>();
  for (const endpoint of endpoints) {
    const priority = priorityOf(endpoint, failover, locality);
    const level = byPriority.get(priority);
    if (level === undefined) byPriority.set(priority, [endpoint]);
    else level.push(endpoint);
  }
  return [...byPriority]
    .sort(([a], [b]) => a - b)
    .map(([, level]) => [{ endpoints: level.length === endpoints.length ? endpoints : level, weight: 1 }]);
}

function nonEmpty(levels: readonly (readonly NearBy[])[]): readonly (readonly NearBy[])[] {
  return levels
    .map((shares) => shares.filter(({ endpoints }) => endpoints.length > 0))
    .filter((shares) => shares.length > 0);
}

/** Each endpoint goes to the first that it lies in; those that lie in none get nothing, as in Istio. */
function shared(
  endpoints: readonly Endpoint[],
  to: readonly (readonly [locality: string, weight: number])[],
): NearBy[] {
  const left = new Set(endpoints);
  return to.map(([locality, weight]) => {
    const own = [...left].filter((endpoint) => isWithin(endpoint.locality ?? "", locality));
    for (const endpoint of own) left.delete(endpoint);
    return { endpoints: own, weight };
  });
}

/** @param area `region`, `region/zone` or `region/zone/subzone`, of which the last may be `*` */
function isWithin(locality: string, area: string): boolean {
  const [region, zone, subzone] = partsOf(area);
  const [ownRegion, ownZone, ownSubzone] = partsOf(locality);
  return (
    (region === "*" || region === ownRegion) &&
    (zone === "*" || zone === "" || zone === ownZone) &&
    (subzone === "*" || subzone === "" || subzone === ownSubzone)
  );
}

/** So many differ by region, zone and subzone, and by the region to which a region fails over. */
const LOCALITY_PRIORITIES = 5;

function priorityOf(endpoint: Endpoint, { labels, byLocality, regions }: Failover, locality: string | null): number {
  const byLabels = labelPriority(endpoint, labels, locality);
  // Of a caller whose locality nobody tells every endpoint is as far.
  if (!byLocality || locality === null) return byLabels * LOCALITY_PRIORITIES;
  return byLabels * LOCALITY_PRIORITIES + localityPriority(endpoint.locality ?? "", regions, locality);
}

function localityPriority(locality: string, regions: Failover["regions"], caller: string): number {
  const [region, zone, subzone] = partsOf(locality);
  const [ownRegion, ownZone, ownSubzone] = partsOf(caller);
  if (region !== ownRegion) {
    const [, to] = regions.find(([from]) => from === ownRegion) ?? [];
    return to === undefined || to === region ? 3 : 4;
  }
  if (zone !== ownZone) return 2;
  return subzone === ownSubzone ? 0 : 1;
}

/** 0 where all labels are as the caller's; the earlier one differs, the farther is the endpoint. */
function labelPriority(endpoint: Endpoint, labels: Failover["labels"], caller: string | null): number {
  const differs = labels.findIndex(
    ({ name, value }) =>
      labelOf(name, endpoint.locality, endpoint.labels) !== (value ?? labelOf(name, caller ?? "", {})),
  );
  return differs < 0 ? 0 : labels.length - differs;
}

/** Labels of Kubernetes' nodes that stand for the parts of a locality. */
export const TOPOLOGY_LABELS: readonly string[] = [
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
  "topology.istio.io/subzone",
];

function labelOf(name: string, locality: string | undefined, labels: Endpoint["labels"]): string {
  const part = TOPOLOGY_LABELS.indexOf(name);
  return (part < 0 ? labels?.[name] : partsOf(locality ?? "")[part]) ?? "";
}

function partsOf(locality: string): readonly [region: string, zone: string, subzone: string] {
  const [region = "", zone = "", ...subzone] = locality.split("/");
  return [region, zone, subzone.join("/")];
}
