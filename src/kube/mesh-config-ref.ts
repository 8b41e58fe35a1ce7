import type { ObjectRef } from "../resources/object.ts";

/** Where the mesh's own settings stand. */
export const SYSTEM_NAMESPACE = "istio-system";

/** The one object of the mesh's settings. */
export const MESH_CONFIG_REF: ObjectRef = {
  group: "tulle.dev",
  kind: "MeshConfig",
  namespace: SYSTEM_NAMESPACE,
  name: "default",
};
