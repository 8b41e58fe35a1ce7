import { type Address, isAllowedHost, parseAddress } from "../resources/address.ts";
import type { EndpointSliceFields, PodSpec } from "../resources/core.ts";
import { inRange, parseCidr, parseIp } from "../match/ip.ts";
import type { KubeObject } from "../resources/object.ts";
import type { EndpointAddress } from "../snapshot/model.ts";
import { meshConfig, namespaceOf, narrowerOf } from "./view.ts";
import type { World, Registration } from "./world.ts";

/** @returns the endpoint's address and id; null where the mesh's settings do not allow it */
export function endpointAt(
  world: World,
  text: string,
  port: number,
  namespace: string,
): { readonly id: string; readonly address: EndpointAddress } | null {
  if (addressProblem(world, text, namespace) !== null) return null;
  if (isDynamic(text)) return { id: text, address: dynamicAddress(world, text.slice(DYNAMIC.length)) };
  const parsed = parseAddress(text, world.local);
  if (!parsed.ok) return null;
  const { value } = parsed;
  switch (value.kind) {
    case "binding":
      return { id: `binding:${value.name}`, address: { kind: "binding", name: value.name } };
    case "origin":
      return { id: value.origin, address: { kind: "origin", origin: value.origin } };
    case "ip":
    case "name": {
      const host = value.kind === "name" ? value.name : value.ip.includes(":") ? `[${value.ip}]` : value.ip;
      const authority = `${host}:${port}`;
      return { id: authority, address: { kind: "private", authority } };
    }
  }
}

/** @returns why the mesh's settings keep an endpoint of this namespace from standing there, or null */
export function addressProblem(world: World, text: string, namespace: string): string | null {
  if (isDynamic(text)) {
    if (world.anyAddress) return null;
    const wildcard = text.slice(DYNAMIC.length);
    return allowedUnder(world, wildcard).length > 0
      ? null
      : `no host under \`${wildcard}\` is on \`egress.allowedHosts\` of the MeshConfig; its administrator can add some`;
  }
  const parsed = parseAddress(text, world.local);
  if (!parsed.ok) return parsed.error;
  const { value } = parsed;
  if (value.kind === "binding" || world.anyAddress) return null;
  if (value.kind === "origin")
    return isEgressAllowed(world, value.host)
      ? null
      : `\`${value.host}\` is not on \`egress.allowedHosts\` of the MeshConfig; its administrator can add it`;
  const inside = (meshConfig(world).privateRanges ?? []).filter(({ range }) => holds(range, value));
  if (inside.some(({ namespaces }) => namespaces.includes("*") || namespaces.includes(namespace))) return null;
  return inside.length > 0
    ? `\`${text}\` lies in a private range that namespace \`${namespace}\` may not use`
    : `\`${text}\` lies in none of \`privateRanges\` of the MeshConfig; its administrator can add one`;
}

const DYNAMIC = "dynamic:";

function isDynamic(address: string): boolean {
  return address.startsWith(DYNAMIC);
}

/** What of a wildcard's hosts is on the egress list: names, and narrower wildcards. */
function allowedUnder(world: World, wildcard: string): readonly string[] {
  const allowed = meshConfig(world).egress?.allowedHosts ?? [];
  const under = allowed.flatMap((entry) => narrowerOf(entry.toLowerCase(), wildcard) ?? []);
  return [...new Set(under)].sort();
}

/**
 * The wildcard without what has an endpoint of its own: that is guarded by its own policies, and no other name leads round
 * them.
 */
function dynamicAddress(world: World, wildcard: string): EndpointAddress {
  return world.memo.get(`dynamic ${wildcard}`, () => ({
    kind: "dynamic",
    hosts: allowedUnder(world, wildcard),
    except: world.inventory.keys("address").flatMap((key) => {
      const host = key.startsWith(DYNAMIC) ? key.slice(DYNAMIC.length) : originHost(key);
      return host !== null && host !== wildcard && narrowerOf(host, wildcard) === host ? [host] : [];
    }),
  }));
}

function originHost(key: string): string | null {
  return key.startsWith("https://") ? key.slice("https://".length) : null;
}

export function isEgressAllowed(world: World, host: string): boolean {
  if (world.anyAddress) return true;
  return isAllowedHost(meshConfig(world).egress?.allowedHosts ?? [], host);
}

function holds(range: string, address: Exclude<Address, { kind: "binding" | "origin" }>): boolean {
  if (address.kind === "name") {
    const suffix = range.toLowerCase();
    return address.name === suffix || address.name.endsWith(`.${suffix}`);
  }
  const cidr = parseCidr(range);
  const ip = parseIp(address.ip);
  return cidr !== null && ip !== null && inRange(ip, cidr);
}

/** All registrations of an address that cover this port, the oldest first. */
export function registrationsOf(world: World, key: string, port: number): readonly Registration[] {
  const { memo, inventory } = world;
  return memo.get(`registrations ${key} ${port}`, () =>
    inventory
      .of("address", key)
      .flatMap((object) => world.kindOf(object)?.registrations(world, object, key) ?? [])
      .filter(({ ports }) => isPortless(key) || (ports?.includes(port) ?? true)),
  );
}

/** Bindings and origins are one endpoint, whatever port they are registered under. */
export function isPortless(key: string): boolean {
  return key.startsWith("binding:") || key.startsWith("https:") || isDynamic(key);
}

/** @returns the namespace that an address with its port belongs to: that of its oldest registration */
export function ownerOf(world: World, key: string, port: number): string | null {
  return registrationsOf(world, key, port)[0]?.namespace ?? null;
}

/** Labels and identity of an EndpointSlice's endpoint are those of the Pod that it points to, else the slice's labels. */
export function sliceEndpointWorkload(
  { inventory }: World,
  slice: KubeObject,
  { targetRef }: EndpointSliceFields["endpoints"][number],
): {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string | null;
  readonly object: KubeObject;
} {
  const namespace = namespaceOf(slice);
  if (targetRef?.kind === "Pod" && targetRef.name !== undefined) {
    // A reference into another namespace would borrow that namespace's identity.
    const [pod] = inventory.of("pod", `${namespace}/${targetRef.name}`);
    if (pod) {
      const { serviceAccountName = "default" } = (pod.spec ?? {}) as PodSpec;
      const { name, labels = {} } = pod.metadata;
      return { name, labels, serviceAccount: serviceAccountName, object: pod };
    }
  }
  return { name: slice.metadata.name, labels: slice.metadata.labels ?? {}, serviceAccount: null, object: slice };
}
