/** What `tulle agent` was told to do. */
export interface AgentOptions {
  /** Control: its URL without a slash at the end, and the authority to trust there, PEM; null: those that this machine knows. */
  readonly server: string;
  readonly ca: string | null;
  /** A join token, asked for each time that one is needed; null: there is none. */
  readonly joinToken: () => Promise<string | null>;
  readonly ttlSeconds: number;
  /** Whose certificate it must be, where that is known here: one that was kept for another workload does not count. */
  readonly workload: { readonly namespace: string; readonly serviceAccount: string } | null;
  readonly out: Out | null;
  readonly in: In | null;
  /** Where `svid.pem`, `svid_key.pem` and `svid_bundle.pem` are written for other programs; null: nowhere. */
  readonly write: string | null;
  readonly registration: Registration | null;
}

/** From gateways to this machine's program. */
export interface In {
  readonly listeners: readonly InListener[];
  readonly proof: CallerProof;
  /** A certificate of a public authority to show in place of the SVID; null: the SVID. Read anew with each new SVID. */
  readonly certificate: (() => { readonly cert: string; readonly key: string }) | null;
}

export interface InListener {
  readonly address: string;
  readonly port: number;
  readonly programPort: number;
}

/** What a caller must show. */
export interface CallerProof {
  /** A gateway's certificate. Without it only the assertion tells who calls. */
  readonly certificate: boolean;
  /** The gateway's signed assertion; one that comes unasked is checked as well. */
  readonly assertion: boolean;
  /** Hosts that the program serves, for which assertions are. */
  readonly services: readonly string[];
}

/** The WorkloadEntry that the agent keeps while it runs. */
export interface Registration {
  readonly namespace: string;
  readonly group: string;
  readonly address: string;
  /** Of whoever may write WorkloadEntries there. */
  readonly token: string;
}

/** From this machine's programs into the mesh. */
export interface Out {
  /** `https://gateway.example.com`, without a slash at the end. */
  readonly gateway: string;
  /** PEM; null: the authorities that this machine knows. */
  readonly gatewayCa: string | null;
  readonly listeners: readonly OutListener[];
}

export interface OutListener {
  readonly address: string;
  readonly port: number;
  /** As the agent's workload names it, with a port or without: `orders.shop:8080`. */
  readonly service: string;
}
