import { TLSSocket } from "node:tls";

/** The fields of Cloudflare's `request.cf.tlsClientAuth` that the mesh reads, filled as the edge there fills them. */
interface TlsClientAuth {
  readonly certPresented: "0" | "1";
  readonly certVerified: string;
  readonly certRevoked: "0";
  /** The leaf as a byte sequence of RFC 9440; empty without one, or where it is too large. */
  readonly certRFC9440: string;
  readonly certRFC9440TooLarge: boolean;
}

const NONE: TlsClientAuth = {
  certPresented: "0",
  certVerified: "NONE",
  certRevoked: "0",
  certRFC9440: "",
  certRFC9440TooLarge: false,
};

const MAX_LEAF_BYTES = 10_240;

/** What the TLS handshake showed of the client. Node has verified the chain against the mesh's authority. */
function tlsClientAuth(socket: TLSSocket): TlsClientAuth {
  const { raw } = socket.getPeerCertificate();
  if (raw === undefined) return NONE;
  const tooLarge = raw.length > MAX_LEAF_BYTES;
  return {
    certPresented: "1",
    certVerified: socket.authorized ? "SUCCESS" : `FAILED:${String(socket.authorizationError)}`,
    certRevoked: "0",
    certRFC9440: tooLarge ? "" : `:${raw.toString("base64")}:`,
    certRFC9440TooLarge: tooLarge,
  };
}

/** As the platform names it: OpenSSL's name, and of TLS 1.3 `AEAD-` and what follows. */
function cipherOf(socket: TLSSocket): string {
  const { name } = socket.getCipher();
  return name.startsWith("TLS_") ? name.replace("TLS_", "AEAD-").replaceAll("_", "-") : name;
}

/** `request.cf` for a connection: what the platform would tell of it, and the listener that it came in on. */
export function cfOf(socket: unknown, listener: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!(socket instanceof TLSSocket)) return { colo: "LOC", tulleListener: listener };
  const { servername } = socket;
  // The listener's own name says how it was reached, as its address would, and nothing of the service.
  const named = typeof servername === "string" && servername !== "" && servername.toLowerCase() !== "localhost";
  const sni = named ? { sni: servername } : {};
  return {
    colo: "LOC",
    tlsVersion: socket.getProtocol(),
    tlsCipher: cipherOf(socket),
    tlsClientAuth: tlsClientAuth(socket),
    tulleListener: { ...listener, ...sni },
  };
}
