import type { Viewer } from "../world.ts";

/** Where routes are compiled for. */
export type Place =
  | {
      readonly kind: "mesh";
      readonly viewer: Viewer;
      /** The service's ports; null where the host is no service, and any port is served. */
      readonly ports: readonly number[] | null;
    }
  | { readonly kind: "gateway"; readonly viewer: Viewer; readonly gateway: string; readonly port: number };
