import { join } from "node:path";

/** Where everything of one local mesh stands: files below its state folder, ports above its base. */
export interface Layout {
  readonly state: string;
  readonly registry: string;
  readonly controlState: string;
  readonly dataState: string;
  readonly tokenFile: string;
  readonly kubeconfigFile: string;
  /** The edge's authority, for its listeners' certificates. */
  readonly caFile: string;
  /** The mesh's authority, as last fetched, for clients' certificates. */
  readonly meshCaFile: string;
  /** Generated entries of the examples' Workers. */
  readonly entries: string;
  /** Configurations of a project's Workers as they join the mesh. */
  readonly generated: string;
  /** What a project's Workers store: as `wrangler dev` takes it with `--persist-to`. */
  readonly storage: string;
  /** In which the processes of a project's Workers find each other. */
  readonly workersRegistry: string;
  readonly accessLog: string;
  readonly runtimeLog: string;
  readonly addressesFile: string;
  readonly ports: {
    readonly controlHttps: number;
    readonly controlHttp: number;
    /** Control's own socket, which the two above forward to. */
    readonly controlDirect: number;
    /** In front of it where control runs alone. */
    readonly controlAlone: number;
    gateway(index: number): number;
    mesh(index: number): number;
    service(index: number): number;
    /** For a Gateway's port that cannot be bound. */
    fallback(logical: number): number;
  };
}

export function layoutOf(state: string, portBase: number): Layout {
  const file = (name: string): string => join(state, name);
  return {
    state,
    registry: file("registry"),
    controlState: file("control"),
    dataState: file("data"),
    tokenFile: file("token"),
    kubeconfigFile: file("kubeconfig"),
    caFile: file("ca.pem"),
    meshCaFile: file("mesh-ca.pem"),
    entries: file("entries"),
    generated: file("dev"),
    storage: file("storage"),
    workersRegistry: file("workers"),
    accessLog: file("access.log"),
    runtimeLog: file("runtime.log"),
    addressesFile: file("addresses.json"),
    ports: {
      controlHttps: portBase,
      controlHttp: portBase + 1,
      controlDirect: portBase + 2,
      controlAlone: portBase + 3,
      gateway: (index) => portBase + 10 + index,
      mesh: (index) => portBase + 30 + index,
      service: (index) => portBase + 50 + index,
      fallback: (logical) => (portBase + 2_000 + logical <= 65_535 ? portBase + 2_000 + logical : 0),
    },
  };
}
