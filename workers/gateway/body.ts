/** An answer up to this many bytes, by its Content-Length, is passed on untouched: its end is not worth watching. */
const SMALL_BYTES = 65_536;

/** Most answers of unknown length come from a Worker and are small: one read gets them, the next shows the end. */
const FIRST_READ_BYTES = 8_192;
const READ_BYTES = 65_536;

/** How long headers may wait for the end of a small body; a stream loses no more than this, once. */
const SMALL_WAIT_MS = 1;

/** How the passing of a body ended: whole, broken on the service's side, or on the client's. */
type BodyEnd = "whole" | "backend" | "client";

export interface PassedBody {
  readonly body: ReadableStream | ArrayBufferView | null;
  /** Null: nothing is left to watch. Else settles, never rejects; hold it in `waitUntil`. */
  readonly end: Promise<BodyEnd> | null;
}

type Read = ReadableStreamReadResult<Uint8Array>;

/**
 * The bodies that are passed on untouched: none, or one so small, by its Content-Length, that its end is not worth watching.
 *
 * @returns undefined for any other
 */
export function wholeBody(
  { body, headers }: Response,
  count: (bytes: number) => void,
): ReadableStream | null | undefined {
  if (body === null) return null;
  const length = contentLength(headers);
  if (length === null || length > SMALL_BYTES) return undefined;
  count(length);
  return body;
}

/**
 * Passes on what `wholeBody` does not, in the cheapest way that still shows its end. A native pipe costs a half more than nothing for
 * a small answer, reading in JavaScript as much again; so small bodies whose end is in sight go out as bytes.
 *
 * @param signal stops the reading; the client then sees a broken transfer, never a clean end
 * @param count is told the bytes that went through, as far as they are known
 */
export async function passBody(
  response: Response,
  signal: AbortSignal,
  count: (bytes: number) => void,
): Promise<PassedBody> {
  const { body } = response;
  if (body === null) return { body: null, end: null };
  const length = contentLength(response.headers);
  if (length === null) return passUnknown(body, signal, count);
  count(length);
  const pipe = new FixedLengthStream(length);
  const end = body.pipeTo(pipe.writable, { signal }).then(
    () => "whole" as const,
    () => "backend" as const,
  );
  return { body: pipe.readable, end };
}

function contentLength(headers: Headers): number | null {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

async function passUnknown(
  body: ReadableStream,
  signal: AbortSignal,
  count: (bytes: number) => void,
): Promise<PassedBody> {
  const reader = body.getReader({ mode: "byob" });
  const first = read(reader, new ArrayBuffer(FIRST_READ_BYTES));
  const second = first.then(async (chunk) => {
    if (chunk === null || chunk.done) return chunk;
    return chunk.value.byteLength === FIRST_READ_BYTES ? "unread" : read(reader, new ArrayBuffer(FIRST_READ_BYTES));
  });
  const seen = await Promise.race([second, scheduler.wait(SMALL_WAIT_MS)]);
  if (typeof seen === "object" && seen?.done === true) {
    const chunk = await first;
    if (chunk === null || chunk.done) return { body: null, end: null };
    count(chunk.value.byteLength);
    return { body: chunk.value, end: null };
  }
  const pipe = new IdentityTransformStream();
  return { body: pipe.readable, end: copy(reader, [first, second], pipe.writable, signal, count) };
}

/** Null where the service broke off. */
async function read(reader: ReadableStreamBYOBReader, buffer: ArrayBufferLike): Promise<Read | null> {
  return reader.read(new Uint8Array(buffer)).catch(() => null);
}

/**
 * Reads into one buffer that is handed on and taken back: half the cost of the default reader, and the bytes are seen.
 *
 * @param begun reads that are under way
 */
async function copy(
  reader: ReadableStreamBYOBReader,
  begun: readonly [Promise<Read | null>, Promise<Read | null | "unread">],
  to: WritableStream,
  signal: AbortSignal,
  count: (bytes: number) => void,
): Promise<BodyEnd> {
  const writer = to.getWriter();
  const stop = (): void => {
    reader.cancel(signal.reason).catch(() => undefined);
    writer.abort(signal.reason).catch(() => undefined);
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop);

  let chunk = await begun[0];
  let ahead: Promise<Read | null | "unread"> | null = begun[1];
  for (;;) {
    // A cancelled reader tells a clean end, which must not become the client's.
    if (chunk === null || signal.aborted) {
      writer.abort(signal.reason).catch(() => undefined);
      return "backend";
    }
    if (chunk.done) return settles(writer.close()).then((closed) => (closed ? "whole" : "client"));
    const { buffer, byteLength } = chunk.value;
    count(byteLength);
    if (!(await settles(writer.write(chunk.value)))) {
      reader.cancel().catch(() => undefined);
      return "client";
    }
    const next = ahead === null ? "unread" : await ahead;
    ahead = null;
    chunk =
      next === "unread"
        ? await read(reader, buffer.byteLength === READ_BYTES ? buffer : new ArrayBuffer(READ_BYTES))
        : next;
  }
}

async function settles(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}
