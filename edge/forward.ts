import { Agent, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** Where requests go on to: a Worker's own socket on loopback. */
export interface Target {
  readonly port: number;
  /** Fields of `request.cf`; null: none are sent. */
  cf(socket: unknown): Readonly<Record<string, unknown>> | null;
  /** What is answered where nobody listens there; without it the connection is closed. */
  readonly away?: (response: ServerResponse) => void;
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 256 });

/** What the runtime would believe of the platform, and what only the platform may say. */
const PLATFORM_HEADER = /^(mf-|cf-)/i;

/** @returns raw headers to send on: as they came and in their order, without what a client must not say */
function forwardedHeaders(request: IncomingMessage, target: Target): string[] {
  const headers: string[] = [];
  const { rawHeaders, socket } = request;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (!PLATFORM_HEADER.test(name)) headers.push(name, rawHeaders[at + 1] ?? "");
  }
  const cf = target.cf(socket);
  if (cf === null) return headers;
  headers.push("CF-Connecting-IP", (socket.remoteAddress ?? "").replace(/^::ffff:/, ""));
  // Exactly one, and only ours: the runtime takes it for the platform's word.
  headers.push("MF-CF-Blob", JSON.stringify(cf).replace(/[\u007f-\uffff]/g, escaped));
  return headers;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Streams a request on and its answer back. Whoever goes away takes the other side's connection down with it. */
export function forward(request: IncomingMessage, response: ServerResponse, target: Target): void {
  const onward = httpRequest({
    host: "127.0.0.1",
    port: target.port,
    method: request.method,
    path: request.url,
    headers: forwardedHeaders(request, target),
    setHost: false,
    agent,
  });
  let answered = false;
  onward.on("response", (answer) => {
    answered = true;
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders);
    answer.pipe(response);
    // A watch without events yet has an answer all the same: its headers wait for no body.
    setImmediate(() => {
      if (!response.writableEnded) response.flushHeaders();
    });
    // A broken answer must not look like a whole one.
    answer.on("error", () => response.destroy());
    answer.on("aborted", () => response.destroy());
  });
  onward.on("error", () => {
    if (answered || response.destroyed) return void response.destroy();
    if (target.away) target.away(response);
    else response.destroy();
  });
  response.on("close", () => {
    if (response.writableFinished) return;
    // The client is gone. The runtime notices a reset at once, a mere end only when it next writes.
    onward.socket?.resetAndDestroy();
    onward.destroy();
  });
  request.pipe(onward);
}

/** The same for a WebSocket's handshake, whose connection then belongs to both sides. */
export function forwardUpgrade(request: IncomingMessage, client: Duplex, head: Buffer, target: Target): void {
  const onward = httpRequest({
    host: "127.0.0.1",
    port: target.port,
    method: request.method,
    path: request.url,
    headers: forwardedHeaders(request, target),
    setHost: false,
  });
  const close = (): void => {
    client.destroy();
    onward.destroy();
  };
  onward.on("upgrade", (answer, server, serverHead) => {
    client.write(`${head101(answer)}\r\n`);
    client.write(serverHead);
    server.write(head);
    server.pipe(client).pipe(server);
    server.on("error", close);
    server.on("close", () => client.destroy());
    client.on("close", () => server.destroy());
  });
  onward.on("response", (answer) => {
    // Refused: an ordinary answer, after which this connection ends.
    client.write(`${head101(answer)}connection: close\r\n\r\n`);
    answer.pipe(client);
  });
  onward.on("error", close);
  client.on("error", close);
  onward.end();
}

function head101(answer: IncomingMessage): string {
  const { statusCode = 502, statusMessage = "", rawHeaders } = answer;
  let text = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    // The body of a refusal is sent on unframed, up to the end of the connection.
    if (statusCode !== 101 && /^(transfer-encoding|connection)$/i.test(name)) continue;
    text += `${name}: ${rawHeaders[at + 1] ?? ""}\r\n`;
  }
  return text;
}
