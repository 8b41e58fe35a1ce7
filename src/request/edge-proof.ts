/** What the zone's own rule adds to each request, where a deployment wants it; a client's, and another Worker's, is not it. */
export const EDGE_HEADER = "x-tulle-edge";

/** Of random text; a shorter secret could be guessed. */
export const MIN_EDGE_SECRET = 32;

/**
 * Whether a request of the public way in came by the platform's edge. A Worker of the account that binds the gateway's default
 * entrypoint writes `cf` and `CF-Connecting-IP` itself, and nothing but a secret tells it from the edge.
 *
 * @param shown the header as it came
 * @param secret absent: whoever may deploy to the account is believed
 */
export function isFromEdge(shown: string | null, secret: string | undefined): boolean {
  if (secret === undefined) return true;
  if (shown === null) return false;
  // Every character is looked at, so that time does not tell how many were right.
  let difference = shown.length ^ secret.length;
  for (let at = 0; at < secret.length; at += 1) difference |= secret.charCodeAt(at) ^ shown.charCodeAt(at);
  return difference === 0;
}
