/** Who called, as far as it is proven. Made by one of two ways in: a verified client certificate, or the props of a binding. */
export interface Peer {
  /** Without the scheme: `cluster.local/ns/default/sa/web`; null where nothing is proven. */
  readonly principal: string | null;
  readonly namespace: string | null;
  readonly trustDomain: string | null;
  /** What proved it: `binding` and `certificate` count as mutual TLS. */
  readonly by: "certificate" | "binding" | "gateway" | "none";
}

export const NO_PEER: Peer = { principal: null, namespace: null, trustDomain: null, by: "none" };
