import type { ShadowNote } from "../policy/shadow.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { LinkedMatch } from "../routing/route-match.ts";
import type { LinkedRoute, LinkedSlice } from "../snapshot/link.ts";

/** Collects what was looked at, for whoever wants a decision explained. */
export interface Trace {
  saw(stage: "gateway" | "route" | "destination" | "filter" | "mirror", name: string, outcome: string): void;
  /** @param matched the match block that holds; null: none */
  routed(
    slice: LinkedSlice,
    facts: RequestFacts,
    tokens: readonly VerifiedToken[],
    matched: LinkedMatch<LinkedRoute> | null,
  ): void;
  /** What policies tell that enforce nothing. */
  noted?(notes: readonly ShadowNote[]): void;
}
