import { parseDuration } from "../resources/duration.ts";
import type { ExtensionProviderSpec } from "../resources/extension-providers.ts";
import type { Endpoint, EndpointAddress } from "../snapshot/model.ts";
import type { Collector, MeshTracing } from "../snapshot/tracing-model.ts";
import { placeOf } from "./authorizers.ts";
import { type ClusterDraft, clusterFor } from "./clusters.ts";
import { meshConfig } from "./view.ts";
import type { World } from "./world.ts";

/** Of requests that bring no decision, where nothing is said: Istio's. */
const DEFAULT_SAMPLING = 1;
const DEFAULT_TIMEOUT_MS = 10_000;
/** In which most calls have their answer. */
const DEFAULT_SLOW_MS = 1_000;

/**
 * What gateways do about traces, and where the log goes, as the mesh's settings say.
 *
 * @param reaches whether a gateway has the way to an endpoint
 * @returns null where there is nobody to tell, and no context but W3C's to pass on
 */
export function meshTracing(world: World, reaches: (address: EndpointAddress) => boolean): MeshTracing | null {
  const { extensionProviders = [], defaultProviders, defaultConfig, tracing } = meshConfig(world);
  const collectors = extensionProviders.flatMap(({ name, opentelemetry }) => {
    const collector = opentelemetry && collectorOf(world, opentelemetry, reaches);
    return collector === undefined ? [] : [[name, collector] as const];
  });
  const logs = logCollectors(world, reaches);
  if (collectors.length === 0 && tracing?.b3 === undefined && logs === null) return null;
  const slow = tracing?.keepSlowerThan;
  const slowMs = slow === undefined ? DEFAULT_SLOW_MS : (parseDuration(slow) ?? 0);
  return {
    collectors: Object.fromEntries(collectors),
    providers: defaultProviders?.tracing ?? [],
    sampling: defaultConfig?.tracing?.sampling ?? DEFAULT_SAMPLING,
    ...(tracing?.b3 !== undefined && { b3: tracing.b3 }),
    ...(tracing?.keepErrors !== false && { keepErrors: true as const }),
    ...(slowMs > 0 && { slowMs }),
    ...(logs && { logs }),
  };
}

/** Where lines of the log go, by the names of their providers; null: to the platform's log alone. */
function logCollectors(
  world: World,
  reaches: (address: EndpointAddress) => boolean,
): Readonly<Record<string, Collector>> | null {
  const { extensionProviders = [] } = meshConfig(world);
  const collectors = extensionProviders.flatMap(({ name, envoyOtelAls: at }) =>
    at === undefined
      ? []
      : [[name, { ...placed(world, at, reaches), path: LOGS_PATH, timeoutMs: DEFAULT_TIMEOUT_MS }] as const],
  );
  return collectors.length === 0 ? null : Object.fromEntries(collectors);
}

/** OTLP's own. */
const LOGS_PATH = "/v1/logs";

function collectorOf(
  world: World,
  { http, maxTagLength, ...at }: NonNullable<ExtensionProviderSpec["opentelemetry"]>,
  reaches: (address: EndpointAddress) => boolean,
): Collector | undefined {
  if (http === undefined) return undefined;
  const headers = (http.headers ?? []).map(({ name, value = "" }) => [name.toLowerCase(), value] as const);
  return {
    ...placed(world, at, reaches),
    path: http.path,
    ...(headers.length > 0 && { headers }),
    timeoutMs: (http.timeout === undefined ? null : parseDuration(http.timeout)) ?? DEFAULT_TIMEOUT_MS,
    ...(maxTagLength !== undefined && maxTagLength > 0 && { maxTagLength }),
  };
}

/** One whose service is not there, or without a way to it, has no endpoints: what goes to it is dropped and counted. */
function placed(
  world: World,
  { service, port }: { readonly service: string; readonly port: number },
  reaches: (address: EndpointAddress) => boolean,
): Pick<Collector, "cluster"> {
  const place = placeOf(world, service, port);
  const { viewer, target } = place ?? { viewer: "*", target: { host: service, port, subset: undefined } };
  // Nor are its limits any of the mesh's own calls.
  const {
    cluster: { limits: _, ...cluster },
    endpoints,
  } = clusterFor(world, viewer, target);
  return { cluster: { ...cluster, endpoints: endpoints.filter(({ address }) => reaches(address)).map(unguarded) } };
}

/** Without its policies: the mesh's administrator named it. */
function unguarded(endpoint: ClusterDraft["endpoints"][number]): Endpoint {
  const { policies, settings, ...more } = endpoint;
  void policies;
  void settings;
  return { ...more, policySet: 0 };
}
