import type { Attempted } from "../../src/decide/attempts.ts";
import type { Forward } from "../../src/decide/types.ts";
import type { ClientTls } from "../../src/identity/client-tls.ts";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { HeaderChange } from "../../src/request/changes.ts";
import type { Entrance, Whereabouts } from "../../src/request/entrance.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { Received } from "../../src/request/receive.ts";
import type { Ticket } from "../../src/resilience/pool.ts";
import type { RetryBudget } from "../../src/resilience/retry-budget.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { Endpoint, Workload } from "../../src/snapshot/model.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import type { CallerCluster } from "./callers.ts";
import { type End, Lease } from "./lease.ts";
import type { Mesh } from "./mesh.ts";
import { randomId } from "./random.ts";

const NONE: readonly Attempted[] = [];
const NO_CHANGES: readonly HeaderChange[] = [];

/**
 * A call under way: what the steps decide by and what it holds. What is only told of it is in its journal. A field without a
 * value is set by the step that it is named after, and read by later steps alone.
 */
export class Call {
  readonly request: Request;
  readonly entrance: Entrance;
  readonly mesh: Mesh;
  readonly journal: Journal;
  /** Its end logs, counts, judges, frees the slot. */
  readonly lease: Lease;

  /** Step 1. */
  received!: Received;
  /** Step 2, and step 3 where the listener asks for no certificate. */
  peer: Peer = NO_PEER;
  /** Step 3: the slice of the host, */
  slice!: LinkedSlice;
  /** the logical port, */
  port = 0;
  /** the Gateway that the call came through: it stands for the caller, */
  source: Workload | null = null;
  /** and what that Gateway asks of the client's TLS. */
  tls: ClientTls | null = null;
  /** Step 4: what was decided by, */
  facts!: RequestFacts;
  /** and what. */
  forward!: Forward;
  /** What CORS says on whatever answer comes, the gateway's own too. */
  cors: readonly HeaderChange[] = NO_CHANGES;
  /** The body, where it was kept to be sent more than once; null: it goes on as it comes, once. */
  kept: Uint8Array | null = null;
  /** Bytes of the isolate's budget for it, given back at the end. */
  keptBytes = 0;
  /** Step 5: the caller's view of the cluster, */
  view!: CallerCluster;
  /** the endpoint to call, */
  endpoint!: Endpoint;
  /** and the place in the concurrency limit, given back at the end. */
  ticket: Ticket | null = null;
  /** Its part in the caller's budget of retries, */
  budget: RetryBudget | null = null;
  /** and whether a retry was taken out of it, given back at its end. */
  retrying = false;
  /** Step 6: epoch ms at which the route's time is up, infinite where it sets none; 0 before the first attempt, */
  deadline = 0;
  /** the attempts that ended before the one that is under way, */
  history: readonly Attempted[] = NONE;
  /** and the one that is under way, or whose answer is the client's: it ends with the call. */
  attempt: { settle(end: End, now: number): void } | null = null;

  /**
   * To be made before the first `await`: see `Lease`.
   *
   * @param onEnd runs once, when the call has ended
   */
  constructor(
    request: Request,
    entrance: Entrance,
    ctx: ExecutionContext,
    mesh: Mesh,
    onEnd: (call: Call, end: End) => void,
  ) {
    this.request = request;
    this.entrance = entrance;
    this.mesh = mesh;
    this.journal = new Journal(Date.now(), randomId(), request.method);
    if (entrance.kind === "mesh") this.journal.props = entrance.props;
    this.lease = new Lease(ctx, request.signal, (end) => onEnd(this, end), mesh.holdsCalls);
  }

  /** Of the client; where nobody tells them, of one that came the same way. */
  get whereabouts(): Whereabouts | null {
    const { entrance, mesh } = this;
    return entrance.kind === "public" && entrance.whereabouts.colo !== null ? entrance.whereabouts : mesh.whereabouts;
  }

  /** For whom endpoints are judged and slots are counted: as in Istio, each caller's proxy judges for itself. */
  get caller(): string {
    return this.source?.principal ?? this.peer.principal ?? "-";
  }
}
