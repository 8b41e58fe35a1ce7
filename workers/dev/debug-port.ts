/** The runtime's own way from one process to another: what is thrown there arrives as it is within one process. */
export interface DebugPort {
  /** @param address `127.0.0.1:43210` */
  connect(address: string): {
    /** @returns a stub of that entrypoint, for the request at hand alone */
    getEntrypoint(service: string, entrypoint: string | undefined, props: object | undefined): AnyService;
  };
}

/** What a service binding shows: `fetch`, and whatever methods there are. */
export type AnyService = Pick<Fetcher, "fetch"> & Readonly<Record<string, unknown>>;

/** Where an entrypoint is that another process of this machine runs. */
export interface Place {
  readonly address: string;
  /** The runtime's name of the Worker: `core:user:orders`. */
  readonly service: string;
  /** What takes requests in its place: the one that serves its assets. */
  readonly fetchService?: string;
  readonly entrypoint?: string;
  readonly props?: object;
  /** It is about to end: calls wait until their binding leads elsewhere. */
  readonly held?: true;
}

export function reach(port: DebugPort, { address, service, entrypoint, props }: Place): AnyService {
  return port.connect(address).getEntrypoint(service, entrypoint, props);
}
