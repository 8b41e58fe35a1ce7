import type { HeaderView, TokenFact } from "../decide/types.ts";
import type { Peer } from "../identity/peer.ts";

/** A token that was verified. */
export type VerifiedToken = Extract<TokenFact, { ok: true }>;

/** A request as one set of policies sees it: as it came (a Gateway's), or as it will be sent (the destination's). */
export interface RequestView {
  readonly method: string;
  /** Lower case, without port. */
  readonly host: string;
  /** Lower case, with the port if it had one. */
  readonly authority: string;
  readonly path: string;
  readonly headers: HeaderView;
  readonly peer: Peer;
  /** All that verified; with several, a permission must hold for each and a denial for any. */
  readonly tokens: readonly VerifiedToken[];
}
