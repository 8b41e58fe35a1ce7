import { gatewaysOf } from "../../../compile/entries.ts";
import { onlyFor, visible } from "../../../compile/exports.ts";
import { exposes, gatewayAt, gatewayPorts } from "../../../compile/istio/gateway-hosts.ts";
import { routeFor } from "../../../compile/istio/mesh-routes.ts";
import { serviceFor } from "../../../compile/services.ts";
import {
  EVERY_NAMESPACE,
  namespaceNamed,
  namespaceOf,
  patternsIn,
  qualified,
  rootNamespace,
} from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import { matchesAll } from "../../../resources/http-match.ts";
import { type KubeObject, refKey, refOf } from "../../../resources/object.ts";
import type { VirtualServiceSpec } from "../../../resources/virtual-service.ts";

/** Whether its Gateways are there and expose its hosts, and who else routes them. */
export function checkHosts(world: World, object: KubeObject): readonly Finding[] {
  const { hosts = [], http } = object.spec as VirtualServiceSpec;
  const namespace = namespaceOf(object);
  const gateways = gatewaysOf(object);
  const names = hosts.map((host) => qualified(host, namespace));
  const found: Finding[] = [];
  for (const [index, gateway] of gateways.entries()) {
    if (gateway === "mesh") continue;
    const field = `spec.gateways[${index}]`;
    if (gatewayAt(world, gateway) === null)
      found.push(warningAt(field, `there is no Gateway \`${gateway}\` yet`, "TULLE0101"));
    else if (!names.some((name) => exposes(world, gateway, name, namespace)))
      found.push(warningAt(field, `the Gateway \`${gateway}\` exposes none of the hosts`, "TULLE0309"));
  }
  const catchesAll = http.some(isCatchAll);
  for (const [index, name] of names.entries()) {
    const field = `spec.hosts[${index}]`;
    if (gateways.includes("mesh"))
      found.push(...checkMeshHost(world, object, name, field), ...checkOwner(world, object, name, field));
    else found.push(...checkExposed(world, gateways, names, name, namespace, field));
    if (catchesAll) found.push(...checkCatchAll(world, object, gateways, name, field));
  }
  return found;
}

/** In the mesh one VirtualService routes a host. */
function checkMeshHost(world: World, object: KubeObject, name: string, field: string): readonly Finding[] {
  const other = routedBy(world, name, namespaceOf(object));
  if (other === null || isSame(other, object)) return [];
  const message = `no effect on \`${name}\`: the older VirtualService \`${nameOf(other)}\` routes it`;
  return [warningAt(field, message, "TULLE0301")];
}

/** As in Istio it may route the host of another namespace, for the callers of all that see it. Not everybody means that. */
function checkOwner(world: World, object: KubeObject, name: string, field: string): readonly Finding[] {
  const namespace = namespaceOf(object);
  const owner = ownerOf(world, name, namespace) ?? namespace;
  // The administrator of the mesh may speak for all.
  if (owner === namespace || namespace === rootNamespace(world)) return [];
  if (!visible(world, object, owner) && onlyFor(world, object).every((only) => only === namespace)) return [];
  const whose = owner === EVERY_NAMESPACE ? "holds names of other namespaces" : `is of the namespace \`${owner}\``;
  const message = `\`${name}\` ${whose}, and other namespaces' calls of it are routed by this, too: say \`exportTo: ["."]\` to route those of \`${namespace}\` alone`;
  return [warningAt(field, message, "TULLE0125")];
}

/** Whose service a name is, or is one of: `*.example.com` has `a.example.com`. */
function ownerOf(world: World, name: string, namespace: string): string | null {
  for (const host of patternsIn(world, name)) {
    const service = serviceFor(world, host, namespace);
    if (service !== null) return service.namespace;
  }
  // A pattern is for services that come later, too.
  return name.startsWith("*") ? namespaceNamed(name) : null;
}

