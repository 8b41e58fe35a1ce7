import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { open, type Place, readAnswer } from "./raw-http.ts";

/** RFC 6455 §1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

type Opcode = 1 | 2 | 8;

/** A short frame (RFC 6455 §5.2): the length stands in its second byte. @param mask as clients must */
function frame(opcode: Opcode, payload: Buffer, mask: Buffer | null): Buffer {
  const head = Buffer.from([0x80 | opcode, (mask ? 0x80 : 0) | payload.length]);
  return mask
    ? Buffer.concat([head, mask, payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))])
    : Buffer.concat([head, payload]);
}

/** @returns the first frame and what stands behind it; null while it is not whole */
function readFrame(bytes: Buffer): { opcode: Opcode; payload: Buffer; rest: Buffer } | null {
  const [first = 0, second = 0] = bytes;
  const masked = (second & 0x80) !== 0;
  const length = second & 0x7f;
  const start = masked ? 6 : 2;
  if (bytes.length < start + length) return null;
  const mask = masked ? bytes.subarray(2, 6) : null;
  const payload = bytes.subarray(start, start + length).map((byte, at) => byte ^ (mask?.[at % 4] ?? 0));
  return { opcode: (first & 0x0f) as Opcode, payload: Buffer.from(payload), rest: bytes.subarray(start + length) };
}

/** Takes a handshake and sends each frame back, as a service outside of Workers would. */
export function echoWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"] ?? ""}${GUID}`)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Server: outside\r\nX-Name: ${String(request.headers["x-name"])}\r\n\r\n`,
    "latin1",
  );
  let bytes = head;
  const answer = (): void => {
    for (let read = readFrame(bytes); read !== null; read = readFrame(bytes)) {
      bytes = read.rest;
      socket.write(frame(read.opcode, read.payload, null));
      if (read.opcode === 8) socket.end();
    }
  };
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    answer();
  });
  answer();
}

/** What a handshake led to: the answer's status, and for 101 what came back for each frame sent. */
export interface Conversation {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly received: readonly string[];
}

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

/**
 * Opens a WebSocket, sends the texts one by one, each after the answer to the one before, and closes it.
 *
 * @param eager sends the first text together with the handshake
 */
export async function converse(
  place: Place,
  host: string,
  path: string,
  texts: readonly string[],
  eager = false,
): Promise<Conversation> {
  const socket = await open(place);
  const send = (opcode: Opcode, text: string): void =>
    void socket.write(frame(opcode, Buffer.from(text), Buffer.from([1, 2, 3, 4])));
  const handshake = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;
  const received: string[] = [];
  let bytes: Buffer = Buffer.alloc(0);
  let answer: ReturnType<typeof readAnswer> | null = null;
  const left = [...texts, null];
  const next = (): void => {
    const text = left.shift();
    if (text === null) socket.write(frame(8, Buffer.from([3, 232]), Buffer.from([1, 2, 3, 4])));
    else if (text !== undefined) send(1, text);
  };
  const took = (): void => {
    if (answer === null) {
      if (!bytes.includes("\r\n\r\n")) return;
      answer = readAnswer(bytes);
      bytes = answer.body;
      if (answer.status !== 101) return;
      if (!eager) next();
    }
    if (answer.status !== 101) return;
    for (let read = readFrame(bytes); read !== null; read = readFrame(bytes)) {
      bytes = read.rest;
      if (read.opcode === 8) return void socket.end();
      received.push(read.payload.toString());
      next();
    }
  };
  const closed = new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      took();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
  });
  socket.write(handshake);
  if (eager) next();
  await closed;
  const { status, headers } = answer ?? readAnswer(bytes);
  return { status, headers, received };
}
