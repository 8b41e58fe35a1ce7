import { createServer } from "node:http";

/**
 * The upstream over TCP, in a process of its own: 1 KB with its length; under `/chunked` 100 KB in chunks; a body that
 * is sent is read to its end; `/hang` never answers, `/refuse` refuses and
 * `/reset` ends the connection. Also the issuer's key set, on `/jwks.json`. Prints its port.
 */
const SMALL = Buffer.alloc(1_024, "x");
const CHUNK = Buffer.alloc(10_240, "y");
const CHUNKS = 10;

const jwks = process.argv[2] ?? '{"keys":[]}';

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    if (request.url === "/jwks.json") {
      response.writeHead(200, { "content-type": "application/json" }).end(jwks);
      return;
    }
    // Collectors that are away.
    if (request.url === "/hang") return;
    if (request.url === "/refuse") return void response.writeHead(503).end();
    if (request.url === "/reset") return void request.socket.destroy();
    if (!request.url?.startsWith("/api/v1/chunked")) {
      response.writeHead(200, { "content-type": "text/plain", "content-length": SMALL.length }).end(SMALL);
      return;
    }
    response.writeHead(200, { "content-type": "text/plain" });
    for (let chunk = 0; chunk < CHUNKS; chunk += 1) response.write(CHUNK);
    response.end();
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address) console.log(address.port);
});
// The bench ended, however it did: its end of the pipe is closed.
process.stdin.on("end", () => process.exit()).resume();
