import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exposing } from "../support/exposed.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";
import { exchange, open, type Place, placeOf } from "../support/raw-http.ts";
import { converse, echoWebSocket } from "../support/web-socket.ts";

interface Seen {
  readonly method: string;
  readonly body: string;
  readonly upgrade: string | null;
}

let mesh: RunningMesh;
let outside: Server;
let place: Place;
let mtls: Place;
const sockets = new Set<Socket>();

/** What stands behind private and public addresses: echoes requests as JSON and WebSockets frame by frame. */
function outsideServer(): Server {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", headers } = request;
      const seen: Seen = { method, body: Buffer.concat(chunks).toString(), upgrade: headers.upgrade ?? null };
      response.end(JSON.stringify(seen));
    });
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    if (request.url === "/refuse") return void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    if (request.url === "/break") return void socket.destroy();
    echoWebSocket(request, socket, head);
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return server;
}

beforeAll(async () => {
  outside = outsideServer();
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  const { port } = outside.address() as AddressInfo;
  const ports = ["--port-base", "31000", "--loopback", "127.0.41.0/24"];
  mesh = await RunningMesh.start(["--example", "article", ...ports, "--origin-port", String(port)]);
  await mesh.mustApply(
    exposing([
      { host: "private.test", address: "127.0.0.1", port },
      { host: "named.test", address: "localhost", port },
      { host: "nobody.test", address: "127.0.0.1", port: 1 },
      { host: "public.test", address: "https://shop.origin.example" },
      { host: "bound.test", address: "binding:EP_ORDER_SERVICE_V1" },
    ]),
  );
  place = placeOf(mesh.info.gateway);
  const web: Svid = await mesh.enrol("default", "web");
  mtls = { ...placeOf(mesh.info.mesh), tls: { ...web } };
  for (const host of ["bound.test", "private.test", "named.test", "public.test"])
    await until(`${host} to be known`, async () => {
      const { status } = await exchange(place, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      return status === 200;
    });
});
afterAll(async () => {
  await mesh?.stop();
  for (const socket of sockets) socket.destroy();
  outside?.close();
});

const offer = (value: string): string => `Connection: close, Upgrade\r\nUpgrade: ${value}\r\n`;
const sized = (body: string): string => `Content-Length: ${body.length}\r\n\r\n${body}`;
const chunked = (...chunks: readonly string[]): string =>
  `Transfer-Encoding: chunked\r\n\r\n${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")}0\r\n\r\n`;
const LARGE = "0123456789abcdef".repeat(60_000);

describe("an Upgrade that is none of a WebSocket's is ignored, and the request served with its whole body", () => {
  it.each([
    { name: "POST with a length", method: "POST", rest: `${offer("h2c")}${sized("hello")}`, body: "hello" },
    { name: "POST in chunks", method: "POST", rest: `${offer("h2c")}${chunked("hel", "lo")}`, body: "hello" },
    {
      name: "GET with HTTP2-Settings, as curl sends it",
      method: "GET",
      rest: `Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
      body: "",
    },
    { name: "PUT that offers TLS", method: "PUT", rest: `${offer("TLS/1.0")}${sized("hello")}`, body: "hello" },
    { name: "several tokens", method: "POST", rest: `${offer("h2c, TLS/1.2, foo/2")}${sized("a")}`, body: "a" },
    { name: "several lines", method: "POST", rest: `Upgrade: foo\r\n${offer("h2c")}${sized("a")}`, body: "a" },
    { name: "a WebSocket by POST", method: "POST", rest: `${offer("websocket")}${sized("hello")}`, body: "hello" },
    { name: "a WebSocket among others", method: "GET", rest: `${offer("h2c, websocket")}\r\n`, body: "" },
    { name: "an empty Upgrade", method: "POST", rest: `${offer("")}${sized("hello")}`, body: "hello" },
    { name: "DELETE without a body", method: "DELETE", rest: `${offer("h2c")}\r\n`, body: "" },
    { name: "960,000 bytes with a length", method: "POST", rest: `${offer("h2c")}${sized(LARGE)}`, body: LARGE },
    { name: "960,000 bytes in chunks", method: "PATCH", rest: `${offer("h2c")}${chunked(LARGE)}`, body: LARGE },
  ])("$name", async ({ method, rest, body }) => {
    const answer = await exchange(place, `${method} /a HTTP/1.1\r\nHost: private.test\r\n${rest}`);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual({ method, body, upgrade: null } satisfies Seen);
  });

  it("over TLS as well", async () => {
    const bytes = `POST /a HTTP/1.1\r\nHost: private.test\r\n${offer("h2c")}${sized("hello")}`;
    expect(JSON.parse((await exchange(mtls, bytes)).body.toString())).toMatchObject({ body: "hello" });
  });

  it("and the connection goes on to the next request", async () => {
    const socket = await open(place);
    const texts: string[] = [];
    const next = ["POST /b HTTP/1.1\r\nHost: private.test\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsecond"];
    await new Promise<void>((resolve) => {
      socket.on("data", (data: Buffer) => {
        texts.push(data.toString());
        const bytes = texts.join("").includes("first") ? next.shift() : undefined;
        if (bytes !== undefined) socket.write(bytes);
      });
      socket.on("close", () => resolve());
      socket.write(
        `POST /a HTTP/1.1\r\nHost: private.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${sized("first")}`,
      );
    });
    expect(texts.join("")).toMatch(/"body":"first"[^]*"body":"second"/);
  });
});

describe("a WebSocket reaches every kind of endpoint, with its messages both ways", () => {
  it.each([
    { name: "a service binding", host: "bound.test" },
    { name: "a private address", host: "private.test" },
    { name: "a private name", host: "named.test" },
    { name: "a public origin", host: "public.test" },
  ])("$name", async ({ host }) => {
    const { status, received } = await converse(place, host, "/socket", ["hello", "", "third"]);
    expect({ status, received }).toEqual({ status: 101, received: ["hello", "", "third"] });
  });

  it.each(["bound.test", "private.test", "public.test"])("with a message sent before the answer: %s", async (host) => {
    const { status, received } = await converse(place, host, "/socket", ["early", "late"], true);
    expect({ status, received }).toEqual({ status: 101, received: ["early", "late"] });
  });

  it("over TLS, as a workload", async () => {
    const { status, received } = await converse(mtls, "order-service", "/socket", ["hello"]);
    expect({ status, received }).toEqual({ status: 101, received: ["hello"] });
  });

  it.each(["private.test", "public.test"])("with the headers of the service's answer: %s", async (host) => {
    const { headers } = await converse(place, host, "/socket", []);
    expect(headers.get("x-server")).toBe("outside");
    expect(headers.get("sec-websocket-accept")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });

  it.each([
    { name: "refused by the service", host: "private.test", path: "/refuse", status: 403 },
    { name: "refused by a public origin", host: "public.test", path: "/refuse", status: 403 },
    { name: "broken off by the service", host: "private.test", path: "/break", status: 503 },
    { name: "broken off by a public origin", host: "public.test", path: "/break", status: 503 },
    { name: "where nobody listens", host: "nobody.test", path: "/socket", status: 503 },
    { name: "for a host that is not exposed", host: "unknown.test", path: "/socket", status: 404 },
  ])("or ends at once where it is $name", async ({ host, path, status }) => {
    expect(await converse(place, host, path, ["hello"])).toMatchObject({ status, received: [] });
  });
});
