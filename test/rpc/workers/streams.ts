const CHUNK_BYTES = 65_536;

type Tell = (event: string) => void;

/**
 * So many bytes, made chunk by chunk as they are asked for; each chunk is told, and a cancel.
 *
 * @param failure breaks the stream at its end
 */
export function pulled(bytes: number, tell: Tell, type?: "bytes", failure?: Error): ReadableStream<Uint8Array> {
  let left = bytes;
  const source = {
    pull(controller: ReadableStreamDefaultController<Uint8Array> | ReadableByteStreamController) {
      const size = Math.min(left, CHUNK_BYTES);
      if (size > 0) {
        left -= size;
        tell("produced");
        controller.enqueue(new Uint8Array(size));
      } else if (failure !== undefined) controller.error(failure);
      else controller.close();
    },
    cancel: (reason: unknown) => tell(`cancelled: ${String(reason)}`),
  };
  if (type === undefined) return new ReadableStream(source, { highWaterMark: 1 });
  return new ReadableStream({ ...source, type });
}

/** The same through the platform's own pipe, written by a promise that is held. */
export function identityOf(
  bytes: number,
  tell: Tell,
  hold: (work: Promise<unknown>) => void,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const written = async () => {
    const writer = writable.getWriter();
    try {
      for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
        await writer.write(new Uint8Array(Math.min(left, CHUNK_BYTES)));
        tell("produced");
      }
      await writer.close();
    } catch (error) {
      tell(`cancelled: ${String(error)}`);
    }
  };
  hold(written());
  return readable;
}

/** The bytes that came. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.byteLength;
  return bytes;
}
