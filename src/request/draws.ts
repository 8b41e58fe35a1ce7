/** What a draw is for: one request may draw for each purpose, and for each attempt, without one draw telling of another. */
export const DRAW = {
  destination: 1,
  endpoint: 2,
  otherEndpoint: 3,
  delay: 4,
  abort: 5,
  /** By place in the route's list instead of by attempt. */
  mirror: 6,
  /** The same; it stands for the seed of a copy. */
  mirrorSeed: 10,
  backoff: 7,
  cookie: 8,
  locality: 9,
  /** By place among those of the destination instead of by attempt. */
  rehearsal: 11,
} as const;

/**
 * A number in [0, 1) that looks random and is worked out of the request's one seed, so that a record of the request replays.
 *
 * @param seed 32 random bits, drawn once a request
 * @param purpose one of `DRAW`
 * @param attempt 0 for what belongs to the request as a whole
 * @see the finalizer of MurmurHash3 (fmix32), for the mixing
 */
export function draw(seed: number, purpose: number, attempt: number): number {
  let mixed = (seed ^ Math.imul(purpose, 0x9e3779b1) ^ Math.imul(attempt + 1, 0x85ebca77)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 4_294_967_296;
}
