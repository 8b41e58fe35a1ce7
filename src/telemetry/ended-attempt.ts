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
