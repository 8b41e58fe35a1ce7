import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";

/** A listener that is open. */
export interface Listening {
  readonly port: number;
  /** What is under way has this long to end. */
  close(graceMs: number): Promise<void>;
}

/** What an agent does with requests, and with handshakes of WebSockets. */
export interface Handlers {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, client: Duplex, head: Buffer): void;
}

/** @throws the system's error, with its `code`: EADDRINUSE, EACCES, EADDRNOTAVAIL */
export async function serve(
  server: Server,
  { address, port }: { readonly address: string; readonly port: number },
  handlers: Handlers,
): Promise<Listening> {
  // An expectation that Node does not know is no reason to refuse a request (RFC 9110 §10.1.1).
  for (const event of ["request", "checkExpectation"] as const) server.on(event, handlers.request.bind(handlers));
  server.on("upgrade", (request, client, head) => {
    client.on("error", () => client.destroy());
    handlers.upgrade(request, client, head);
  });
  // A client may take its time with a body; what bounds a request is the gateway's business.
  server.requestTimeout = 0;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      // A connection that breaks while it is being accepted is that client's affair.
      server.on("error", () => undefined);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async (graceMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

/** An answer of the agent's own. */
export function answer(response: ServerResponse, status: number, text: string): void {
  if (response.destroyed || response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-type": "text/plain", "x-tulle-agent": "1", connection: "close" });
  response.end(`${text}\n`);
}

export function answerSocket(client: Duplex, status: number, text: string): void {
  client.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\ncontent-type: text/plain\r\ncontent-length: ${text.length + 1}\r\nx-tulle-agent: 1\r\nconnection: close\r\n\r\n${text}\n`,
  );
}

/** Headers of the connection that they came on (RFC 9110 §7.6.1), and the expectation, which this hop has answered. */
const OF_THE_HOP = /^(connection|keep-alive|proxy-connection|te|trailer|expect)$/i;
const OFFER = /^(upgrade|http2-settings)$/i;

/**
 * Raw headers to send on.
 *
 * @param upgrades a WebSocket's handshake, which its offer belongs to
 * @param drop further names
 */
export function headersToSend(
  { rawHeaders }: IncomingMessage,
  upgrades: boolean,
  drop: (name: string) => boolean,
): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (drop(name)) continue;
    if (upgrades ? /^(keep-alive|proxy-connection|expect)$/i.test(name) : OF_THE_HOP.test(name) || OFFER.test(name))
      continue;
    kept.push(name, rawHeaders[at + 1] ?? "");
  }
  return kept;
}
