import type { TakenLimit } from "../limits/limits-fact.ts";
import type { ShadowNote } from "../policy/shadow.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { LinkedMatch } from "../routing/route-match.ts";
import type { LinkedPolicySet, LinkedRoute, LinkedSlice } from "../snapshot/link.ts";
import type { RehearsalModel } from "../snapshot/rehearsal-model.ts";

/** Collects what was looked at, for whoever wants a decision explained. */
export interface Trace {
  saw(stage: "gateway" | "route" | "destination" | "filter" | "limit" | "mirror", name: string, outcome: string): void;
  /** @param matched the match block that holds; null: none */
  routed(
    slice: LinkedSlice,
    facts: RequestFacts,
    tokens: readonly VerifiedToken[],
    matched: LinkedMatch<LinkedRoute> | null,
  ): void;
  /** A limit was asked. @param isAudited it refuses nobody */
  limited?(limit: TakenLimit, isAudited: boolean): void;
  /** A rehearsal was looked at. */
  rehearsed?(rehearsal: RehearsalModel, outcome: RehearsalOutcome): void;
  /** What policies tell that enforce nothing. */
  noted?(notes: readonly ShadowNote[]): void;
  /** The checks of one set begin. @param of the Gateway, or the cluster whose endpoints it guards */
  enters?(stage: "gateway" | "destination", set: LinkedPolicySet, of: string | null): void;
  /** A part of the checks of that set was looked at. */
  looked?(look: Look): void;
}

/** What became of one rehearsal: it hit, it is over, it is for other requests, or the draw spared this one. */
export type RehearsalOutcome = "hit" | "ended" | "other" | "spared";

/** What one part of a set's checks saw, and what came of it. */
export interface Look {
  readonly part: "mtls" | "key" | "custom" | "jwt" | "policies";
  /** The request as it stood there. */
  readonly facts: RequestFacts;
  readonly tokens: readonly VerifiedToken[];
  /** Of the refusal, or what says that it passed. */
  readonly code: string;
  /** `ns/name` of the policy or rule that decided; null: none. */
  readonly policy: string | null;
  /** Of CUSTOM policies. */
  readonly provider?: string;
}
