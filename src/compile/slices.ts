import type { MeshConfigSpec } from "../resources/mesh-config.ts";
import {
  FORMAT,
  FORMAT_WITH_PROGRAMS,
  type Cluster,
  type EndpointAddress,
  type Front,
  type PolicySet,
  type Route,
  type Slice,
  type WeightedDestination,
} from "../snapshot/model.ts";
import type { LimitModel } from "../snapshot/limit-model.ts";
import type { RehearsalModel } from "../snapshot/rehearsal-model.ts";
import type { TelemetrySettings } from "../snapshot/telemetry-model.ts";
import { keyHeadersOf } from "../policy/api-keys.ts";
import { enforced } from "../policy/policy-set.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import { holdsPatterns } from "../snapshot/patterns.ts";
import { authorizersFor } from "./authorizers.ts";
import { type ClusterDraft, clusterFor, clusterId } from "./clusters.ts";
import { programsOf } from "./programs.ts";
import { meshConfig, patternsOf } from "./view.ts";
import type { CompiledRoutes, DestinationDraft, FrontDraft, Viewer, World } from "./world.ts";

/** A slice with its text, and what it asks of the gateway that serves it. */
export interface CompiledSlice {
  readonly slice: Slice;
  /** Canonical JSON. */
  readonly text: string;
  /** `namespace/name` of the service; null for a host that is none, and for a Gateway's. */
  readonly service: string | null;
  readonly bindings: readonly string[];
  readonly usesPrivate: boolean;
}

/** What differs between a Gateway's host and one of the mesh. */
export interface SliceHead {
  readonly host: string;
  readonly viewer: Viewer;
  readonly service: string | null;
  readonly ports: readonly number[] | null;
  readonly front: FrontDraft | null;
  readonly outside?: true;
}

/**
 * Puts a slice together: clusters once, policy sets and settings once and numbered, paths as its policies need them.
 *
 * @param drafts of clusters that are no services
 */
export function assemble(
  world: World,
  head: SliceHead,
  { routes: drawn, targets }: CompiledRoutes,
  drafts: readonly ClusterDraft[] = [],
): CompiledSlice {
  const { list: sets, numberOf } = numbered<PolicySet>();
  const told = numbered<TelemetrySettings>();

  const limits = numbered<LimitModel>();
  const numbersOf = (own: readonly LimitModel[] | undefined): Pick<Route, "limits"> =>
    own === undefined ? {} : { limits: own.map(limits.numberOf) };

  const front = head.front && frontWith(head.front, numberOf, numbersOf);
  const rehearsals = numbered<RehearsalModel>();
  const routes = drawn.map(({ limits: own, destinations, ...route }): Route => ({
    ...route,
    destinations: destinations.map((destination) => numberedIn(destination, rehearsals.numberOf)),
    ...numbersOf(own),
  }));
  const clusters: Record<string, Cluster> = {};
  const put = ({ cluster: { limits: own, ...cluster }, endpoints }: ClusterDraft): void => {
    clusters[cluster.id] = {
      ...cluster,
      ...numbersOf(own),
      endpoints: endpoints.map(({ policies, settings, ...endpoint }) => ({
        ...endpoint,
        policySet: numberOf(policies),
        ...(settings && { telemetry: told.numberOf(settings) }),
      })),
    };
  };
  for (const target of targets) {
    const id = clusterId(target.host, target.port, target.subset);
    if (!Object.hasOwn(clusters, id)) put(clusterFor(world, head.viewer, target));
  }
  drafts.forEach(put);
  const authorizers = [...authorizersFor(world, sets)];
  for (const [, { cluster }] of authorizers) if (!Object.hasOwn(clusters, cluster.cluster.id)) put(cluster);
  const slice: Slice = {
    format: FORMAT,
    host: head.host,
    ...(front && { front }),
    ...(head.ports && { ports: head.ports }),
    ...(head.outside && { outside: true as const }),
    ...(limits.list.length > 0 && { limits: limits.list }),
    ...(rehearsals.list.length > 0 && { rehearsals: rehearsals.list }),
    ...keyHeadersIn(sets),
    path: {
      mergeSlashes: mergesSlashes(meshConfig(world)),
      escapedSlashes: escapedSlashes(world, head.host),
      params: pathParameters(world, head.host) ?? (sets.some(restrictsPaths) ? "REFUSE" : "CUT"),
    },
    routes,
    clusters,
    ...callersFor(world, clusters),
    policySets: sets,
    ...(authorizers.length > 0 && {
      authorizers: Object.fromEntries(authorizers.map(([name, { authorizer }]) => [name, authorizer])),
    }),
    ...(told.list.length > 0 && { telemetry: told.list }),
  };
  const text = canonicalJson(slice);
  // To go through all of a slice takes longer than to look through its text.
  const programs = holdsPatterns(text) ? programsOf(slice) : undefined;
  return programs === undefined ? compiled(slice, head.service, text) : compiled({ ...slice, programs }, head.service);
}

function numberedIn(
  { rehearsals, ...destination }: DestinationDraft,
  numberOf: (rehearsal: RehearsalModel) => number,
): WeightedDestination {
  return rehearsals === undefined ? destination : { ...destination, rehearsals: rehearsals.map(numberOf) };
}

