import type { OutlierSettings } from "../snapshot/model.ts";
import type { EjectionCause, Streak, Streaks } from "../snapshot/rpc.ts";

/**
 * Envoy's outlier detection for one endpoint as one caller sees it (istio-fields: `outlierDetection`). Times are epoch
 * milliseconds. Sweeps, which alone end an ejection and shrink its multiplier, stand at multiples of the interval since the
 * epoch and are worked out when somebody looks: whoever looks at the same endpoint, isolate or cell, sees the same.
 */
export interface EndpointHealth {
  readonly errors5xx: number;
  readonly gatewayErrors: number;
  readonly localErrors: number;
  readonly ejection: { readonly at: number; readonly durationMs: number; readonly cause: EjectionCause } | null;
  /** How often it was ejected, less the sweeps it was healthy at since: the ejection's multiplier. */
  readonly multiplier: number;
  /** The last time that was looked at: sweeps up to then are done. */
  readonly sweptAt: number;
}

/** An ejection lasts at most this, or the base where that is longer. */
const MAX_EJECTION_MS = 300_000;

export const NO_ERRORS = { errors5xx: 0, gatewayErrors: 0, localErrors: 0 } as const;

export function healthy(now: number): EndpointHealth {
  return { ...NO_ERRORS, ejection: null, multiplier: 0, sweptAt: now };
}

/** Whether errors are counted. */
export function isCounting({ errors5xx, gatewayErrors, localErrors }: EndpointHealth): boolean {
  return errors5xx > 0 || gatewayErrors > 0 || localErrors > 0;
}

/**
 * What came of one attempt: the status of the endpoint's answer, or what the gateway saw in its place. `reset`: no whole answer
 * came, be it that nobody could be reached or that it broke off; `timeout`: none in time.
 */
export type Outcome = number | "reset" | "timeout";

/** What an outcome is to the counters; `local_error` where failures without an answer are counted apart. */
type Verdict = "success" | "5xx" | "gateway_error" | "local_error";

/** Does the sweeps that lie between the last look and `now`. */
export function sweep(health: EndpointHealth, settings: OutlierSettings, now: number): EndpointHealth {
  const { intervalMs } = settings;
  const done = Math.floor(health.sweptAt / intervalMs);
  const due = Math.floor(now / intervalMs);
  if (due <= done) return health;
  const { ejection } = health;
  if (ejection === null) return { ...health, multiplier: Math.max(0, health.multiplier - (due - done)), sweptAt: now };
  const ends = Math.ceil((ejection.at + ejection.durationMs) / intervalMs);
  if (due < ends) return { ...health, sweptAt: now };
  // The sweep that takes it back does not shrink the multiplier yet: it was not healthy at it.
  const multiplier = Math.max(0, health.multiplier - (due - ends));
  return { ...NO_ERRORS, ejection: null, multiplier, sweptAt: now };
}

/** Whether one more of a cluster's endpoints may be ejected. */
export function mayEject(settings: OutlierSettings, hosts: number, ejected: number): boolean {
  if (ejected === 0 && settings.alwaysEjectOne) return true;
  return 100 * (ejected + 1) <= settings.maxEjectionPercent * hosts;
}

/**
 * Takes in what happened, in order. A counter that reaches its threshold begins anew, also where it may not eject.
 *
 * @param health as swept at `now`
 * @param allowed whether the cluster's other ejections leave room for this one
 */
export function recordStreaks(
  health: EndpointHealth,
  seen: Streaks,
  settings: OutlierSettings,
  now: number,
  allowed: boolean,
): EndpointHealth {
  // Stragglers, sent before it was ejected.
  if (health.ejection !== null) return health;
  const all = join(health.errors5xx, seen.errors5xx, settings.consecutive5xx);
  const gateway = join(health.gatewayErrors, seen.gatewayErrors, settings.consecutiveGatewayErrors);
  const local = join(health.localErrors, seen.localErrors ?? UNTOUCHED, settings.consecutiveLocalOrigin ?? 0);
  const next = { ...health, errors5xx: all.count, gatewayErrors: gateway.count, localErrors: local.count };
  if (!allowed) return next;
  if (gateway.reached) return eject(next, settings, now, "consecutive_gateway_failure");
  if (all.reached) return eject(next, settings, now, "consecutive_5xx");
  return local.reached ? eject(next, settings, now, "consecutive_local_origin_failure") : next;
}

