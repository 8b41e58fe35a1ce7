import { MODE_LABEL } from "../resources/core.ts";

/**
 * The rungs by which Workers come into a mesh, from the first on: docs/adoption.md. `instead`: why the command cannot set it, and
 * what stands in its place.
 */
export const RUNGS = {
  observe: { does: "policies are evaluated and logged, and refuse nothing", instead: null },
  permissive: { does: "callers without an identity pass, too", instead: null },
  strict: { does: "callers without an identity are refused", instead: null },
  policies: {
    does: "who may call what is written down, all else is refused",
    instead:
      "this command cannot know who may call what: apply an AuthorizationPolicy with an empty `spec` in a namespace, after the ones that allow",
  },
  traffic: {
    does: "routes, timeouts, retries, limits",
    instead:
      "this command cannot know how calls are to be led: apply a VirtualService or a DestinationRule of the service",
  },
} as const;
export type Rung = keyof typeof RUNGS;

export interface MeshObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Of the state that was read; empty: there is none yet. */
  readonly resourceVersion: string;
  readonly spec: unknown;
}

/** Where a rung is taken, as far as the objects of the mesh tell. */
export interface RungState {
  readonly rung: Rung;
  readonly state: "on" | "in part" | "off";
  /** Objects that make it so: `PeerAuthentication istio-system/default`. */
  readonly by: readonly string[];
}

type Mode = "DISABLE" | "PERMISSIVE" | "STRICT";

/**
 * @param rootNamespace whose PeerAuthentication and AuthorizationPolicies hold for the whole mesh
 */
export function rungsOf(objects: readonly MeshObject[], rootNamespace: string): readonly RungState[] {
  const peers = objects.flatMap((object) => {
    const mode = object.kind === "PeerAuthentication" ? modeOf(object.spec) : null;
    return mode === null
      ? []
      : [{ object, mode, isMeshWide: object.namespace === rootNamespace && !selects(object.spec) }];
  });
  const everywhere = peers.find(({ isMeshWide }) => isMeshWide)?.mode ?? "PERMISSIVE";
  const strict = peers.filter(({ mode }) => mode === "STRICT");
  const loose = peers.filter(({ mode }) => mode !== "STRICT");
  const named = (kinds: readonly string[]) => objects.filter(({ kind }) => kinds.includes(kind)).map(nameOf);
  const policies = named(["AuthorizationPolicy"]);
  const traffic = named(["VirtualService", "DestinationRule"]);
  return [
    observing(objects),
    {
      rung: "permissive",
      state: everywhere === "STRICT" ? (loose.length > 0 ? "in part" : "off") : strict.length > 0 ? "in part" : "on",
      by: loose.map(({ object }) => nameOf(object)),
    },
    {
      rung: "strict",
      state: everywhere === "STRICT" && loose.length === 0 ? "on" : strict.length > 0 ? "in part" : "off",
      by: strict.map(({ object }) => nameOf(object)),
    },
    {
      rung: "policies",
      state: policies.length === 0 ? "off" : deniesAll(objects, rootNamespace) ? "on" : "in part",
      by: policies,
    },
    { rung: "traffic", state: traffic.length === 0 ? "off" : "on", by: traffic },
  ];
}

function observing(objects: readonly MeshObject[]): RungState {
  const config = objects.find(isObservingMesh);
  const namespaces = objects.filter(({ kind }) => kind === "Namespace");
  const observe = namespaces.filter(({ labels }) => labels[MODE_LABEL] === "observe");
  const enforce = namespaces.filter(({ labels }) => labels[MODE_LABEL] === "enforce");
  const by = [...(config ? [config] : []), ...observe].map(nameOf);
  return { rung: "observe", state: by.length === 0 ? "off" : config && enforce.length === 0 ? "on" : "in part", by };
}

function isObservingMesh({ kind, spec }: MeshObject): boolean {
  return kind === "MeshConfig" && (Object(spec) as { readonly mode?: unknown }).mode === "Observe";
}

export type SetRung = "observe" | "permissive" | "strict";

/**
 * The objects that take a rung, as they have to be written.
 *
 * @param objects of the mesh as they are: its Namespaces, MeshConfig and PeerAuthentications
 * @param namespace null: the whole mesh
 */
export function objectsFor(
  rung: SetRung,
  namespace: string | null,
  objects: readonly MeshObject[],
  rootNamespace: string,
): readonly MeshObject[] {
  const mode = namespace === null ? meshMode(rung, objects) : namespaceMode(rung, namespace, objects);
  if (rung === "observe") return mode;
  const of = namespace ?? rootNamespace;
  const general = objects.filter(
    (one) => one.kind === "PeerAuthentication" && one.namespace === of && !selects(one.spec),
  );
  const peers = general.find(({ name }) => name === "default") ??
    general[0] ?? { ...NEW, ...DEFAULT_PEERS, namespace: of };
  const spec = { ...Object(peers.spec), mtls: { mode: rung.toUpperCase() } };
  return [...mode, { ...peers, spec }];
}

const NEW: Pick<MeshObject, "labels" | "annotations" | "resourceVersion" | "spec"> = {
  labels: {},
  annotations: {},
  resourceVersion: "",
  spec: {},
};
const DEFAULT_PEERS = { apiVersion: "security.istio.io/v1", kind: "PeerAuthentication", name: "default" } as const;
const DEFAULT_CONFIG = {
  apiVersion: "tulle.dev/v1alpha1",
  kind: "MeshConfig",
  name: "default",
  namespace: "istio-system",
} as const;

function meshMode(rung: SetRung, objects: readonly MeshObject[]): readonly MeshObject[] {
  const config = objects.find(({ kind }) => kind === "MeshConfig") ?? { ...NEW, ...DEFAULT_CONFIG };
  if (rung !== "observe" && !isObservingMesh(config)) return [];
  return [{ ...config, spec: { ...Object(config.spec), mode: rung === "observe" ? "Observe" : "Enforce" } }];
}

function namespaceMode(rung: SetRung, name: string, objects: readonly MeshObject[]): readonly MeshObject[] {
  const found = objects.find((one) => one.kind === "Namespace" && one.name === name);
  const object = found ?? { ...NEW, apiVersion: "v1", kind: "Namespace", namespace: "", name };
  const observes = object.labels[MODE_LABEL] === "observe" || objects.some(isObservingMesh);
  if (rung !== "observe" && !observes) return [];
  return [{ ...object, labels: { ...object.labels, [MODE_LABEL]: rung === "observe" ? "observe" : "enforce" } }];
}

/** An ALLOW policy for the whole mesh: whom no policy allows is refused. */
function deniesAll(objects: readonly MeshObject[], rootNamespace: string): boolean {
  return objects.some(({ kind, namespace, spec }) => {
    const { action = "ALLOW" } = Object(spec) as { readonly action?: unknown };
    return kind === "AuthorizationPolicy" && namespace === rootNamespace && action === "ALLOW" && !selects(spec);
  });
}

/** Null where it inherits. */
function modeOf(spec: unknown): Mode | null {
  const { mtls } = Object(spec) as { readonly mtls?: { readonly mode?: unknown } };
  const mode = mtls?.mode;
  return mode === "DISABLE" || mode === "PERMISSIVE" || mode === "STRICT" ? mode : null;
}

function selects(spec: unknown): boolean {
  const { selector, targetRefs } = Object(spec) as { readonly selector?: unknown; readonly targetRefs?: unknown };
  return selector !== undefined || targetRefs !== undefined;
}

function nameOf({ kind, namespace, name }: MeshObject): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
