/** The rungs by which Workers come into a mesh, from the first on: docs/adoption.md. */
export const RUNGS = {
  observe: {
    does: "policies are evaluated and logged, and refuse nothing",
    /** Why the command cannot set it, and what stands in its place. */
    instead:
      "`mode: Observe` of the MeshConfig is not built: without an AuthorizationPolicy nothing is refused, the log tells every call with its caller, and `tulle decide` tells what would be",
  },
  permissive: {
    does: "callers without an identity pass, too",
    instead:
      "this command sets nothing yet: it is the default; where a PeerAuthentication says STRICT, apply `mtls: { mode: PERMISSIVE }` in its place",
  },
  strict: {
    does: "callers without an identity are refused",
    instead:
      "this command sets nothing yet: apply a PeerAuthentication `default` with `mtls: { mode: STRICT }`, in one namespace and then in istio-system for all",
  },
  policies: {
    does: "who may call what is written down, all else is refused",
    instead:
      "this command sets nothing yet: apply an AuthorizationPolicy with an empty `spec` in a namespace, after the ones that allow",
  },
  traffic: {
    does: "routes, timeouts, retries, limits",
    instead: "this command sets nothing yet: apply a VirtualService or a DestinationRule of the service",
  },
} as const;
export type Rung = keyof typeof RUNGS;

export interface MeshObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: unknown;
}

/** Where a rung is taken, as far as the objects of the mesh tell. */
export interface RungState {
  readonly rung: Rung;
  readonly state: "on" | "in part" | "off" | "not built";
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
    { rung: "observe", state: "not built", by: [] },
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
  return `${kind} ${namespace}/${name}`;
}
