import { parseDuration } from "../resources/duration.ts";
import type { ExtensionProviderSpec } from "../resources/extension-providers.ts";
import { serviceParts } from "../resources/provider-service.ts";
import { canonicalHost } from "../resources/host.ts";
import type { ExternalAuthorizer, HeaderNames, PolicySet } from "../snapshot/model.ts";
import { type ClusterDraft, clusterFor } from "./clusters.ts";
import { mayOwn, serviceFor } from "./services.ts";
import { meshConfig, namespaceOf } from "./view.ts";
import type { Target, World } from "./world.ts";

/** As in Istio. */
const DEFAULT_TIMEOUT_MS = 600_000;

/** What guards an authorizer's endpoints where it is asked: the mesh's administrator has named it, and it asks nobody itself. */
const UNGUARDED: PolicySet = { mtls: "PERMISSIVE", jwt: [], deny: [], allow: [] };

/** An external authorizer of the mesh's settings, and where it is. */
interface CompiledAuthorizer {
  readonly authorizer: ExternalAuthorizer;
  readonly cluster: ClusterDraft;
}

/** Those whom the policies of some sets ask, by name, without those that are not there. */
export function authorizersFor(world: World, sets: readonly PolicySet[]): ReadonlyMap<string, CompiledAuthorizer> {
  const asked = new Set(sets.flatMap(({ custom = [] }) => custom.map(({ provider }) => provider)));
  return new Map(
    [...asked].sort().flatMap((name) => {
      const authorizer = authorizerNamed(world, name);
      return authorizer === null ? [] : [[name, authorizer]];
    }),
  );
}

/** The provider of a name, that can be asked; undefined: none has it. */
export function providerNamed(world: World, name: string): ExtensionProviderSpec | undefined {
  return meshConfig(world).extensionProviders?.find((provider) => provider.name === name);
}

function authorizerNamed(world: World, name: string): CompiledAuthorizer | null {
  const http = providerNamed(world, name)?.envoyExtAuthzHttp;
  const place = http && placeOf(world, http.service, Number(http.port));
  if (http === undefined || place === undefined || place === null) return null;
  const { cluster, endpoints } = clusterFor(world, place.viewer, place.target);
  return {
    authorizer: modelOf(http, cluster.id),
    cluster: { cluster, endpoints: endpoints.map((endpoint) => ({ ...endpoint, policies: UNGUARDED })) },
  };
}

/**
 * Where a provider's service is. It is the mesh's own: it is seen whatever its namespace exports, and called as that namespace would.
 *
 * @param port of the service
 * @returns null where there is no such service, or no such port of it
 */
export function placeOf(
  world: World,
  service: string,
  port: number,
): { readonly target: Target; readonly viewer: string } | null {
  const { namespace, host: written } = serviceParts(service);
  const host = canonicalHost(written);
  const object = world.inventory
    .of("service", host)
    .find((one) => mayOwn(one, host) && (namespace === null || namespaceOf(one) === namespace));
  if (object === undefined) return null;
  const viewer = namespaceOf(object);
  const isServed = serviceFor(world, host, viewer)?.ports.some(({ number }) => number === port) ?? false;
  return isServed ? { target: { host, port, subset: undefined }, viewer } : null;
}

type HttpSpec = NonNullable<ExtensionProviderSpec["envoyExtAuthzHttp"]>;

function modelOf(spec: HttpSpec, cluster: string): ExternalAuthorizer {
  const { timeout, pathPrefix, failOpen, statusOnError, includeRequestBodyInCheck: body } = spec;
  const told = names(spec.includeRequestHeadersInCheck ?? spec.includeHeadersInCheck);
  const added = Object.entries(spec.includeAdditionalHeadersInCheck ?? {});
  const toService = names(spec.headersToUpstreamOnAllow);
  const toClientOnDeny = names(spec.headersToDownstreamOnDeny);
  const toClientOnAllow = names(spec.headersToDownstreamOnAllow);
  return {
    cluster,
    timeoutMs: (timeout === undefined ? null : parseDuration(timeout)) ?? DEFAULT_TIMEOUT_MS,
    ...(pathPrefix !== undefined && { pathPrefix }),
    ...(failOpen === true && { failOpen }),
    ...(statusOnError !== undefined && { statusOnError: Number(statusOnError) }),
    ...(told && { told }),
    ...(added.length > 0 && { added: added.map(([name, value]) => [name.toLowerCase(), value] as const) }),
    ...(body && { maxBodyBytes: body.maxRequestBytes }),
    ...(toService && { toService }),
    ...(toClientOnDeny && { toClientOnDeny }),
    ...(toClientOnAllow && { toClientOnAllow }),
  };
}

/** An empty list says what none says, as in Istio. */
function names(list: readonly string[] = []): HeaderNames | null {
  return list.length === 0 ? null : list.map((name) => nameMatch(name.toLowerCase()));
}

function nameMatch(name: string): HeaderNames[number] {
  if (name.startsWith("*")) return { kind: "suffix", value: name.slice(1) };
  if (name.endsWith("*")) return { kind: "prefix", value: name.slice(0, -1) };
  return { kind: "exact", value: name };
}
