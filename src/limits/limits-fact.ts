import type { Rate } from "./rate.ts";

/** What came of a request's limits: all were charged, or none. Plain data, without keys. */
export interface LimitsFact {
  /** Those that the request was asked about, in their order. */
  readonly limits: readonly TakenLimit[];
}

export interface TakenLimit {
  /** `namespace/policy/limit`. */
  readonly name: string;
  /** `over`: it has no room, and the request is refused unless it is audited. `failed`: nobody could be asked, and it is closed then. `missing`: what it counts by is not there, and it refuses then. `taken`: also where another one refused. */
  readonly verdict: "taken" | "over" | "failed" | "missing";
  /** Of the rate that leaves the least: its number and window, */
  readonly quota: number;
  readonly windowMs: number;
  /** where it is one of several: all of them, the first of which has the limit's own name, */
  readonly rates?: readonly Rate[];
  /** what is left; null: nobody knows, as of one that was not asked since another one refused, */
  readonly left: number | null;
  /** and milliseconds until nothing of it is used. */
  readonly resetMs: number;
  /** Of one that is over: milliseconds until there is room; 0: there never is. */
  readonly retryAfterMs: number;
}