/** Each different one once, by its content. */
function numbered<T>(): { readonly list: readonly T[]; readonly numberOf: (one: T) => number } {
  const list: T[] = [];
  const numbers = new Map<string, number>();
  // Many routes have the same ones, of which each is written out once.
  const seen = new Map<T, number>();
  const numberOf = (one: T): number => {
    const before = seen.get(one);
    if (before !== undefined) return before;
    const text = canonicalJson(one);
    const number = numbers.get(text) ?? list.push(one) - 1;
    numbers.set(text, number);
    seen.set(one, number);
    return number;
  };
  return { list, numberOf };
}

function callersFor(world: World, clusters: Slice["clusters"]): Pick<Slice, "callers"> {
  const { localities } = meshConfig(world);
  const isAsked = Object.values(clusters).some(({ locality }) => locality !== undefined);
  return localities === undefined || !isAsked ? {} : { callers: localities };
}

function frontWith(
  { policies, limits, ...front }: FrontDraft,
  numberOf: (set: PolicySet) => number,
  numbersOf: (limits: readonly LimitModel[] | undefined) => Pick<Route, "limits">,
): Front {
  return { ...front, policySet: numberOf(policies), ...numbersOf(limits) };
}

function compiled(slice: Slice, service: string | null, text = canonicalJson(slice)): CompiledSlice {
  const addresses = Object.values(slice.clusters).flatMap(({ endpoints }) => endpoints.map(({ address }) => address));
  const bindings = addresses.flatMap((address) => bindingOf(address) ?? []);
  return {
    slice,
    text,
    service,
    bindings: [...new Set(bindings)],
    usesPrivate: addresses.some(({ kind }) => kind === "private"),
  };
}

/** What of the gateway's bindings the way there takes, by name; null: none of its own. */
function bindingOf(address: EndpointAddress): string | null {
  if (address.kind === "binding") return address.name;
  return address.kind === "private" ? null : (address.certificate ?? null);
}

function keyHeadersIn(sets: readonly PolicySet[]): Pick<Slice, "keyHeaders"> {
  const headers = keyHeadersOf(sets.flatMap(({ keys = [] }) => keys));
  return headers.length === 0 ? {} : { keyHeaders: headers };
}

/** Whether some rule looks at the path: then its `;params` are refused rather than cut (design: hosts that restrict paths). */
function restrictsPaths({ deny, allow, custom = [] }: PolicySet): boolean {
  return enforced([...deny, ...allow, ...custom]).some(({ rules }) =>
    rules.some(({ to = [] }) => to.some(({ paths, notPaths }) => paths !== undefined || notPaths !== undefined)),
  );
}

function mergesSlashes({ pathNormalization }: MeshConfigSpec): boolean {
  const normalization = pathNormalization?.normalization;
  return normalization !== "BASE" && normalization !== "DEFAULT";
}

function escapedSlashes(world: World, host: string): Slice["path"]["escapedSlashes"] {
  const { escapedSlashes: settings, pathNormalization } = meshConfig(world);
  const decodes = pathNormalization?.normalization === "DECODE_AND_MERGE_SLASHES";
  return modeOf(settings, host) ?? (decodes ? "DECODE" : "REFUSE");
}

function pathParameters(world: World, host: string): Slice["path"]["params"] | undefined {
  return modeOf(meshConfig(world).pathParameters, host);
}

/** What the settings say of the host itself, else of the narrowest wildcard that holds it, else of all. */
function modeOf<M extends string>(settings: ModeByHost<M> | undefined, host: string): M | undefined {
  const byHost = patternsOf(host)
    .map((pattern) => settings?.hosts?.find((entry) => entry.host.toLowerCase() === pattern)?.mode)
    .find((mode) => mode !== undefined);
  return byHost ?? settings?.default;
}

interface ModeByHost<M> {
  readonly default?: M;
  readonly hosts?: readonly { readonly host: string; readonly mode: M }[];
}

/** The slice for a gateway that lacks some of its bindings: their endpoints are left out. */
export function withoutEndpoints(
  { slice, service }: CompiledSlice,
  has: (binding: string) => boolean,
  hasPrivate: boolean,
): CompiledSlice {
  const clusters = Object.fromEntries(
    Object.entries(slice.clusters).map(([id, cluster]) => [
      id,
      {
        ...cluster,
        endpoints: cluster.endpoints.filter(({ address }) => isReached(address, has, hasPrivate)),
      },
    ]),
  );
  return compiled({ ...slice, clusters }, service);
}

/** The slice for a gateway of before programs, which compiles patterns by itself and knows all else. */
export function withoutPrograms({ slice, service }: CompiledSlice): CompiledSlice {
  const { programs: _, ...older } = slice;
  return compiled({ ...older, format: FORMAT_WITH_PROGRAMS - 1 }, service);
}

/** Whether a gateway has the way to an endpoint. */
export function isReached(address: EndpointAddress, has: (binding: string) => boolean, hasPrivate: boolean): boolean {
  const binding = bindingOf(address);
  return binding === null ? address.kind !== "private" || hasPrivate : has(binding);
}
