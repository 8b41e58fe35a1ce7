import type { CheckFact } from "../request/check-fact.ts";
import type { Result } from "../routing/retries.ts";
import type { Cluster, Endpoint } from "../snapshot/model.ts";

/** An attempt that was followed by another. */
export interface EndedAttempt {
  readonly endpoint: Endpoint;
  readonly cluster: Cluster;
  /** Epoch ms. */
  readonly sentAt: number;
  readonly endedAt: number;
  readonly result: Result;
}

/** A question to an external authorizer that was sent. Times are epoch ms. */
export interface AskedAuthorizer {
  readonly provider: string;
  readonly endpoint: Endpoint;
  readonly cluster: Cluster;
  /** Before the request's own path. */
  readonly pathPrefix: string;
  readonly sentAt: number;
  readonly endedAt: number;
  /** Null: it gave no answer. */
  readonly status: number | null;
  readonly verdict: CheckFact["verdict"];
  /** Null: it was answered. */
  readonly failure: string | null;
}
