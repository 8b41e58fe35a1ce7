/** Kinds that the dashboard lists, by the plural that the API has in its paths. */
export interface ListedKind {
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly about: "policy" | "route" | "gateway" | "workload" | "mesh";
}

const NETWORKING = { group: "networking.istio.io", version: "v1" } as const;
const TULLE = { group: "tulle.dev", version: "v1alpha1" } as const;
const TELEMETRY = { group: "telemetry.istio.io", version: "v1" } as const;
const SECURITY = { group: "security.istio.io", version: "v1" } as const;

export const LISTED_KINDS: readonly ListedKind[] = [
  { kind: "AuthorizationPolicy", plural: "authorizationpolicies", about: "policy", ...SECURITY },
  { kind: "RequestAuthentication", plural: "requestauthentications", about: "policy", ...SECURITY },
  { kind: "PeerAuthentication", plural: "peerauthentications", about: "policy", ...SECURITY },
  { kind: "APIKeyPolicy", plural: "apikeypolicies", about: "policy", ...TULLE },
  { kind: "RateLimitPolicy", plural: "ratelimitpolicies", about: "policy", ...TULLE },
  { kind: "FaultRehearsal", plural: "faultrehearsals", about: "route", ...TULLE },
  { kind: "VirtualService", plural: "virtualservices", about: "route", ...NETWORKING },
  { kind: "DestinationRule", plural: "destinationrules", about: "route", ...NETWORKING },
  { kind: "ServiceEntry", plural: "serviceentries", about: "route", ...NETWORKING },
  { kind: "Sidecar", plural: "sidecars", about: "route", ...NETWORKING },
  { kind: "Gateway", plural: "gateways", about: "gateway", ...NETWORKING },
  { kind: "WorkloadEntry", plural: "workloadentries", about: "workload", ...NETWORKING },
  { kind: "WorkloadGroup", plural: "workloadgroups", about: "workload", ...NETWORKING },
  { kind: "Telemetry", plural: "telemetries", about: "mesh", ...TELEMETRY },
  { kind: "MeshConfig", plural: "meshconfigs", about: "mesh", ...TULLE },
];

export interface StoredObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: unknown;
}

/** @returns where the API has the kind's objects: of one namespace, or of all */
export function listPath({ group, version, plural }: ListedKind, namespace: string | null): string {
  return `/k8s/apis/${group}/${version}${namespace === null ? "" : `/namespaces/${encodeURIComponent(namespace)}`}/${plural}`;
}

export function kindOf(plural: string): ListedKind | undefined {
  return LISTED_KINDS.find((kind) => kind.plural === plural);
}

export function kindNamed(name: string): ListedKind | undefined {
  return LISTED_KINDS.find(({ kind }) => kind === name);
}
