import type { Server, ServerOptions } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createNetServer, isIP, type Server as NetServer, type Socket } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { EdgeAuthority } from "./certificates.ts";
import type { EdgeRequest } from "../net/edge-request.ts";

/** How a listener speaks TLS. */
export interface TlsOptions {
  readonly authority: EdgeAuthority;
  /** PEM of the mesh's authority, against which clients' certificates are verified, empty while it is not known; null: none are asked for. */
  readonly clientCa: (() => Promise<string>) | null;
}

const MAX_CONTEXTS = 500;
/** The first byte of a TLS handshake (RFC 8446 §5.1). */
const HANDSHAKE = 0x16;
const FIRST_BYTE_MS = 60_000;

/**
 * Takes connections of one port: those that begin with a TLS handshake go to a server of their own, all others to `plain`,
 * which can tell what is wrong.
 *
 * @param serve what the server does with requests
 */
export async function tlsListener(
  address: string,
  { authority, clientCa }: TlsOptions,
  options: ServerOptions<typeof EdgeRequest>,
  serve: (server: Server) => Server,
  plain: Server,
): Promise<NetServer> {
  const own = await authority.certificate([...new Set(["localhost", "127.0.0.1", address])]);
  const contexts = new Map<string, SecureContext>();
  let trusted: string | null = null;
  const server = createHttpsServer({
    ...options,
    ...own,
    ...(clientCa && { requestCert: true, rejectUnauthorized: false }),
    ALPNProtocols: ["http/1.1"],
    SNICallback: (name, done) => {
      // Without a name, or with one that no certificate can be made for, the listener's own serves.
      if (!isServerName(name)) return done(null);
      contextFor(name.toLowerCase()).then(
        (context) => done(null, context),
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
  serve(server);
  server.on("tlsClientError", (_error, socket) => socket.destroy());

  const contextFor = async (name: string): Promise<SecureContext> => {
    const known = contexts.get(name);
    if (known) return known;
    const certificate = await authority.certificate([name]);
    const context = createSecureContext({ ...certificate, ...trusting(trusted) });
    if (contexts.size < MAX_CONTEXTS) contexts.set(name, context);
    return context;
  };
  /** Whoever is trusted by now is trusted by this handshake, with a name and without. */
  const renew = async (): Promise<void> => {
    if (clientCa === null) return;
    const ca = await clientCa();
    if (ca === trusted) return;
    trusted = ca;
    contexts.clear();
    server.setSecureContext({ ...own, ...trusting(ca) });
  };

  return createNetServer((socket) => {
    atFirstByte(socket, (byte) => {
      if (byte !== HANDSHAKE) return hand(socket, plain);
      renew().then(
        () => hand(socket, server),
        () => socket.destroy(),
      );
    });
  });
}

/** @param ca empty: nobody is trusted; left out, it would be the authorities that Node knows */
function trusting(ca: string | null) {
  return ca === null ? {} : { ca: ca === "" ? [] : [ca] };
}

/** Looks at what a client says first, and leaves it to be read. */
function atFirstByte(socket: Socket, then: (byte: number) => void): void {
  const giveUp = (): void => void socket.destroy();
  socket.on("error", giveUp);
  socket.setTimeout(FIRST_BYTE_MS, giveUp);
  socket.once("data", (first: Buffer) => {
    socket.pause();
    socket.unshift(first);
    socket.setTimeout(0);
    socket.off("timeout", giveUp);
    then(first[0] ?? 0);
  });
}

function hand(socket: Socket, server: Server): void {
  if (socket.destroyed) return;
  server.emit("connection", socket);
  socket.resume();
}

/** A name that a certificate can be made for. */
function isServerName(name: string): boolean {
  return name.length <= 253 && /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(name) && isIP(name) === 0;
}
