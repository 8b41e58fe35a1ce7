import type { Whereabouts } from "../request/entrance.ts";
import type { WrittenFacts } from "./written.ts";

/**
 * One decision with all that it was made of, as it is kept: the same code makes the same of it again. Plain JSON, about 1 KB, without
 * Authorization, cookies and values of the query.
 */
export interface DecisionRecord {
  readonly requestId: string;
  /** 32 hex digits; empty where it was refused before its trace was read. */
  readonly traceId: string;
  /** Of the root that decided; 0 when none was there. */
  readonly generation: number;
  /** By which the host was found; `-` where it was not. */
  readonly scope: string;
  /** The slice that decided, by its id; null: the request was answered before one was found. */
  readonly slice: string | null;
  /** Namespace of the endpoint, or of the service that was called; null: the request ended before that was known. */
  readonly destination: string | null;
  /** So many calls of its route, policy and code this one stands for. */
  readonly weight: number;
  /** Null: it was answered before there were any. */
  readonly facts: WrittenFacts | null;
  /** What came, where there are no facts. */
  readonly came?: Came;
  /** What was read of breakers and balancer; absent: the decision came before. */
  readonly readings?: Readings;
  /** Nothing of it is needed to decide again. */
  readonly outcome: Outcome;
}

export interface Came {
  readonly protocol: "http" | "workers-rpc";
  readonly method: string;
  readonly scheme: "http" | "https";
  readonly authority: string;
  /** As the URL has it, without the query. */
  readonly path: string;
  readonly principal: string | null;
}

/** `picked`: an endpoint was there to be called. The rest stands where none was called. */
export type Readings =
  | { readonly picked: string; readonly whereabouts: Whereabouts | null }
  | {
      readonly picked: null;
      /** Ids of endpoints that were ejected for this caller, */
      readonly ejected: readonly string[];
      /** and of those that are out by their probes. */
      readonly unhealthy: readonly string[];
      /** Of this caller and cluster in the isolate. */
      readonly running: number;
      readonly waiting: number;
    };

export interface Outcome {
  /** `forward`, or the code of the gateway's answer. */
  readonly verdict: string;
  /** `ns/name` of the policy or rule that decided. */
  readonly policy: string | null;
  readonly status: number;
  readonly flag: string;
  /** As in the access log. */
  readonly details: string;
  readonly route: string | null;
  readonly cluster: string | null;
  readonly endpoint: string | null;
  readonly attempts: number;
  readonly durationMs: number;
  readonly requestPrincipal: string | null;
}
