/** What `tulle agent` was told to do. */
export interface AgentOptions {
  /** Control: its URL without a slash at the end, and the authority to trust there, PEM; null: those that this machine knows. */
  readonly server: string;
  readonly ca: string | null;
  /** A join token, asked for each time that one is needed; null: there is none. */
  readonly joinToken: () => Promise<string | null>;
  readonly ttlSeconds: number;
  readonly out: Out | null;
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
