import type { LinkedCluster, LinkedRoute } from "../../src/snapshot/link.ts";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { Endpoint, Workload } from "../../src/snapshot/model.ts";
import type { TraceContext } from "../../src/telemetry/trace-context.ts";
import type { Entrance } from "./entrance.ts";
import { type End, openLease } from "./lease.ts";
import type { Mesh } from "./mesh.ts";
import { randomId } from "./random.ts";
import type { Received } from "./receive.ts";
import { record } from "./record.ts";

/** How the service's health was judged by this call; null: not at all (a local answer, a client that went away). */
type Outcome = "success" | "5xx" | "gateway_error";

/** What is known of a call so far: each step adds to it, the log line and the counts are made of it at the end. */
export interface Call {
  readonly request: Request;
  readonly entrance: Entrance;
  readonly ctx: ExecutionContext;
  /** Epoch ms. */
  readonly startedAt: number;
  /** Ends the lease: logs, counts, judges, frees the slot. Only the first time. */
  readonly end: (end: End) => void;
  requestId: string;
  trace: TraceContext | null;
  received: Received | null;
  peer: Peer;
  peerRefused: string | null;
  scope: string;
  generation: number;
  /** Canonical path; until the host's slice is known, the URL's. */
  path: string;
  /** Who calls, for logs and metrics: the Gateway for what came through one. */
  source: Workload | null;
  requestPrincipal: string | null;
  route: LinkedRoute | null;
  cluster: LinkedCluster | null;
  endpoint: Endpoint | null;
  /** 0 until an answer's headers are there. */
  status: number;
  /** Envoy's response flag; `-` for none. */
  flag: string;
  /** Code of the refusal, or `via_upstream`. */
  details: string;
  policy: string | null;
  attempts: number;
  upstreamMs: number | null;
  bytes: number | null;
  outcome: Outcome | null;
  /** Gives back what the call holds of a concurrency limit. */
  release: (() => void) | null;
}

/** To be called before the first `await`: see `openLease`. */
export function openCall(request: Request, entrance: Entrance, ctx: ExecutionContext, mesh: Mesh): Call {
  const call: Call = {
    request,
    entrance,
    ctx,
    startedAt: Date.now(),
    end: openLease(ctx, request.signal, (how) => record(call, how, mesh)),
    requestId: randomId(),
    trace: null,
    received: null,
    peer: NO_PEER,
    peerRefused: null,
    scope: "-",
    generation: 0,
    path: "",
    source: null,
    requestPrincipal: null,
    route: null,
    cluster: null,
    endpoint: null,
    status: 0,
    flag: "-",
    details: "-",
    policy: null,
    attempts: 0,
    upstreamMs: null,
    bytes: null,
    outcome: null,
    release: null,
  };
  return call;
}

/** For whom endpoints are judged and slots are counted: as in Istio, each caller's proxy judges for itself. */
export function callerOf({ source, peer }: Call): string {
  return source?.principal ?? peer.principal ?? "-";
}
