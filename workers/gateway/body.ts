/** How the passing of a body ended: whole, not taken by its receiver, or broken by its sender. Where the runtime moves the bytes it says `broken` for both. */
export type BodyEnd = "whole" | "untaken" | "broken";

/** Called as bytes came and as they were passed on. @param waitsFor who is to do something next */
export type OnBytes = (waitsFor: "sender" | "receiver") => void;

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
 * @param onBytes called for each piece; null: nobody asks, and the runtime moves the bytes by itself
 */
export function passBody(
  from: ReadableStream,
  length: number | null,
  signal: AbortSignal,
  onBytes: OnBytes | null = null,
): PassedBody {
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  if (onBytes !== null) return { body: readable, end: pump(from, writable, signal, onBytes) };
  const end = from.pipeTo(writable, { signal }).then(
    () => "whole" as const,
    () => "broken" as const,
  );
  return { body: readable, end };
}

/** Within so long a service that breaks off, or answers at once, is heard of from the call to it. */
const HEARD_MS = 1_000;

/**
 * Passes a request's body on to a service. Where the way breaks the runtime does not say on which side. What the service does,
 * the call to it tells, be it an answer that came before the whole body; so that nothing but the service ends that call, it goes
 * on for a while, with a body of which no more comes.
 *
 * @param signal also ends that while
 * @param onBroken called at once where it breaks; returns whether the call has ended: nobody wants to know then
 */
export function passUpload(
  from: ReadableStream,
  length: number | null,
  signal: AbortSignal,
  onBroken: () => boolean,
): PassedBody {
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  const broken = async (): Promise<"broken"> => {
    if (!onBroken()) await scheduler.wait(HEARD_MS, { signal }).catch(() => undefined);
    writable.abort().catch(() => undefined);
    return "broken";
  };
  return { body: readable, end: from.pipeTo(writable, { signal, preventAbort: true }).then(() => "whole", broken) };
}

const READ_BYTES = 65_536;

/**
 * Where each piece must be seen: reads into memory of ours, which costs half of what the runtime's own pieces cost. It is the same
 * for all pieces, so that a body that comes byte by byte takes no more than any other.
 */
async function pump(from: ReadableStream, to: WritableStream, signal: AbortSignal, onBytes: OnBytes): Promise<BodyEnd> {
  const reader = from.getReader({ mode: "byob" });
  const writer = to.getWriter();
  const stop = (reason: unknown): void => {
    reader.cancel(reason).catch(() => undefined);
    writer.abort(reason).catch(() => undefined);
  };
  if (signal.aborted) stop(signal.reason);
  signal.addEventListener("abort", () => stop(signal.reason));
  let memory = new ArrayBuffer(READ_BYTES);
  let broken: BodyEnd = "broken";
  try {
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(memory));
      if (done || value === undefined) break;
      onBytes("receiver");
      broken = "untaken";
      await writer.write(value);
      broken = "broken";
      onBytes("sender");
      // The runtime gives it back with each piece, in a buffer of another name.
      memory = value.buffer;
    }
    if (signal.aborted) return broken;
    // A sender that gives less than it told has failed a read.
    broken = "untaken";
    await writer.close();
    return "whole";
  } catch (error) {
    stop(error);
    return broken;
  }
}
