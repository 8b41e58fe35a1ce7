/** A kind of object as the API serves it. */
export interface KindInfo {
  /** Empty for Kubernetes' core group. */
  readonly group: string;
  /** The version that objects are stored as. */
  readonly version: string;
  /** All versions that are served, newest first; they differ in nothing but their name. */
  readonly versions: readonly string[];
  /** apiVersions of groups that articles use as a placeholder; read as this kind, with a warning. */
  readonly aliases: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Kubernetes' own kinds keep fields that we do not read; others refuse them. */
  readonly core: boolean;
  /** Its fields stand beside `metadata`, not in a `spec`. */
  readonly flat: boolean;
  /** Made by the mesh: listed and watched, never written by a client. */
  readonly readOnly: boolean;
}

type Names = Pick<KindInfo, "kind" | "plural" | "shortNames">;

function core(names: Names, more: Partial<KindInfo> = {}): KindInfo {
  return {
    group: "",
    version: "v1",
    versions: ["v1"],
    aliases: [],
    singular: names.kind.toLowerCase(),
    categories: [],
    namespaced: true,
    core: true,
    flat: false,
    readOnly: false,
    ...names,
    ...more,
  };
}

function networking(names: Names): KindInfo {
  return {
    ...core(names),
    core: false,
    group: "networking.istio.io",
    versions: ["v1", "v1beta1", "v1alpha3"],
    aliases: ["networking.example.com/v1"],
    categories: ["istio-io", "networking-istio-io", "all"],
  };
}

function security(names: Names): KindInfo {
  return {
    ...core(names),
    core: false,
    group: "security.istio.io",
    versions: ["v1", "v1beta1"],
    aliases: ["security.example.com/v1"],
    categories: ["istio-io", "security-istio-io", "all"],
  };
}

export const KINDS: readonly KindInfo[] = [
  core({ kind: "Namespace", plural: "namespaces", shortNames: ["ns"] }, { namespaced: false }),
  core({ kind: "Pod", plural: "pods", shortNames: ["po"] }, { categories: ["all"] }),
  core({ kind: "Service", plural: "services", shortNames: ["svc"] }, { categories: ["all"] }),
  core({ kind: "EndpointSlice", plural: "endpointslices", shortNames: [] }, { group: "discovery.k8s.io", flat: true }),
  core({ kind: "ConfigMap", plural: "configmaps", shortNames: ["cm"] }, { flat: true }),
  core({ kind: "Secret", plural: "secrets", shortNames: [] }, { flat: true }),
  core({ kind: "Event", plural: "events", shortNames: ["ev"] }, { flat: true, readOnly: true }),
  networking({ kind: "ServiceEntry", plural: "serviceentries", shortNames: ["se"] }),
  networking({ kind: "WorkloadEntry", plural: "workloadentries", shortNames: ["we"] }),
  networking({ kind: "Gateway", plural: "gateways", shortNames: ["gw"] }),
  networking({ kind: "VirtualService", plural: "virtualservices", shortNames: ["vs"] }),
  networking({ kind: "DestinationRule", plural: "destinationrules", shortNames: ["dr"] }),
  security({ kind: "AuthorizationPolicy", plural: "authorizationpolicies", shortNames: ["ap"] }),
  security({ kind: "PeerAuthentication", plural: "peerauthentications", shortNames: ["pa"] }),
  security({ kind: "RequestAuthentication", plural: "requestauthentications", shortNames: ["ra"] }),
  {
    ...core({ kind: "MeshConfig", plural: "meshconfigs", shortNames: [] }),
    core: false,
    group: "tulle.dev",
    version: "v1alpha1",
    versions: ["v1alpha1"],
    categories: ["all"],
  },
];

/** `group/version`, or the version alone for the core group. */
export function apiVersionOf(group: string, version: string): string {
  return group === "" ? version : `${group}/${version}`;
}

function isServedAs(info: KindInfo, apiVersion: string): boolean {
  return (
    info.aliases.includes(apiVersion) ||
    info.versions.some((version) => apiVersionOf(info.group, version) === apiVersion)
  );
}

/** The kind of an object that is written `apiVersion`, `kind`, in any served version or alias group. */
export function findKind(apiVersion: string, kind: string): KindInfo | undefined {
  return KINDS.find((info) => info.kind === kind && isServedAs(info, apiVersion));
}

/** The kind of an object as it is stored. */
export function kindOf({ group, kind }: { readonly group: string; readonly kind: string }): KindInfo | undefined {
  return KINDS.find((info) => info.group === group && info.kind === kind);
}

/** The kind behind a path `/apis/group/version/plural`, in any served version or alias group. */
export function findResource(group: string, version: string, plural: string): KindInfo | undefined {
  return KINDS.find((info) => info.plural === plural && isServedAs(info, apiVersionOf(group, version)));
}
