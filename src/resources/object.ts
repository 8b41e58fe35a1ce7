/** A Kubernetes-style object as it is stored and compiled. `spec` was checked against its kind's schema before it was stored. */
export interface KubeObject<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: Spec;
  readonly status?: unknown;
  /** Kinds without a spec (EndpointSlice, Secret) keep their fields at the top. */
  readonly [field: string]: unknown;
}

export interface ObjectMeta {
  readonly name: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339 without fraction. */
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Names one object whatever its version. `group` is empty for the core group; `namespace` is empty for cluster-scoped kinds. */
export interface ObjectRef {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** `group/Kind/namespace/name`: a map key. */
export function refKey(ref: ObjectRef): string {
  return `${ref.group}/${ref.kind}/${ref.namespace}/${ref.name}`;
}

export function refOf(object: KubeObject): ObjectRef {
  const slash = object.apiVersion.indexOf("/");
  return {
    group: slash < 0 ? "" : object.apiVersion.slice(0, slash),
    kind: object.kind,
    namespace: object.metadata.namespace ?? "",
    name: object.metadata.name,
  };
}

type GroupKind = Pick<ObjectRef, "group" | "kind">;

export function isNamespace({ group, kind }: GroupKind): boolean {
  return group === "" && kind === "Namespace";
}

export function isSecret({ group, kind }: GroupKind): boolean {
  return group === "" && kind === "Secret";
}
