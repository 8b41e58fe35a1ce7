import type { LimitAsk } from "../limits/limit-book.ts";
import type { LinkedLimit } from "../limits/link.ts";
import type { ApiKeyNeed } from "../policy/api-keys.ts";
import type { TokenNeed } from "../policy/request-authentication.ts";
import type { LinkedAuthorizer } from "../policy/external-authorization.ts";
import type { ShadowNote } from "../policy/shadow.ts";
import type { HeaderChange } from "../request/changes.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { HeaderRecord } from "../request/headers.ts";
import type { LinkedCluster, LinkedRoute } from "../snapshot/link.ts";
import type { Answer } from "./answers.ts";

/** Everything that will be done with a request, as plain data with the reason. */
export type Decision = Forward | Answer;

/** Facts that are missing and cost I/O: get them and ask again. Limits come last: what they charge is used then. */
export interface Need {
  readonly effect: "need";
  readonly needs: readonly MissingFact[];
  /** Limits that must be charged, all of them or none; absent: nothing was come to them yet. */
  readonly limits?: readonly LimitAsk[];
  /** What to go on with once they are charged, in place of deciding from the start. Absent: whoever asks again decides anew. */
  readonly pending?: Pending;
}

/** A decision that waits for its limits alone. */
export interface Pending {
  readonly limits: readonly LinkedLimit[];
  /** What becomes of the request behind them. */
  readonly decision: Decision;
}

export type MissingFact = TokenNeed | CheckNeed | ApiKeyNeed;

/** An external authorizer that must be asked about a request. */
export interface CheckNeed {
  readonly kind: "ext_authz";
  /** Of the answer in `RequestFacts.checks`. */
  readonly key: string;
  readonly authorizer: LinkedAuthorizer;
  /** The request as it stands at that place. */
  readonly facts: RequestFacts;
}

export interface Forward {
  readonly effect: "forward";
  readonly route: LinkedRoute;
  readonly cluster: LinkedCluster;
  /** 32 bits of what the cluster picks its endpoint by; null: nothing, or not there. */
  readonly hash: number | null;
  /** Where it goes, if the host that was asked for says so (`https://` and that host); null: the endpoint says it. */
  readonly origin: string | null;
  /** Path to send, canonical, after the rewrite; without the query. */
  readonly path: string;
  /** Query to send, without `?`; a token that was found in a parameter is taken out. */
  readonly query: string;
  /** Authority to send; null: the caller's. */
  readonly authority: string | null;
  /** The headers to send, as the destination's policies saw them: `request` is applied. */
  readonly headers: HeaderRecord;
  /** Header changes on the way to the service, in order; empty when there are none. */
  readonly request: readonly HeaderChange[];
  readonly response: readonly HeaderChange[];
  /** The part of `response` that an answer of the gateway's own gets as well: what CORS says. */
  readonly cors: readonly HeaderChange[];
  /** The verdict by policy set: an endpoint whose set is refused here is not called. Null: every set allows. */
  readonly refusals: ReadonlyMap<number, Answer> | null;
  /** Header changes that depend on the policy set of the picked endpoint (tokens taken out, claims put in). */
  readonly bySet: ReadonlyMap<number, readonly HeaderChange[]> | null;
  /** Principal of the verified token that the Gateway or the destination accepted; for the log. */
  readonly requestPrincipal: string | null;
  /** A route's fault holds the request back for so long first. */
  readonly delayMs: number;
  /** A rehearsal holds it back for so long once it has its place among those that run, as a slow service would. */
  readonly heldMs: number;
  /** Who gets a copy once the request is sent; empty in a copy itself. */
  readonly mirrors: readonly Mirrored[];
  /** What policies tell that enforce nothing; absent: nothing. */
  readonly notes?: readonly ShadowNote[];
}

/** A copy of the request, judged by the policies of where it goes as the request itself would be (R7). */
export interface Mirrored {
  readonly cluster: LinkedCluster;
  /** The copy; or why there is none; or what is missing to know, for which the request itself does not wait. */
  readonly copy: Forward | Answer | Need;
}
