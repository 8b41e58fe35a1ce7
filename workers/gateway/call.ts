import { eventLine } from "../../src/telemetry/event-line.ts";
import { type Answer, answerOf } from "../../src/decide/answers.ts";
import type { Attempted } from "../../src/decide/attempts.ts";
import type { Forward } from "../../src/decide/types.ts";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { OwedAsk } from "../../src/limits/answer-cost.ts";
import type { ApiKeyFact } from "../../src/request/api-key-fact.ts";
import type { HeaderChange } from "../../src/request/changes.ts";
import type { Entrance, Whereabouts } from "../../src/request/entrance.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { AccountScopes, Place } from "../../src/request/places.ts";
import type { Ticket } from "../../src/resilience/pool.ts";
import type { RetryBudget } from "../../src/resilience/retry-budget.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { Endpoint, Workload } from "../../src/snapshot/model.ts";
import { Journal, type Protocol } from "../../src/telemetry/journal.ts";
import type { TracePlan } from "../../src/telemetry/trace-plan.ts";
import type { CallerCluster } from "./callers.ts";
import { type Context, type End, Lease } from "./lease.ts";
import type { Mesh } from "./mesh.ts";
import { randomId } from "./random.ts";

const NONE: readonly Attempted[] = [];
const NO_CHANGES: readonly HeaderChange[] = [];

/** How a call came in. */
export interface Arrival {
  readonly entrance: Entrance;
  readonly mesh: Mesh;
  readonly protocol: Protocol;
  readonly method: string;
  readonly ctx: Context;
  /** Of the client's abort; null where nobody tells of it: then the call is held in `waitUntil` until its end. */
  readonly signal: AbortSignal | null;
}

/**
 * A call under way: what the steps decide by and what it holds. What is only told of it is in its journal. A field without a
 * value is set by the step that it is named after, and read by later steps alone. How it came and how its answer travels, the
 * steps that decide do not know.
 *
 * @template Reply an answer of the gateway's own, in the form that goes back to the caller
 */
export abstract class Call<Reply = unknown> {
  readonly entrance: Entrance;
  readonly mesh: Mesh;
  readonly journal: Journal;
  /** Aborts with its client; null: nobody tells. */
  readonly signal: AbortSignal | null;
  /** Its end logs, counts, judges, frees the slot. */
  readonly lease: Lease;

  /** Step 2, and step 3 where the listener asks for no certificate. */
  peer: Peer = NO_PEER;
  /** SHA-256 of the certificate that proved it, hex; null: none did. */
  certificate: string | null = null;
  /** Step 3: the slice of the host, */
  slice!: LinkedSlice;
  /** the logical port, */
  port = 0;
  /** and the Gateway that the call came through: it stands for the caller. */
  source: Workload | null = null;
  /** What is done about its trace; null: its context is passed on, and that is all. */
  plan: TracePlan | null = null;
  /** Step 4: what was decided by, */
  facts!: RequestFacts;
  /** what is known of API keys among that; null: none is looked for, */
  apiKeys: Map<string, ApiKeyFact | null> | null = null;
  /** what, */
  forward!: Forward;
  /** and which limits are charged what its answer costs; null: none. */
  owes: readonly OwedAsk[] | null = null;
  /** What CORS says on whatever answer comes, the gateway's own too. */
  cors: readonly HeaderChange[] = NO_CHANGES;
  /** Step 5: the caller's view of the cluster, */
  view!: CallerCluster;
  /** its turn there, */
  turn = 0;
  /** the endpoint to call, */
  endpoint!: Endpoint;
  /** and the place in the concurrency limit, given back at the end. */
  ticket: Ticket | null = null;
  /** Its part in the caller's budget of retries, */
  budget: RetryBudget | null = null;
  /** and whether a retry was taken out of it, given back at its end. */
  retrying = false;
  /** Bytes of the isolate's budget for what is kept of it, given back at the end. */
  keptBytes = 0;
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
  protected constructor(arrival: Arrival, onEnd: (call: Call, end: End) => void) {
    const { entrance, mesh, protocol, method, ctx, signal } = arrival;
    this.entrance = entrance;
    this.signal = signal;
    this.mesh = mesh;
    this.journal = new Journal(Date.now(), randomId(), method, protocol);
    if (entrance.kind === "mesh") this.journal.props = entrance.props;
    this.lease = new Lease(ctx, signal, (end) => onEnd(this, end), mesh.holdsCalls || signal === null);
  }

  /** Where its host may be looked up, best first. @param peer who calls, as far as it is known */
  abstract places(peer: Peer, accounts: AccountScopes): readonly Place[];

  /** Ends it with an answer of our own, which never counts for or against a service's health by itself. */
  abstract answer(answer: Answer): Reply;

  /** Ends it where its client is gone, which is no failure of the service. Nobody reads what comes back. */
  abstract gone(): Reply;

  /** Ends it by a mistake of ours: the client learns that it was none of its own. */
  broken(error: unknown): Reply {
    console.error(eventLine({ event: "gateway_error", request_id: this.journal.requestId, message: String(error) }));
    return this.answer(answerOf("internal_error"));
  }

  /** Tells the journal of an answer of our own. */
  protected tellOf({ status, flag, code, policy, route, cluster }: Answer): void {
    const { journal } = this;
    journal.status = status;
    journal.flag = flag === "" ? "-" : flag;
    journal.details = code;
    if (policy !== null) journal.policy = policy;
    if (route !== null) journal.route = route.model;
    if (cluster !== null) journal.cluster = cluster.model;
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

  /** The variant of the endpoint's binding that the caller's own binding is for. */
  get variant(): string | undefined {
    return this.entrance.kind === "mesh" ? this.entrance.props.binding : undefined;
  }
}
