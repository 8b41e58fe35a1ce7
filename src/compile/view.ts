import { canonicalHost } from "../resources/host.ts";
import type { MeshConfigSpec } from "../resources/mesh-config.ts";
import type { KubeObject } from "../resources/object.ts";
import type { Viewer, World } from "./world.ts";

/** Suffix of the names of Kubernetes services. */
const CLUSTER_DOMAIN = "cluster.local";

const DEFAULT_ROOT_NAMESPACE = "istio-system";

/** Where Istio's ingress gateways run: the workload that a Gateway resource stands for here. */
export const GATEWAY_NAMESPACE = "istio-system";

/** The mesh's settings; one object, `default`, in the namespace `istio-system`. */
export function meshConfig(world: World): MeshConfigSpec {
  return meshConfigObject(world)?.spec ?? {};
}

export function meshConfigObject({ inventory }: World): KubeObject | null {
  return inventory.of("mesh-config", DEFAULT_ROOT_NAMESPACE)[0] ?? null;
}

export function rootNamespace(world: World): string {
  return meshConfig(world).rootNamespace ?? DEFAULT_ROOT_NAMESPACE;
}

export function trustDomain(world: World): string {
  return meshConfig(world).trustDomain ?? world.trustDomain;
}

export function namespaceOf({ metadata }: KubeObject): string {
  return metadata.namespace ?? "";
}

/** A name without dots is one of the namespace of the object that it stands in. */
export function qualified(host: string, namespace: string): string {
  const canonical = canonicalHost(host);
  return host.includes(".") || host === "*" ? canonical : serviceHost(canonical, namespace);
}

export function serviceHost(name: string, namespace: string): string {
  return `${name}.${namespace}.svc.${CLUSTER_DOMAIN}`;
}

/** The parts of a Kubernetes service's host; null for another. */
export function serviceOfHost(host: string): { readonly name: string; readonly namespace: string } | null {
  const suffix = `.svc.${CLUSTER_DOMAIN}`;
  if (!host.endsWith(suffix)) return null;
  const [name, namespace, ...more] = host.slice(0, -suffix.length).split(".");
  return name !== undefined && namespace !== undefined && more.length === 0 ? { name, namespace } : null;
}

/** In place of a namespace: the names of all of them. No namespace is called so. */
export const EVERY_NAMESPACE = "*";

/**
 * Whose names a host or a pattern stands for: all below a namespace's own are that namespace's, also `pod-0.db.shop.svc.cluster.local`
 * and `*.shop.svc.cluster.local`.
 *
 * @returns null: no namespace's; `EVERY_NAMESPACE` where a pattern is wider than one's names, as `*.local` is
 */
export function namespaceNamed(host: string): string | null {
  const below = `.svc.${CLUSTER_DOMAIN}`;
  const isPattern = host.startsWith("*");
  const name = isPattern ? host.slice(1) : host;
  if (!name.endsWith(below)) return isPattern && below.endsWith(name) ? EVERY_NAMESPACE : null;
  const labels = name.slice(0, -below.length).split(".");
  const namespace = labels.pop() ?? "";
  if (labels.length > 0) return namespace;
  return isPattern ? EVERY_NAMESPACE : null;
}

/** Whether every host of a pattern, or the host itself, fits another pattern. */
export function isWithin(pattern: string, wider: string): boolean {
  if (pattern === wider || wider === "*") return true;
  const suffix = wider.slice(1);
  const name = pattern.startsWith("*") ? pattern.slice(1) : pattern;
  return wider.startsWith("*") && name.length > suffix.length && name.endsWith(suffix);
}

/** The patterns of all objects in which the `*` stands for a part of a label: seldom any. */
export const PARTIAL_HOSTS = "partial-host";

/** The host itself and the wildcards that may hold it, the most specific first: `a.b.c`, `*-b.c` if some object says so, `*.c`, `*`. */
export function patternsIn({ inventory }: World, host: string): readonly string[] {
  const patterns = patternsOf(host);
  const partial = inventory.keys(PARTIAL_HOSTS).filter((pattern) => pattern !== host && isWithin(host, pattern));
  if (partial.length === 0) return patterns;
  const [first = host, ...wider] = patterns;
  return [first, ...[...wider, ...partial].toSorted((a, b) => b.length - a.length)];
}

/** The host itself and the wildcards of whole labels that hold it, the most specific first: `a.b.c`, `*.b.c`, `*.c`, `*`. */
export function patternsOf(host: string): readonly string[] {
  if (host === "*") return ["*"];
  const patterns = [host];
  const name = host.startsWith("*.") ? host.slice(2) : host;
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) patterns.push(`*${name.slice(dot)}`);
  patterns.push("*");
  return patterns;
}

/** The narrower of two host patterns that overlap; null where no host fits both. */
export function narrowerOf(first: string, second: string): string | null {
  if (isWithin(first, second)) return first;
  return isWithin(second, first) ? second : null;
}

/** The namespace of a viewer; `*` for anybody. */
export function viewerNamespace(viewer: Viewer): string {
  const slash = viewer.indexOf("/");
  return slash < 0 ? viewer : viewer.slice(0, slash);
}

/** Who sees what a viewer sees where nothing else is said; null for anybody. */
export function widerViewer(viewer: Viewer): Viewer | null {
  if (viewer === "*") return null;
  return viewer.includes("/") ? viewerNamespace(viewer) : "*";
}

/** `resolve`d labels hold all of `wanted`. */
export function selects(wanted: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}
