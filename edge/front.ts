import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { isIP, type Socket } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { EdgeAuthority } from "./certificates.ts";
import { forward, forwardUpgrade, type Target } from "./forward.ts";

/** One open listener. */
export interface Front {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** How a listener speaks TLS. */
export interface TlsOptions {
  readonly authority: EdgeAuthority;
  /** PEM of the mesh's authority, against which clients' certificates are verified; null: none are asked for. */
  readonly clientCa: (() => string) | null;
}

/** @throws the system's error, with its `code`: EADDRINUSE, EACCES, EADDRNOTAVAIL */
export async function openFront(address: string, port: number, target: Target, tls: TlsOptions | null): Promise<Front> {
  const handler: RequestListener = (request, response) => forward(request, response, target);
  const server = tls === null ? createHttpServer(handler) : await tlsServer(address, tls, handler);
  server.on("upgrade", (request, socket, head) => forwardUpgrade(request, socket, head, target));
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    else socket.destroy();
  });
  // A client may take its time with a body; what bounds a request is the gateway's business.
  server.requestTimeout = 0;
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

async function listen(server: Server, address: string, port: number): Promise<number> {
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

async function tlsServer(
  address: string,
  { authority, clientCa }: TlsOptions,
  handler: RequestListener,
): Promise<Server> {
  const contexts = new Map<string, SecureContext>();
  let under = "";
  const contextFor = async (name: string): Promise<SecureContext> => {
    const ca = clientCa?.() ?? "";
    if (ca !== under) contexts.clear();
    under = ca;
    const known = contexts.get(name);
    if (known) return known;
    const certificate = await authority.certificate([name]);
    const context = createSecureContext({ ...certificate, ...(clientCa && { ca }) });
    if (contexts.size < MAX_CONTEXTS) contexts.set(name, context);
    return context;
  };
  const names = [...new Set(["localhost", "127.0.0.1", address])];
  const server = createHttpsServer(
    {
      ...(await authority.certificate(names)),
      ...(clientCa && { ca: clientCa(), requestCert: true, rejectUnauthorized: false }),
      ALPNProtocols: ["http/1.1"],
      SNICallback: (name, done) => {
        if (!isServerName(name)) {
          done(null);
          return;
        }
        contextFor(name.toLowerCase()).then(
          (context) => done(null, context),
          (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
        );
      },
    },
    handler,
  );
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

const MAX_CONTEXTS = 500;

/** A name that a certificate can be made for; others get the listener's own. */
function isServerName(name: string): boolean {
  return name.length <= 253 && /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(name) && isIP(name) === 0;
}
