import { lookup } from "node:dns/promises";
import { createServer, type IncomingMessage } from "node:http";
import { BlockList, isIP, type Socket } from "node:net";
import { EdgeRequest } from "./edge-request.ts";
import { MAX_HEAD_BYTES, type Onward, passOn, passUpgradeOn } from "./onward.ts";

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

/**
 * Forwards requests of the gateways' PRIVATE binding to the origin that `tulle-private-target` names, by TLS where it is HTTPS. A place that may not
 * be reached, or where nobody listens, looks like a connection that breaks: the gateway says 503 `UF`.
 *
 * @param plain HTTPS is taken for HTTP
 */
export async function startPrivateForwarder(
  plain: boolean,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer({ IncomingMessage: EdgeRequest, maxHeaderSize: MAX_HEAD_BYTES }, (request, response) => {
    placeOf(request, plain).then(
      (place) => (place === null ? void response.destroy() : passOn(request, response, place)),
      () => response.destroy(),
    );
  });
  server.on("upgrade", (request, client, head) => {
    client.on("error", () => client.destroy());
    placeOf(request, plain).then(
      (place) => (place === null ? void client.destroy() : passUpgradeOn(request, client, head, place)),
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

/** @returns null where the address may not be reached */
async function placeOf({ headers, rawHeaders }: IncomingMessage, plain: boolean): Promise<Onward | null> {
  const target = await resolve(String(headers["tulle-private-target"] ?? ""));
  if (target === null) return null;
  const kept: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (!/^(tulle-private-target|mf-.*|cf-.*)$/i.test(name)) kept.push(name, rawHeaders[at + 1] ?? "");
  }
  const { tls, ...place } = target;
  return { ...place, ...(tls && !plain && { tls }), headers: kept };
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