/** Found once for all VirtualServices that ask. */
function routedBy(world: World, name: string, namespace: string): KubeObject | null {
  return world.memo.get(`routed-by ${namespace} ${name}`, () => routeFor(world, name, namespace));
}

/** A host that no Gateway exposes, beside others that one does. */
function checkExposed(
  world: World,
  gateways: readonly string[],
  names: readonly string[],
  name: string,
  namespace: string,
  field: string,
): readonly Finding[] {
  const exposed = (host: string): boolean => gateways.some((gateway) => exposes(world, gateway, host, namespace));
  if (exposed(name) || !names.some(exposed)) return [];
  return [warningAt(field, `none of the Gateways exposes \`${name}\``, "TULLE0309")];
}

/** At a Gateway the rules of all VirtualServices of a host are joined, and what takes every request stands last: the oldest's. */
function checkCatchAll(
  world: World,
  object: KubeObject,
  gateways: readonly string[],
  name: string,
  field: string,
): readonly Finding[] {
  return gateways.flatMap((gateway): readonly Finding[] => {
    if (gateway === "mesh") return [];
    const oldest = world.memo.get(`oldest-catch-all ${gateway} ${name}`, () => {
      const [first] = world.inventory.of("catch-all", `${gateway} ${name}`);
      return first ?? null;
    });
    if (oldest === null || isSame(oldest, object)) return [];
    const message = `the rule that takes every request is never reached at \`${gateway}\`: the older VirtualService \`${nameOf(oldest)}\` has one for \`${name}\``;
    return [warningAt(field, message, "TULLE0312")];
  });
}

type Rule = VirtualServiceSpec["http"][number];

export function isCatchAll({ match = [], delegate }: Rule): boolean {
  return delegate === undefined && (match.length === 0 || match.some(matchesAll));
}

/**
 * The ports that a rule's requests may come in on: a destination of several ports that names none gets them on the same.
 *
 * @returns null where nothing says so
 */
export function askedPorts(world: World, object: KubeObject, { match = [] }: Rule): readonly number[] {
  const { hosts = [] } = object.spec as VirtualServiceSpec;
  const namespace = namespaceOf(object);
  const named = match.map(({ port = 0 }) => port);
  if (named.length > 0 && !named.includes(0)) return named;
  return gatewaysOf(object).flatMap((gateway) =>
    gateway === "mesh"
      ? hosts.flatMap((host) =>
          (serviceFor(world, qualified(host, namespace), namespace)?.ports ?? []).map(({ number }) => number),
        )
      : gatewayPorts(world, gateway),
  );
}

/** Rules of the mesh say nothing of requests that come in at a Gateway, unless they are bound to it. */
export function checkMeshRules(world: World, object: KubeObject, name: string, field: string): readonly Finding[] {
  const gateways = gatewaysOf(object).filter((gateway) => gateway !== "mesh");
  if (gateways.length === 0) return [];
  const other = routedBy(world, name, namespaceOf(object));
  if (other === null || isSame(other, object) || !choosesSubsets(other)) return [];
  const bound = gatewaysOf(other);
  const unbound = gateways.find((gateway) => !bound.includes(gateway));
  if (unbound === undefined) return [];
  const message = `the subsets that the VirtualService \`${nameOf(other)}\` chooses are for calls in the mesh: requests of \`${unbound}\` go to all endpoints`;
  return [warningAt(field, message, "TULLE0313")];
}

function choosesSubsets({ spec }: KubeObject): boolean {
  const { http } = spec as VirtualServiceSpec;
  return http.some(({ route = [] }) => route.some(({ destination }) => destination.subset !== undefined));
}

function isSame(one: KubeObject, other: KubeObject): boolean {
  return refKey(refOf(one)) === refKey(refOf(other));
}

function nameOf(object: KubeObject): string {
  return `${namespaceOf(object)}/${object.metadata.name}`;
}
