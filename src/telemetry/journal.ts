import { NO_PEER, type Peer } from "../identity/peer.ts";
import type { ShadowNote } from "../policy/shadow.ts";
import type { Cluster, Endpoint, Route, Workload } from "../snapshot/model.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { HeaderRecord } from "../request/headers.ts";
import type { CallerProps } from "../snapshot/rpc.ts";
import type { AskedAuthorizer, EndedAttempt } from "./ended-attempt.ts";

/** How a call speaks: HTTP, or Workers RPC. */
export type Protocol = RequestFacts["protocol"];

/**
 * What the access log and the metrics tell of one call: plain data, written by the steps as they learn it, read at the call's
 * end alone. No step decides by it. All fields are there from the start, so that the runtime keeps one shape for all calls.
 */
export class Journal {
  /** Epoch ms of the arrival. */
  readonly startedAt: number;
  /** Of the root that decided; 0 when none was here. */
  generation = 0;
  scope = "-";
  requestId: string;
  /** 32 lower-case hex digits; empty until the trace is known. */
  traceId = "";
  /** 16 lower-case hex digits: this hop. */
  spanId = "";
  /** The caller's span; null: it told none. */
  parentId: string | null = null;
  /** Whether its spans are reported for sure. */
  sampled = false;
  /** Gateways that the call has passed, this one included; 0: nobody counts. */
  hops = 0;
  /** How often it passed a gateway for the same service before. */
  loop = 0;
  method: string;
  readonly protocol: Protocol;
  scheme: "http" | "https" = "http";
  /** As received. */
  authority = "";
  /** Canonical; until the host's slice is known, the URL's. */
  path = "";
  /** Raw, without `?`: only the names in it are logged. */
  query = "";
  userAgent: string | null = null;
  /** As they were decided on; null: none are known. What tells of it reads those that settings name, and never secrets. */
  headers: HeaderRecord | null = null;
  /** Names of those that hold tokens and such by the host's rules, lower case; null: its rules are not known. */
  secret: ReadonlySet<string> | null = null;
  /** Whether an external authorizer may fill one, in whose place a client's own word may stand as well; null: none is asked. */
  provided: ((name: string) => boolean) | null = null;
  /** The service's headers; null: it gave no answer. */
  answer: { get(name: string): string | null } | null = null;
  clientIp: string | null = null;
  peer: Peer = NO_PEER;
  /** Why a proof of identity that came did not count. */
  peerRefused: string | null = null;
  /** The Gateway's workload, for what came through one: it stands for the caller in logs and metrics. */
  gateway: Workload | null = null;
  /** What the deployer wrote into the caller's binding; null where it came from outside. */
  props: CallerProps | null = null;
  requestPrincipal: string | null = null;
  route: Route | null = null;
  cluster: Cluster | null = null;
  endpoint: Endpoint | null = null;
  attempts = 0;
  /** Epoch ms of the last of them, */
  sentAt = 0;
  /** and those before it, where spans are made of them. */
  tries: readonly EndedAttempt[] | null = null;
  /** Questions to external authorizers, where spans are made of them. */
  asked: readonly AskedAuthorizer[] | null = null;
  /** Copies that were begun. */
  mirrors = 0;
  /** Until the answer's headers. */
  upstreamMs: number | null = null;
  /** Of the request's body, as it was told or read; 0 where none was read, null where it is not known. */
  requestBytes: number | null = 0;
  /** Of the answer's body; null where it is not known. */
  bytes: number | null = null;
  /** 0 until an answer's headers are there. */
  status = 0;
  /** Envoy's response flag; `-` for none. */
  flag = "-";
  /** A fault held it back: its flag comes beside whatever else is told. */
  delayed = false;
  /** Why it was not tried again, though the route's policy wanted it: the flag beside that one. */
  notRetried: "URX" | "UO" | null = null;
  /** Code of the gateway's own answer, or `via_upstream`. */
  details = "-";
  /** `ns/name` of the policy that decided. */
  policy: string | null = null;
  /** What policies told that enforce nothing; null: nothing. */
  notes: readonly ShadowNote[] | null = null;
  /** Epoch ms of the end. */
  endedAt = 0;
  /** Its line of JSON, where one was made. */
  line: string | null = null;

  /**
   * @param startedAt epoch ms
   * @param requestId until the caller's own is believed
   */
  constructor(startedAt: number, requestId: string, method: string, protocol: Protocol = "http") {
    this.startedAt = startedAt;
    this.requestId = requestId;
    this.method = method;
    this.protocol = protocol;
  }
}
