/** How the passing of a body ended: whole, or broken on either side. */
export type BodyEnd = "whole" | "broken";

export interface PassedBody {
  readonly body: ReadableStream;
  /** Never rejects; hold it in `waitUntil`. */
  readonly end: Promise<BodyEnd>;
}

/**
 * Passes a body on so that its end is seen. The runtime moves the bytes by itself: read in JavaScript a body of unknown length
 * costs twice as much.
 *
 * @param length by Content-Length: what is shorter then is a broken transfer; null where it is not known
 * @param signal stops the transfer; the client then sees it broken off, never a clean end
 */
export function passBody(from: ReadableStream, length: number | null, signal: AbortSignal): PassedBody {
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  const end = from.pipeTo(writable, { signal }).then(
    () => "whole" as const,
    () => "broken" as const,
  );
  return { body: readable, end };
}
