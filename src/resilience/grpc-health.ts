/**
 * One call of gRPC's health check over HTTP/2 without TLS, as Kubernetes' probes make it. `fetch` speaks no HTTP/2 on this
 * runtime, but a TCP connection carries it: what goes out is the same few frames each time, and the first message that comes
 * back tells all, so there is no need of a client of HTTP/2.
 *
 * @see RFC 9113 §4.1, §6 (frames), RFC 7541 §5, §6.2.2 (header block)
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;
const FRAME_HEADER_BYTES = 9;
/** The client's first. */
const STREAM = 1;
/** `HealthCheckResponse { status: SERVING }` as a message of gRPC: not compressed, of two bytes. */
const SERVING = [0, 0, 0, 0, 2, 8, 1];
/** A server sends settings, a few headers and seven bytes; one that sends more, in all, speaks something else. */
const MAX_BYTES = 65_536;
/** And no more than some ten of these. */
const MAX_FRAMES = 32;
/** So that each length of the request fits into one byte. */
export const MAX_SERVICE_CHARACTERS = 100;

const encoder = new TextEncoder();

/**
 * All that goes out for one check.
 *
 * @param authority host and port, less than 16 KiB
 * @param service in ASCII, at most MAX_SERVICE_CHARACTERS; empty: the server as a whole
 */
export function healthRequest(authority: string, service: string): Uint8Array<ArrayBuffer> {
  const check = service === "" ? [] : [10, service.length, ...encoder.encode(service)];
  return Uint8Array.from([
    ...encoder.encode(PREFACE),
    ...frame(SETTINGS, 0, 0, []),
    ...frame(HEADERS, END_HEADERS, STREAM, headerBlock(authority)),
    ...frame(DATA, END_STREAM, STREAM, [0, 0, 0, 0, check.length, ...check]),
  ]);
}

/** By the indexes of HPACK's static table; the server is to remember nothing. */
function headerBlock(authority: string): readonly number[] {
  const postByHttp = [0x83, 0x86];
  const path = [4, ...text("/grpc.health.v1.Health/Check")];
  const host = [1, ...text(authority)];
  const contentType = [15, 31 - 15, ...text("application/grpc")];
  const trailers = [0, ...text("te"), ...text("trailers")];
  return [...postByHttp, ...path, ...host, ...contentType, ...trailers];
}

/** RFC 7541 §5.2, with the length of §5.1. */
function text(value: string): readonly number[] {
  const bytes = encoder.encode(value);
  if (bytes.length < 127) return [bytes.length, ...bytes];
  const rest = bytes.length - 127;
  return [127, ...(rest < 128 ? [rest] : [(rest & 127) | 128, rest >> 7]), ...bytes];
}

function frame(type: number, flags: number, stream: number, payload: readonly number[]): readonly number[] {
  return [0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, stream, ...payload];
}

/** What is to be sent for what came, and the outcome once it is known. */
interface Heard {
  readonly reply: Uint8Array<ArrayBuffer> | null;
  readonly serving: boolean | null;
}

/**
 * Reads what a server answers. Its status at the end is not looked at: who said SERVING has answered. The server may be anybody's:
 * what it sends is read once and in place, up to bounds.
 */
export class HealthAnswer {
  readonly #bytes = new Uint8Array(MAX_BYTES);
  /** Where what came ends, and where the frame that is read next begins. */
  #end = 0;
  #next = 0;
  #frames = 0;
  #message: readonly number[] = [];

  /** @param chunk as it came, cut anywhere */
  take(chunk: Uint8Array): Heard {
    const fitting = chunk.subarray(0, MAX_BYTES - this.#end);
    this.#bytes.set(fitting, this.#end);
    this.#end += fitting.length;
    const reply: number[] = [];
    let serving: boolean | null = null;
    while (serving === null && this.#end - this.#next >= FRAME_HEADER_BYTES) {
      const start = this.#next + FRAME_HEADER_BYTES;
      const [high = 0, middle = 0, low = 0, type = 0, flags = 0, , , , stream = 0] = this.#bytes.subarray(
        this.#next,
        start,
      );
      const end = start + (high << 16) + (middle << 8) + low;
      if (end > MAX_BYTES || this.#frames === MAX_FRAMES) return { reply: null, serving: false };
      if (this.#end < end) break;
      this.#next = end;
      this.#frames += 1;
      const payload = this.#bytes.subarray(start, end);
      if (stream === 0) reply.push(...acknowledged(type, flags, payload));
      serving = this.#judge(type, flags, stream, payload);
    }
    if (fitting.length < chunk.length) serving ??= false;
    return { reply: reply.length === 0 ? null : Uint8Array.from(reply), serving };
  }

  #judge(type: number, flags: number, stream: number, payload: Uint8Array): boolean | null {
    if (type === GOAWAY) return false;
    if (stream !== STREAM) return null;
    if (type === RST_STREAM) return false;
    if (type === DATA) {
      const padding = (flags & PADDED) === 0 ? null : (payload[0] ?? 0);
      const data = padding === null ? payload : payload.subarray(1, Math.max(1, payload.length - padding));
      this.#message = [...this.#message, ...data.subarray(0, SERVING.length)];
      if (this.#message.length >= SERVING.length) return SERVING.every((byte, at) => this.#message[at] === byte);
    }
    // Nothing more comes: an error, or an empty answer, which means UNKNOWN.
    return (type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0 ? false : null;
  }
}

/** RFC 9113 §6.5, §6.7: a server may close the connection of who does not. */
function acknowledged(type: number, flags: number, payload: Uint8Array): readonly number[] {
  if ((flags & ACK) !== 0) return [];
  if (type === SETTINGS) return frame(SETTINGS, ACK, 0, []);
  return type === PING ? frame(PING, ACK, 0, [...payload]) : [];
}
