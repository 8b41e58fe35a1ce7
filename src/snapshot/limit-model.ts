// What a slice says of rate limits. Plain JSON, as all of the model.
import type { Rate } from "../limits/rate.ts";
import type { CompiledExpression } from "./telemetry-model.ts";

/** One limit of a RateLimitPolicy, at one of its targets. */
export interface LimitModel {
  /** `namespace/policy/limit`. Counters are named by it and by their key, never by its numbers. */
  readonly name: string;
  /** What it counts apart from the policy's other targets. Absent: all of them are one. */
  readonly target?: string;
  /** GLOBAL: of the whole mesh; LOCATION: of one location; LOCAL: of one isolate. */
  readonly scope: "GLOBAL" | "LOCATION" | "LOCAL";
  /** Absent: each request. One that cannot be worked out holds. */
  readonly when?: CompiledExpression;
  /** Parts of what is counted apart; empty: all requests are one. */
  readonly key: readonly CompiledExpression[];
  /** Where a part is not there: all such requests are one, are not counted, or are refused. */
  readonly missing: "SHARE" | "SKIP" | "REFUSE";
  readonly rates: readonly Rate[];
  /** In place of `rates`: the first that holds; beside one that cannot be worked out, the strictest of those in question. */
  readonly tiers?: readonly { readonly when: CompiledExpression; readonly rates: readonly Rate[] }[];
  /** In place of both, by the parts of a key, joined as `keyText` does. */
  readonly overrides?: Readonly<Record<string, readonly Rate[]>>;
  /** Absent: 1. One that cannot be worked out, or is below 0, is 1. */
  readonly cost?: CompiledExpression;
  /** What an answer costs besides. Absent: nothing. One that cannot be worked out, or is below 0, is 0. */
  readonly answerCost?: CompiledExpression;
  /** Namespaces whose API keys its expressions know. Absent: none does, or none looks at keys. */
  readonly keysOf?: readonly string[];
  /** What is over is told, and refuses nothing. */
  readonly audit?: true;
  /** Where nobody can be asked it refuses; absent: a limit of the same size holds in each isolate. */
  readonly closed?: true;
  /** A request waits so long for the limiter; absent: 50 ms for LOCATION, 400 ms for GLOBAL. */
  readonly timeoutMs?: number;
  /** Clients are told by `RateLimit` and `RateLimit-Policy`; absent: by nothing but `Retry-After`. */
  readonly told?: true;
  /** And by `X-RateLimit-*`. */
  readonly toldOlder?: true;
}
