import { createServer as createHttpServer, type Server, type ServerOptions } from "node:http";
import type { Server as NetServer, Socket } from "node:net";
import { EdgeRequest } from "../net/edge-request.ts";
import { forward, forwardUpgrade, type Target } from "./forward.ts";
import { MAX_HEAD_BYTES } from "../net/onward.ts";
import { PLAIN_TO_TLS, refusalOf, refuse, refuseSocket, type Refuser } from "./refusal.ts";
import { tlsListener, type TlsOptions } from "./tls-listener.ts";

/** One open listener. */
export interface Front {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Node's own limit for headers is 16 KiB, and it refuses what has no Host without a word: both are judged when they are read. */
const OPTIONS: ServerOptions<typeof EdgeRequest> = {
  maxHeaderSize: MAX_HEAD_BYTES,
  requireHostHeader: false,
  IncomingMessage: EdgeRequest,
  // Longer than agents and forwarders keep an idle connection: it is not closed under a request.
  keepAliveTimeout: 60_000,
};

/** @throws the system's error, with its `code`: EADDRINUSE, EACCES, EADDRNOTAVAIL */
export async function openFront(address: string, port: number, target: Target, tls: TlsOptions | null): Promise<Front> {
  let server: NetServer;
  if (tls === null) server = served(createHttpServer(OPTIONS), target);
  else {
    const plain = createHttpServer(OPTIONS, (request, response) =>
      refuse(request, response, PLAIN_TO_TLS, target.refuser),
    );
    refusing(plain, target.refuser);
    server = await tlsListener(address, tls, OPTIONS, (secure) => served(secure, target), plain);
  }
  // Those that were upgraded are no longer the server's to close.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const bound = await listen(server, address, port);
  return {
    address,
    port: bound,
    close: async () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function served<S extends Server>(server: S, target: Target): S {
  // An expectation that Node does not know is no reason to refuse a request (RFC 9110 §10.1.1).
  for (const event of ["request", "checkExpectation"] as const)
    server.on(event, (request, response) => forward(request, response, target));
  server.on("upgrade", (request, socket, head) => forwardUpgrade(request, socket, head, target));
  refusing(server, target.refuser);
  // A client may take its time with a body; what bounds a request is the gateway's business.
  server.requestTimeout = 0;
  return server;
}

function refusing(server: Server, refuser: Refuser): void {
  server.on("clientError", (error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer }, socket) => {
    // What still comes of a request that was refused is no news.
    if (!socket.writable) return;
    if (error.code === "ECONNRESET") return void socket.destroy();
    refuseSocket(socket, refusalOf(error.code, error.rawPacket), refuser);
  });
}

async function listen(server: NetServer, address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      // A connection that breaks while it is being accepted is that client's affair.
      server.on("error", () => undefined);
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : port);
    });
  });
}
