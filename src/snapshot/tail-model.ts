/** What somebody wants to see of live requests: conditions that must all hold. Plain data, which travels to the gateways. */
export interface TailFilter {
  /** A host, or the first labels of one: `reviews`, `reviews.shop`. */
  readonly service?: string;
  /** A route's name, or its first parts: `shop/reviews`. */
  readonly route?: string;
  /** `404`, or a class: `5xx`. One of them. */
  readonly status?: readonly string[];
  /** Of the caller: whole, or `namespace/account`; `-` where none is proven. */
  readonly principal?: string;
  /** `ns/name` of the policy that decided. */
  readonly policy?: string;
  /** Whole, or with `*` at its end. */
  readonly path?: string;
  /** Only requests to its workloads, or from them. */
  readonly namespace?: string;
}

/** An open tail, as gateways know it. */
export interface TailWish {
  readonly id: string;
  readonly filter: TailFilter;
  /** Lines a second, of one isolate too. */
  readonly maxRps: number;
  /** Epoch ms: what ended before is not its. */
  readonly since: number;
}

/** All that are open. */
export interface TailOrder {
  /** Grows with each that opens or ends. */
  readonly revision: number;
  readonly wishes: readonly TailWish[];
}

/** An order on its way to an isolate; without wishes where it has them already. */
export interface TailNews {
  readonly revision: number;
  readonly wishes?: readonly TailWish[];
}

/** Lines on their way to those who read them, and how many were left out, by tail. */
export interface Tailed {
  readonly lines: readonly TailedLine[];
  readonly dropped: Readonly<Record<string, number>>;
}

export interface TailedLine {
  /** A line of the access log, JSON. */
  readonly text: string;
  readonly parties: Parties;
  /** Ids of the tails that want it. */
  readonly tails: readonly string[];
}

/**
 * Whose a request is: namespaces of the two sides. A record that does not say them itself is stored beside them; where nobody
 * can tell a side, it is nobody's.
 */
export interface Parties {
  /** Of the service that was called, or of the endpoint's workload; of a Gateway that answered by itself; null: nobody was found. */
  readonly destination: string | null;
  /** Of the caller whose identity the mesh itself vouches for, and of the Gateway that the request came through. */
  readonly sources: readonly string[];
}
