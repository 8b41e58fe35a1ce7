import type { LinkedCluster } from "../../src/snapshot/link.ts";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { Endpoint, Workload } from "../../src/snapshot/model.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import type { Entrance } from "./entrance.ts";
import { type End, Lease } from "./lease.ts";
import { randomId } from "./random.ts";

/** How the service's health was judged by this call; null: not at all (a local answer, a client that went away). */
type Outcome = "success" | "5xx" | "gateway_error";

/** A call under way: what the steps decide by and what it holds. What is only told of it is in its journal. */
export class Call {
  readonly request: Request;
  readonly entrance: Entrance;
  readonly journal: Journal;
  /** Its end logs, counts, judges, frees the slot. */
  readonly lease: Lease;
  requestId = randomId();
  peer: Peer = NO_PEER;
  /** The Gateway that it came through: it stands for the caller. */
  source: Workload | null = null;
  cluster: LinkedCluster | null = null;
  endpoint: Endpoint | null = null;
  /** The endpoint was called, and counts as active until the end. */
  sent = false;
  outcome: Outcome | null = null;
  /** Gives back what the call holds of a concurrency limit. */
  release: (() => void) | null = null;

  /**
   * To be made before the first `await`: see `Lease`.
   *
   * @param hold see `Lease`
   * @param onEnd runs once, when the call has ended: at once where the client is gone already
   */
  constructor(
    request: Request,
    entrance: Entrance,
    ctx: ExecutionContext,
    hold: boolean,
    onEnd: (call: Call, end: End) => void,
  ) {
    this.request = request;
    this.entrance = entrance;
    this.journal = new Journal(Date.now(), this.requestId, request.method);
    if (entrance.kind === "mesh") this.journal.props = entrance.props;
    this.lease = new Lease(ctx, request.signal, (end) => onEnd(this, end), hold);
  }
}

/** For whom endpoints are judged and slots are counted: as in Istio, each caller's proxy judges for itself. */
export function callerOf({ source, peer }: Call): string {
  return source?.principal ?? peer.principal ?? "-";
}
