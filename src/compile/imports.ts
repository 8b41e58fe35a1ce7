import { canonicalHost } from "../resources/host.ts";
import type { KubeObject } from "../resources/object.ts";
import type { SidecarSpec } from "../resources/sidecar.ts";
import type { Labels } from "./entries.ts";
import { isWithin, namespaceOf, rootNamespace, selects, viewerNamespace } from "./view.ts";
import { accountsWith, viewerLabels } from "./viewer.ts";
import type { Viewer, World } from "./world.ts";

/** Hosts of a namespace that a Sidecar names. */
interface HostsOf {
  /** `*`: any. */
  readonly namespace: string;
  /** A name, `*.suffix` or `*`. */
  readonly host: string;
}

/** What a Sidecar lets a viewer see of all that is exported to it: what some entry names and no exclusion does. */
export interface Imports {
  /** Null: on all ports. */
  readonly entries: readonly (HostsOf & { readonly port: number | null })[];
  readonly excluded: readonly HostsOf[];
  /** It names what it imports, rather than what it leaves out. */
  readonly isClosed: boolean;
}

/** Of callers whose namespace is not known. */
const NO_NAMESPACE = "";

/**
 * The Sidecar that stands in front of a viewer: the oldest that selects it, its namespace's, the root namespace's.
 *
 * @returns null where there is none, and for a Gateway's workload
 */
export function sidecarOf(world: World, viewer: Viewer): KubeObject | null {
  const namespace = viewerNamespace(viewer);
  return viewer.startsWith(`${namespace}/*`) ? null : sidecarFor(world, namespace, () => viewerLabels(world, viewer));
}

/** The one in front of a workload whose labels are known. */
export function sidecarFor(world: World, namespace: string, labels: () => Labels): KubeObject | null {
  const own = world.inventory.of("sidecar", namespace);
  const selecting = own.find((sidecar) => {
    const selector = selectedBy(sidecar);
    return selector !== null && selects(selector, labels());
  });
  return selecting ?? general(own) ?? general(world.inventory.of("sidecar", rootNamespace(world)));
}

function general(sidecars: readonly KubeObject[]): KubeObject | null {
  return sidecars.find((sidecar) => selectedBy(sidecar) === null) ?? null;
}

/** The labels of the callers that a Sidecar is for; null: all of its namespace. */
export function selectedBy({ spec }: KubeObject): Readonly<Record<string, string>> | null {
  const { workloadSelector } = spec as SidecarSpec;
  return workloadSelector === undefined ? null : (workloadSelector.labels ?? {});
}

/** @returns null where no Sidecar says it: all that is exported to the viewer */
export function importsOf(world: World, viewer: Viewer): Imports | null {
  return world.memo.get(`imports ${viewer}`, () => {
    const { egress } = (sidecarOf(world, viewer)?.spec ?? {}) as SidecarSpec;
    if (egress === undefined) return null;
    const own = viewer === "*" ? NO_NAMESPACE : viewerNamespace(viewer);
    const all = egress.flatMap(({ port, hosts }) =>
      hosts.map((text) => ({ ...hostsOf(text, own), port: port?.number ?? null, excludes: text.startsWith("~") })),
    );
    const entries = all.filter(({ excludes }) => !excludes);
    return {
      entries,
      excluded: all.filter(({ excludes }) => excludes),
      isClosed: !entries.some(({ namespace, host }) => namespace === "*" && host === "*"),
    };
  });
}

/** `namespace/host`, or `~namespace/host`; `~/*` names nothing. */
function hostsOf(text: string, own: string): HostsOf {
  const [first = "", host = ""] = text.split("/");
  const namespace = first.startsWith("~") ? first.slice(1) : first;
  return { namespace: namespace === "." ? own : namespace, host: canonicalHost(host) };
}

function covers(pattern: string, host: string): boolean {
  return isWithin(host, pattern);
}

function names({ namespace, host }: HostsOf, object: KubeObject, of: string): boolean {
  return (namespace === "*" || namespace === namespaceOf(object)) && covers(host, of);
}

/** On which of its ports a service's host is imported; null where it is not. */
export function importedPorts(
  imports: Imports | null,
  object: KubeObject,
  host: string,
  ports: readonly number[],
): readonly number[] | null {
  if (imports === null) return ports;
  if (imports.excluded.some((entry) => names(entry, object, host))) return null;
  const entries = imports.entries.filter((entry) => names(entry, object, host));
  if (entries.some(({ port }) => port === null)) return ports;
  const limited = ports.filter((port) => entries.some((entry) => entry.port === port));
  return limited.length === 0 ? null : limited;
}

/** Whether a rule for these hosts is imported. As in Istio a host that is wider than an entry, or narrower, does. */
export function importsRule(imports: Imports | null, object: KubeObject, hosts: readonly string[]): boolean {
  if (imports === null) return true;
  return hosts.some(
    (host) =>
      imports.entries.some((entry) => names(entry, object, host) || names({ ...entry, host }, object, entry.host)) &&
      !imports.excluded.some((entry) => names(entry, object, host)),
  );
}

/** Who sees the mesh through a Sidecar of its own namespace: namespaces, and service accounts that one selects. */
interface SidecarViewers {
  /** Their Sidecar names what it imports. */
  readonly closed: readonly Viewer[];
  /** They see what others see, but for what their Sidecar leaves out. */
  readonly open: readonly Viewer[];
}

export function sidecarViewers(world: World): SidecarViewers {
  return world.memo.get("sidecar-viewers", () => {
    const named = world.inventory.keys("sidecar").flatMap((namespace) => {
      const selecting = world.inventory
        .of("sidecar", namespace)
        .map((sidecar) => selectedBy(sidecar) ?? {})
        .filter((labels) => Object.keys(labels).length > 0)
        .flatMap((labels) => accountsWith(world, labels))
        .filter((account) => viewerNamespace(account) === namespace);
      return [namespace, ...selecting];
    });
    const viewers = [...new Set<Viewer>(named)].filter((viewer) => {
      const own = sidecarOf(world, viewer);
      if (own === null || namespaceOf(own) !== viewerNamespace(viewer)) return false;
      // An account that sees by its namespace's Sidecar sees nothing else than its namespace.
      return !viewer.includes("/") || sidecarOf(world, viewerNamespace(viewer)) !== own;
    });
    const isClosed = (viewer: Viewer): boolean => importsOf(world, viewer)?.isClosed === true;
    return { closed: viewers.filter(isClosed), open: viewers.filter((viewer) => !isClosed(viewer)) };
  });
}

/** Hosts that a viewer may see by what its Sidecar names: all that it sees are among them. */
export function namedHosts(world: World, { entries }: Imports): ReadonlySet<string> {
  const { inventory } = world;
  const hosts = new Set<string>();
  const take = (objects: readonly KubeObject[]): void => {
    for (const object of objects)
      for (const [table, key] of world.kindOf(object)?.entries(object) ?? [])
        if (table === "service" || table === "mesh-route") hosts.add(key);
  };
  for (const { namespace, host } of entries) {
    if (namespace !== "*") take(inventory.of("hosts-of", namespace));
    else
      for (const table of ["service", "mesh-route"])
        for (const key of inventory.keys(table))
          if (covers(host, key) || covers(key, host)) take(inventory.of(table, key));
  }
  return hosts;
}
