import type { LimitsFact } from "../limits/limits-fact.ts";
import type { ClientTls } from "../identity/client-tls.ts";
import type { Peer } from "../identity/peer.ts";
import type { ApiKey, ApiKeyFacts } from "./api-key-fact.ts";
import type { CheckFact } from "./check-fact.ts";
import type { HeaderRecord } from "./headers.ts";
import type { TokenFact } from "./token-fact.ts";

/**
 * The one form of a request: what policies match is what the service gets. Everything is canonical (R1 to R9), plain data
 * and free of I/O, so that the same facts give the same decision in the gateway, in control and in the command line.
 */
export interface RequestFacts {
  /** How it came: what a call of Workers RPC may do is never what an HTTP request may do. */
  readonly protocol: "http" | "workers-rpc";
  /** As sent (R5); POST for Workers RPC. */
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Lower case, no port, no trailing dot. */
  readonly host: string;
  /** Host as received, lower case, with its port if it had one. */
  readonly authority: string;
  /** Logical port of the listener or service. */
  readonly port: number;
  /** Canonical path, for matching: `;params` cut. */
  readonly path: string;
  /** Canonical path as it will be sent: `;params` kept. */
  readonly forwardPath: string;
  /** Raw query without `?`; empty where there is none. */
  readonly query: string;
  readonly headers: HeaderRecord;
  readonly entrance: "public" | "mesh";
  /** Whose address connected, as the platform tells it; null over a binding. */
  readonly sourceIp: string | null;
  /** The client's address: the same, or whom trusted proxies say to be behind it. */
  readonly clientIp: string | null;
  readonly peer: Peer;
  /** Of the client, where the Gateway's listener asks for it; null elsewhere. */
  readonly tls: ClientTls | null;
  /** When it came, epoch milliseconds. */
  readonly startedAt: number;
  /** 32 random bits: all draws of this request are worked out of it. */
  readonly seed: number;
  /**
   * What is known of the tokens, by the number of their place in the slice; null: none there; undefined: not known yet.
   * A place that a route's header changes may fill is not known before `decide` asked for it.
   */
  readonly tokens: readonly (TokenFact | null | undefined)[];
  /** What external authorizers said, by the place and the providers that were asked; absent: nobody was. */
  readonly checks?: ReadonlyMap<string, CheckFact> | undefined;
  /** What is known of the API keys that came; absent: none is looked for. */
  readonly apiKeys?: ApiKeyFacts | undefined;
  /** The one that a policy took; absent: none. */
  readonly apiKey?: ApiKey | undefined;
  /** What came of its limits; absent: nobody was asked. */
  readonly limits?: LimitsFact | undefined;
  /** What rules concluded about values that no record holds; null: the values are here, nothing is written down. */
  readonly conclusions: Conclusions | null;
}

/** Verdicts on values that are not recorded (credentials, cookies, query values), by the name of the test. */
interface Conclusions {
  readonly by: Map<string, boolean>;
  /** `write`: tests look at the values and write down what they find. `read`: the values are gone, the verdicts count. */
  readonly mode: "write" | "read";
}

/** A recorded request says nothing about what a rule wants to know: the rule is newer than the record. */
export class ConclusionMissing extends Error {
  constructor(test: string) {
    super(`the record holds no verdict of this test: ${test}`);
    this.name = "ConclusionMissing";
  }
}
