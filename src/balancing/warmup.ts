import type { Endpoint, Warmup } from "../snapshot/model.ts";

/** Epoch ms from which on every endpoint has its whole weight; 0 where none is known to be new. */
export function warmedBy(endpoints: readonly Endpoint[], { durationMs }: Warmup): number {
  return Math.max(0, ...endpoints.map(({ since }) => (since === undefined ? 0 : since + durationMs)));
}

/**
 * An endpoint's weight while it warms up: it grows from a part of its whole one, in a straight line where `aggression` is 1,
 * faster at first where it is more.
 *
 * @param now epoch ms
 * @see Envoy's slow start
 */
export function weightAt(
  { weight, since }: Endpoint,
  { durationMs, minimum, aggression }: Warmup,
  now: number,
): number {
  if (since === undefined) return weight;
  // A clock that is behind that of control makes no endpoint older than new.
  const age = Math.max(1, now - since);
  if (age >= durationMs) return weight;
  return weight * Math.max(minimum, (age / durationMs) ** (1 / aggression));
}
