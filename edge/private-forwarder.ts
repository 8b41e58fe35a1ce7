import { lookup } from "node:dns/promises";
import { Agent, createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { BlockList, isIP } from "node:net";

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

const agent = new Agent({ keepAlive: true });

/** Forwards requests of the gateways' PRIVATE binding to the address that `tulle-private-target` names. */
export async function startPrivateForwarder(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    forward(request, response).catch(() => response.destroy());
  });
  server.requestTimeout = 0;
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
        server.closeAllConnections();
      }),
  };
}

/** A place that may not be reached, or where nobody listens, looks like a connection that breaks: the gateway says 503 `UF`. */
async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = await resolve(String(request.headers["tulle-private-target"] ?? ""));
  if (target === null) return void response.destroy();
  const headers: string[] = [];
  const { rawHeaders } = request;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (!/^(tulle-private-target|mf-.*|cf-.*)$/i.test(name)) headers.push(name, rawHeaders[at + 1] ?? "");
  }
  const onward = httpRequest({ ...target, method: request.method, path: request.url, headers, setHost: false, agent });
  onward.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders);
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => {
    if (!response.writableFinished) onward.destroy();
  });
  request.pipe(onward);
}

/** @returns where to connect; the address that was judged is the one that is used, whatever the name says next */
async function resolve(authority: string): Promise<{ host: string; port: number } | null> {
  const url = URL.parse(`http://${authority}/`);
  if (url === null || url.pathname !== "/" || url.username !== "") return null;
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(name) === 0 ? await lookup(name, { all: true }) : [{ address: name, family: isIP(name) }];
  const allowed = addresses.find(({ address, family }) => PRIVATE.check(address, family === 6 ? "ipv6" : "ipv4"));
  return allowed ? { host: allowed.address, port: url.port === "" ? 80 : Number(url.port) } : null;
}
