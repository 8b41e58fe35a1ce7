import { DRAW, draw } from "../request/draws.ts";
import { backoffMs } from "../resilience/backoff.ts";
import { isIdempotent, isRepeatable, isRetried } from "../routing/retries.ts";
import type { Attempted } from "./attempts.ts";
import type { Forward } from "./types.ts";

/** What may still be done for a request whose attempt ended. */
export interface Leftover {
  readonly method: string;
  /** There is no body, or it was kept: it can be sent again. */
  readonly canRepeatBody: boolean;
  /** Milliseconds of the route's time; infinite where it sets none. */
  readonly leftMs: number;
  /** What `Retry-After` of the answer says, in milliseconds. */
  readonly retryAfterMs: number | null;
}

/** `stop`: the last attempt's answer stands; `URX` where it would have been tried again, had there been attempts left. */
export type Verdict =
  | { readonly kind: "retry"; readonly waitMs: number }
  | { readonly kind: "stop"; readonly flag: "URX" | null };

const STOP: Verdict = { kind: "stop", flag: null };

/** No service holds a request longer by its `Retry-After` alone. */
const LONGEST_UNTIMED_MS = 30_000;

/**
 * Whether a request is tried again, and after which wait. What cannot begin within the route's time is not tried: the answer that
 * is there says more than that the time is up.
 *
 * @param history what was tried; the last one is judged
 * @param seed of the request's draws
 */
export function retryOf(
  { route: { retries } }: Forward,
  history: readonly Attempted[],
  left: Leftover,
  seed: number,
): Verdict {
  const last = history.at(-1);
  if (retries === null || last === undefined) return STOP;
  const { result } = last;
  if (!isRetried(retries, result, isIdempotent(left.method))) return STOP;
  if (result.kind !== "unsent" && !(isRepeatable(retries.policy, left.method) && left.canRepeatBody)) return STOP;
  const retry = history.length;
  if (retry > retries.policy.attempts) return { kind: "stop", flag: "URX" };
  const asked = left.retryAfterMs ?? 0;
  if (left.leftMs === Number.POSITIVE_INFINITY && asked > LONGEST_UNTIMED_MS) return STOP;
  const waitMs = Math.max(asked, backoffMs(retries.policy.backoffMs, retry, draw(seed, DRAW.backoff, retry)));
  return waitMs < left.leftMs ? { kind: "retry", waitMs } : STOP;
}
