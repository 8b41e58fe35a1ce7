import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** Where to send bytes to; with `tls` by a handshake that shows these. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly cert?: string; readonly key?: string; readonly servername?: string };
}

export function placeOf(url: string): Place {
  const { protocol, hostname, port } = new URL(url);
  return { host: hostname, port: Number(port), ...(protocol === "https:" && { tls: {} }) };
}

/** A connection that speaks whatever it is given, byte for byte: what libraries would put right is the point here. */
export async function open({ host, port, tls }: Place): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined
        ? connectPlain(port, host, () => resolve(socket))
        : connectTls({ host, port, rejectUnauthorized: false, ...tls }, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** What came back on one connection. Bytes of the head are one character each. */
export interface RawAnswer {
  readonly status: number;
  /** Lower-case name to its last value. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Sends bytes and reads up to the end of the connection: the request should ask for it by `Connection: close`. */
export async function exchange(place: Place, bytes: string | Buffer): Promise<RawAnswer> {
  const socket = await open(place);
  const chunks: Buffer[] = [];
  const done = new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
  });
  socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  await done;
  return readAnswer(Buffer.concat(chunks));
}

export function readAnswer(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf("\r\n\r\n");
  const [first = "", ...lines] = bytes.subarray(0, Math.max(end, 0)).toString("latin1").split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  return { status: Number(first.split(" ")[1] ?? 0), headers, body: bytes.subarray(end + 4) };
}
