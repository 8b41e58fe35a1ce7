import { Agent, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { Agent as TlsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import type { PooledTls } from "./svid-dialer.ts";

/** Where one request goes on to. */
export interface Onward {
  readonly host: string;
  readonly port: number;
  /** Raw: name, value, name, value, as they are sent. */
  readonly headers: string[];
  /**
   * By TLS: as its pool says, or with a certificate that must be that name's, and by an authority that Node trusts
   * (`NODE_EXTRA_CA_CERTS` adds some).
   */
  readonly tls?: { readonly name: string } | PooledTls;
  /** What is answered where nobody listens there; without it the connection is closed. */
  readonly away?: (response: ServerResponse) => void;
  /** Is told why there was no answer, where that was not the client's doing. */
  readonly failed?: (error: Error) => void;
}

/** For headers of answers: Node's own limit is 16 KiB. What a gateway lets pass is its own affair. */
export const MAX_HEAD_BYTES = 256 * 1_024;

const KEPT = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 256 };
/**
 * A connection that was idle this long is not used again: the other side may be closing it, and what is sent then is lost. Workers'
 * sockets close after five seconds, some programs' after two, and neither says so; on one machine a new one costs next to nothing.
 */
const agent = new Agent({ ...KEPT, timeout: 1_000 });
/** Servers close theirs after five seconds or later. */
const tlsAgent = new TlsAgent({ ...KEPT, timeout: 4_000 });

function begin({ method, url }: IncomingMessage, { host, port, headers, tls }: Onward, own: boolean) {
  const options = { host, port, method, path: url, headers, setHost: false, maxHeaderSize: MAX_HEAD_BYTES };
  if (tls === undefined) return httpRequest(own ? options : { ...options, agent });
  if ("agent" in tls)
    return httpsRequest(own ? { ...options, ...tls.options, agent: false } : { ...options, agent: tls.agent });
  // An address has no server name to ask by; its certificate must hold it all the same.
  const named = { ...options, ...(isIP(tls.name) === 0 && { servername: tls.name }) };
  return httpsRequest(own ? named : { ...named, agent: tlsAgent });
}

/** Streams a request on and its answer back. Whoever goes away takes the other side's connection down with it. */
export function passOn(request: IncomingMessage, response: ServerResponse, place: Onward): void {
  const onward = begin(request, place, false);
  let answered = false;
  onward.on("response", (answer) => {
    answered = true;
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders);
    answer.pipe(response);
    // A watch without events yet has an answer all the same: its headers wait for no body. Bytes, even none, let Node write
    // the head byte for byte; `flushHeaders` would take its characters for text and encode them once more.
    setImmediate(() => {
      if (!response.writableEnded) response.write(Buffer.alloc(0));
    });
    // A broken answer must not look like a whole one.
    answer.on("error", () => response.destroy());
    answer.on("aborted", () => response.destroy());
  });
  // Nobody asked to switch protocols.
  onward.on("upgrade", (_, socket) => {
    socket.destroy();
    response.destroy();
  });
  onward.on("error", (error) => {
    if (answered || response.destroyed) return void response.destroy();
    place.failed?.(error);
    if (place.away) place.away(response);
    else response.destroy();
  });
  response.on("close", () => {
    if (response.writableFinished) return;
    // The client is gone. The runtime notices a reset at once, a mere end only when it next writes. TLS has no reset.
    if (place.tls === undefined) onward.socket?.resetAndDestroy();
    onward.destroy();
  });
  request.pipe(onward);
}

/** The same for a WebSocket's handshake, whose connection then belongs to both sides. */
export function passUpgradeOn(request: IncomingMessage, client: Duplex, head: Buffer, place: Onward): void {
  const onward = begin(request, place, true);
  const close = (): void => {
    client.destroy();
    onward.destroy();
  };
  onward.on("upgrade", (answer, server, serverHead) => {
    client.write(headOf(answer));
    client.write(serverHead);
    server.write(head);
    server.pipe(client).pipe(server);
    server.on("error", close);
    server.on("close", () => client.destroy());
    client.on("close", () => server.destroy());
  });
  onward.on("response", (answer) => {
    // Refused: an ordinary answer, after which this connection ends.
    client.write(headOf(answer));
    answer.pipe(client);
    answer.on("error", close);
  });
  onward.on("error", (error) => {
    if (!client.destroyed) place.failed?.(error);
    close();
  });
  client.on("error", close);
  client.on("close", () => onward.destroy());
  onward.end();
}

/** Byte for byte as it came: Node reads each byte of a header as one character. */
function headOf({ statusCode = 502, statusMessage = "", rawHeaders }: IncomingMessage): Buffer {
  const switched = statusCode === 101;
  let text = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    // The body of a refusal is sent on unframed, up to the end of the connection.
    if (!switched && /^(transfer-encoding|connection)$/i.test(name)) continue;
    text += `${name}: ${rawHeaders[at + 1] ?? ""}\r\n`;
  }
  return Buffer.from(`${text}${switched ? "" : "connection: close\r\n"}\r\n`, "latin1");
}
