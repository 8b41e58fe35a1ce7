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
  /** `x/status` is served beside `x`. */
  readonly hasStatus: boolean;
}

/** `group/version`, or the version alone for the core group. */
export function apiVersionOf(group: string, version: string): string {
  return group === "" ? version : `${group}/${version}`;
}
