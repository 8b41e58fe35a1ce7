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
export interface Call {
  readonly request: Request;
  readonly entrance: Entrance;
  readonly journal: Journal;
  /** Its end logs, counts, judges, frees the slot. */
  readonly lease: Lease;
  requestId: string;
  peer: Peer;
  /** The Gateway that it came through: it stands for the caller. */
  source: Workload | null;
  cluster: LinkedCluster | null;
  endpoint: Endpoint | null;
  /** The endpoint was called, and counts as active until the end. */
  sent: boolean;
  outcome: Outcome | null;
  /** Gives back what the call holds of a concurrency limit. */
  release: (() => void) | null;
}

/**
 * To be called before the first `await`: see `Lease`.
 *
 * @param hold see `Lease`
 * @param onEnd runs once, when the call has ended
 */
export function openCall(
  request: Request,
  entrance: Entrance,
  ctx: ExecutionContext,
  hold: boolean,
  onEnd: (call: Call, end: End) => void,
): Call {
  const requestId = randomId();
  const journal = new Journal(Date.now(), requestId, request.method);
  if (entrance.kind === "mesh") journal.props = entrance.props;
  const call: Call = {
    request,
    entrance,
    journal,
    lease: new Lease(ctx, request.signal, (how) => onEnd(call, how), hold),
    requestId,
    peer: NO_PEER,
    source: null,
    cluster: null,
    endpoint: null,
    sent: false,
    outcome: null,
    release: null,
  };
  return call;
}

/** For whom endpoints are judged and slots are counted: as in Istio, each caller's proxy judges for itself. */
export function callerOf({ source, peer }: Call): string {
  return source?.principal ?? peer.principal ?? "-";
}