/** Whether an outcome speaks well of the endpoint. */
export function isSuccess(outcome: Outcome, settings: OutlierSettings): boolean {
  return typeof outcome === "number" && !isErrorStatus(outcome, settings);
}

export function recordOutcome(
  health: EndpointHealth,
  outcome: Outcome,
  settings: OutlierSettings,
  now: number,
  allowed: boolean,
): EndpointHealth {
  if (!isCounting(health) && isSuccess(outcome, settings)) return health;
  return recordStreaks(health, streaksOf(outcome, settings), settings, now, allowed);
}

export function eject(
  health: EndpointHealth,
  settings: OutlierSettings,
  at: number,
  cause: EjectionCause,
): EndpointHealth {
  const base = settings.baseEjectionMs;
  const longest = Math.max(MAX_EJECTION_MS, base);
  const multiplier = health.multiplier * base < longest + base ? health.multiplier + 1 : health.multiplier;
  const ejection = { at, durationMs: Math.min(base * multiplier, longest), cause };
  return { ...health, ...NO_ERRORS, ejection, multiplier };
}

/** Whether it is still out at `now`, for whoever only knows the ejection. */
export function isOut(
  ejection: { readonly at: number; readonly durationMs: number },
  intervalMs: number,
  now: number,
): boolean {
  const ends = Math.ceil((ejection.at + ejection.durationMs) / intervalMs) * intervalMs;
  return now < ends;
}

/** Too few healthy endpoints: ejections are then disregarded. */
export function panics(settings: OutlierSettings, hosts: number, ejected: number): boolean {
  return settings.minHealthPercent > 0 && 100 * (hosts - ejected) < settings.minHealthPercent * hosts;
}

const ERROR: Streak = { first: 1, success: false, last: 1 };
const RESET: Streak = { first: 0, success: true, last: 0 };
const UNTOUCHED: Streak = { first: 0, success: false, last: 0 };

/**
 * What one outcome is to each counter. A success begins all anew, an answer that is another error than a gateway's that counter
 * alone. Counted apart, failures without an answer leave the counters of answers as they are, and any answer ends theirs.
 */
const STREAKS: Readonly<Record<Verdict, Required<Streaks>>> = {
  success: { errors5xx: RESET, gatewayErrors: RESET, localErrors: RESET },
  "5xx": { errors5xx: ERROR, gatewayErrors: RESET, localErrors: RESET },
  gateway_error: { errors5xx: ERROR, gatewayErrors: ERROR, localErrors: RESET },
  local_error: { errors5xx: UNTOUCHED, gatewayErrors: UNTOUCHED, localErrors: ERROR },
};

export function streaksOf(outcome: Outcome, settings: OutlierSettings): Required<Streaks> {
  return STREAKS[verdictOf(outcome, settings)];
}

function verdictOf(outcome: Outcome, settings: OutlierSettings): Verdict {
  // Not counted apart, a reset is a 503 and a timeout a 504, whatever statuses are named.
  if (typeof outcome !== "number")
    return settings.consecutiveLocalOrigin === undefined ? "gateway_error" : "local_error";
  if (!isErrorStatus(outcome, settings)) return "success";
  return outcome >= 502 && outcome <= 504 ? "gateway_error" : "5xx";
}

function isErrorStatus(status: number, { errorStatuses }: OutlierSettings): boolean {
  return errorStatuses === undefined ? status >= 500 : errorStatuses.includes(status);
}

/** One after another. */
export function appendStreaks(before: Streaks, after: Required<Streaks>): Required<Streaks> {
  return {
    errors5xx: append(before.errors5xx, after.errors5xx),
    gatewayErrors: append(before.gatewayErrors, after.gatewayErrors),
    localErrors: append(before.localErrors ?? UNTOUCHED, after.localErrors),
  };
}

function append(before: Streak, after: Streak): Streak {
  if (!before.success && !after.success) {
    const count = before.first + after.first;
    return { first: count, success: false, last: count };
  }
  return {
    first: before.success ? before.first : before.first + after.first,
    success: true,
    last: after.success ? after.last : before.last + after.first,
  };
}

function join(count: number, { first, success, last }: Streak, threshold: number): { count: number; reached: boolean } {
  const start = count + first;
  const end = success ? last : start;
  if (threshold === 0) return { count: end, reached: false };
  return { count: end % threshold, reached: start >= threshold || end >= threshold };
}
