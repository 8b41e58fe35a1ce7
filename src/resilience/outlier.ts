import type { OutlierSettings } from "../snapshot/model.ts";
import type { Streak } from "../snapshot/rpc.ts";

/**
 * Envoy's outlier detection for one endpoint as one caller sees it (istio-fields: `outlierDetection`). Times are epoch
 * milliseconds. Sweeps, which alone end an ejection and shrink its multiplier, stand at multiples of the interval since the
 * epoch and are worked out when somebody looks: whoever looks at the same endpoint, isolate or cell, sees the same.
 */
export interface EndpointHealth {
  readonly errors5xx: number;
  readonly gatewayErrors: number;
  readonly ejection: { readonly at: number; readonly durationMs: number } | null;
  /** How often it was ejected, less the sweeps it was healthy at since: the ejection's multiplier. */
  readonly multiplier: number;
  /** The last time that was looked at: sweeps up to then are done. */
  readonly sweptAt: number;
}

/** An ejection lasts at most this, or the base where that is longer. */
const MAX_EJECTION_MS = 300_000;

export function healthy(now: number): EndpointHealth {
  return { errors5xx: 0, gatewayErrors: 0, ejection: null, multiplier: 0, sweptAt: now };
}

export type Outcome = "success" | "5xx" | "gateway_error";

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
  return { errors5xx: 0, gatewayErrors: 0, ejection: null, multiplier, sweptAt: now };
}

/** Whether one more of a cluster's endpoints may be ejected. */
export function mayEject(settings: OutlierSettings, hosts: number, ejected: number): boolean {
  if (ejected === 0 && settings.alwaysEjectOne) return true;
  return 100 * (ejected + 1) <= settings.maxEjectionPercent * hosts;
}

/**
 * Takes in what happened, in order.
 *
 * @param health as swept at `now`
 * @param allowed whether the cluster's other ejections leave room for this one
 */
export function recordStreaks(
  health: EndpointHealth,
  seen: { readonly errors5xx: Streak; readonly gatewayErrors: Streak },
  settings: OutlierSettings,
  now: number,
  allowed: boolean,
): EndpointHealth {
  // Stragglers, sent before it was ejected.
  if (health.ejection !== null) return health;
  const all = join(health.errors5xx, seen.errors5xx, settings.consecutive5xx);
  const gateway = join(health.gatewayErrors, seen.gatewayErrors, settings.consecutiveGatewayErrors);
  const next = { ...health, errors5xx: all.count, gatewayErrors: gateway.count };
  return (all.reached || gateway.reached) && allowed ? eject(next, settings, now) : next;
}

export function recordOutcome(
  health: EndpointHealth,
  outcome: Outcome,
  settings: OutlierSettings,
  now: number,
  allowed: boolean,
): EndpointHealth {
  if (outcome === "success" && health.errors5xx === 0 && health.gatewayErrors === 0) return health;
  return recordStreaks(health, streaksOf(outcome), settings, now, allowed);
}

export function eject(health: EndpointHealth, settings: OutlierSettings, at: number): EndpointHealth {
  const base = settings.baseEjectionMs;
  const longest = Math.max(MAX_EJECTION_MS, base);
  const multiplier = health.multiplier * base < longest + base ? health.multiplier + 1 : health.multiplier;
  const ejection = { at, durationMs: Math.min(base * multiplier, longest) };
  return { ...health, errors5xx: 0, gatewayErrors: 0, ejection, multiplier };
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

/** What one outcome is as a streak: a success resets all, an error that is no gateway error resets that counter alone. */
export function streaksOf(outcome: Outcome): { readonly errors5xx: Streak; readonly gatewayErrors: Streak } {
  const error: Streak = { first: 1, success: false, last: 1 };
  const reset: Streak = { first: 0, success: true, last: 0 };
  if (outcome === "success") return { errors5xx: reset, gatewayErrors: reset };
  return { errors5xx: error, gatewayErrors: outcome === "gateway_error" ? error : reset };
}

/** One streak after another. */
export function append(before: Streak, after: Streak): Streak {
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
  return { count: end, reached: threshold > 0 && (start >= threshold || end >= threshold) };
}
