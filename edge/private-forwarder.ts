import { lookup } from "node:dns/promises";
import { createServer, type IncomingMessage } from "node:http";
import { BlockList, connect, isIP, type Socket } from "node:net";
import { HttpOptions_Style } from "miniflare";
import { EdgeRequest } from "../net/edge-request.ts";
import { MAX_HEAD_BYTES, type Onward, passOn, passUpgradeOn } from "../net/onward.ts";
import type { PooledTls } from "../net/svid-dialer.ts";

/** Where the local mesh may connect for private endpoints: private networks and this machine, nothing else. */
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
] as const)
  PRIVATE.addSubnet(network, bits, "ipv4");
PRIVATE.addSubnet("fc00::", 7, "ipv6");
PRIVATE.addAddress("::1", "ipv6");

/** How a gateway dials agents. */
export interface MutualTls {
  /** @param ids of whom the endpoint may be @returns null where there is no certificate to show */
  toPeers(ids: readonly string[]): Promise<PooledTls | null>;
  /** Is told why an agent was not called. */
  failed(endpoint: string, reason: string): void;
}

/** One for a connection, too. */
class ForwarderRequest extends EdgeRequest {
  override get upgrade(): boolean {
    return this.method === "CONNECT" || super.upgrade;
  }

  override set upgrade(value: unknown) {
    super.upgrade = value;
  }
}

/**
 * Forwards requests of the gateways' PRIVATE binding to the origin that their URL names, by TLS where it is HTTPS, and connections
 * that it asks for. A place that may not be reached, or where nobody listens, looks like a connection that breaks: the gateway
 * says 503 `UF`.
 *
 * @param plain HTTPS is taken for HTTP
 * @param mutual by which agents are dialled; without it none is
 */
export async function startPrivateForwarder(
  plain: boolean,
  mutual: MutualTls | null = null,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const placeOf = async (request: IncomingMessage): Promise<Onward | null> => placeFor(request, plain, mutual);
  const server = createServer(
    { IncomingMessage: ForwarderRequest, maxHeaderSize: MAX_HEAD_BYTES },
    (request, response) => {
      placeOf(request).then(
        (place) => (place === null ? void response.destroy() : passOn(request, response, place)),
        () => response.destroy(),
      );
    },
  );
  server.on("upgrade", (request, client, head) => {
    client.on("error", () => client.destroy());
    placeOf(request).then(
      (place) => (place === null ? void client.destroy() : passUpgradeOn(request, client, head, place)),
      () => client.destroy(),
    );
  });
  server.on("connect", ({ url = "" }: IncomingMessage, client: Socket, head: Buffer) => {
    client.on("error", () => client.destroy());
    // An origin goes without its scheme's own port.
    resolve(`http://${url.replace(/:80$/, "")}`).then(
      (place) => (place === null ? void client.destroy() : tunnel(client, head, place)),
      () => client.destroy(),
    );
  });
  server.requestTimeout = 0;
  // Those that were upgraded are no longer the server's to close.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: async () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/**
 * The PRIVATE binding of a gateway to the forwarder at this port. It stands for a Workers VPC network: the URL says where to connect, and the Host header may be another. As towards a proxy the
 * runtime sends both, and CONNECT where a TCP connection is asked for.
 */
export function privateNetwork(port: number) {
  const http = { style: HttpOptions_Style.PROXY, cfBlobHeader: CF_HEADER };
  return { external: { address: `127.0.0.1:${port}`, http } };
}

/** Joins a client with a place once there is a connection to it. */
function tunnel(client: Socket, head: Buffer, { host, port }: Pick<Onward, "host" | "port">): void {
  const server = connect(port, host);
  server.on("connect", () => {
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    server.write(head);
    server.pipe(client).pipe(server);
  });
  server.on("error", () => client.destroy());
  client.on("close", () => server.destroy());
}

/** Holds what a gateway says beside the request. The runtime writes it, and takes away what a route has put there. */
const CF_HEADER = "mf-cf-blob";

/** Whose certificate the endpoint must show, SPIFFE IDs; null: the gateway does not ask for mutual TLS. */
function peersOf({ headers }: IncomingMessage): readonly string[] | null {
  const blob = headers[CF_HEADER];
  if (typeof blob !== "string") return null;
  const { tullePeers } = Object(JSON.parse(blob)) as { readonly tullePeers?: unknown };
  if (tullePeers === undefined) return null;
  if (!Array.isArray(tullePeers)) throw new Error("whom to expect is a list");
  return tullePeers.map(String);
}

/** Takes the origin off the request's URL. @returns null where the address may not be reached */
async function placeFor(request: IncomingMessage, plain: boolean, mutual: MutualTls | null): Promise<Onward | null> {
  const [, origin = "", path = ""] = /^(https?:\/\/[^/?#]+)(.*)$/.exec(request.url ?? "") ?? [];
  const target = await resolve(origin);
  if (target === null) return null;
  request.url = path;
  const { rawHeaders } = request;
  const kept: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (!/^(mf|cf)-/i.test(name)) kept.push(name, rawHeaders[at + 1] ?? "");
  }
  const { tls, ...place } = target;
  const peers = plain ? null : peersOf(request);
  if (peers === null) return { ...place, ...(tls && !plain && { tls }), headers: kept };
  const failed = (error: Error): void => mutual?.failed(origin, error.message);
  const pool = peers.length === 0 ? null : ((await mutual?.toPeers(peers)) ?? null);
  if (pool === null) {
    failed(
      new Error(
        peers.length === 0
          ? "nobody says who it must be: give its WorkloadEntry a `serviceAccount`"
          : "the gateway has no certificate to show",
      ),
    );
    return null;
  }
  return { ...place, tls: pool, headers: kept, failed };
}

/** @returns where to connect; the address that was judged is the one that is used, whatever the name says next */
async function resolve(origin: string): Promise<Pick<Onward, "host" | "port" | "tls"> | null> {
  const url = URL.parse(origin);
  if (url === null || url.origin !== origin || !/^https?:$/.test(url.protocol)) return null;
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(name) === 0 ? await lookup(name, { all: true }) : [{ address: name, family: isIP(name) }];
  const allowed = addresses.find(({ address, family }) => PRIVATE.check(address, family === 6 ? "ipv6" : "ipv4"));
  if (!allowed) return null;
  const tls = url.protocol === "https:" ? { name } : null;
  return { host: allowed.address, port: Number(url.port || (tls ? 443 : 80)), ...(tls && { tls }) };
}
