import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exposing } from "../support/exposed.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { exchange, open, type Place, placeOf, type RawAnswer } from "../support/raw-http.ts";
import { until } from "../support/until.ts";
import { echoWebSocket } from "../support/web-socket.ts";

const KIB = 1_024;

let mesh: RunningMesh;
let outside: Server;
let place: Place;
let mtls: Place;
/** The last request that arrived behind the mesh. Its header values hold a byte a character. */
let arrived: IncomingMessage | null = null;

beforeAll(async () => {
  outside = createServer({ maxHeaderSize: 256 * KIB }, (request, response) => {
    arrived = request;
    const size = Number(request.headers["x-want"] ?? 0);
    if (size > 0) response.setHeader("x-large", "b".repeat(size));
    const echoed = request.headers["x-name"];
    if (echoed !== undefined) response.setHeader("x-name", echoed);
    // With a text as body Node would write its own head as UTF-8, not byte for byte.
    response.end(Buffer.from("ok"));
  });
  outside.on("upgrade", (request, socket, head) => {
    arrived = request;
    echoWebSocket(request, socket, head);
  });
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  const { port } = outside.address() as AddressInfo;
  const ports = ["--port-base", "31900", "--loopback", "127.0.44.0/24"];
  mesh = await RunningMesh.start(["--example", "article", ...ports, "--origin-port", String(port)]);
  const changes = '{ request: { set: { x-set: "Zoë" } }, response: { set: { x-back: "Zoë" } } }';
  await mesh.mustApply(
    exposing([
      { host: "private.test", address: "127.0.0.1", port },
      { host: "public.test", address: "https://shop.origin.example" },
      { host: "bound.test", address: "binding:EP_ORDER_SERVICE_V1" },
      { host: "changed.test", address: "127.0.0.1", port, headers: changes },
    ]),
  );
  const web: Svid = await mesh.enrol("default", "web");
  place = placeOf(mesh.info.gateway);
  mtls = { ...placeOf(mesh.info.mesh), tls: { ...web } };
  for (const host of ["changed.test", "private.test", "public.test", "bound.test"])
    await until(`${host} to be known`, async () => (await ask(host, "")).status === 200);
});
afterAll(async () => {
  await mesh?.stop();
  outside?.closeAllConnections();
  outside?.close();
});

/** @param lines of headers, each with its end */
async function ask(host: string, lines: string, at = place, method = "GET"): Promise<RawAnswer> {
  return exchange(at, `${method} / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${lines}\r\n`);
}

/** Headers that fill a request up to `size` by the rule: name, value and four bytes for each. @param count of lines */
function filling(host: string, size: number, count = 1): string {
  const others = 4 + host.length + 4 + "connection".length + "close".length + 4;
  const each = Math.floor((size - others) / count);
  return Array.from({ length: count }, (_, at) => {
    const length = at === 0 ? size - others - each * (count - 1) : each;
    const name = `x-${String(at).padStart(4, "0")}`;
    return `${name}: ${"a".repeat(length - name.length - 4)}\r\n`;
  }).join("");
}

describe("60 KiB of request headers pass, and one byte more is told so", () => {
  it.each([
    { name: "20 KB to a private address", host: "private.test", size: 20_000 },
    { name: "60 KiB to a private address", host: "private.test", size: 60 * KIB },
    { name: "60 KiB to a public origin", host: "public.test", size: 60 * KIB },
    { name: "60 KiB to a service binding", host: "bound.test", size: 60 * KIB },
    { name: "60 KiB in 500 lines", host: "private.test", size: 60 * KIB, count: 500 },
    { name: "60 KiB over TLS", host: "private.test", size: 60 * KIB, tls: true },
  ])("$name", async ({ host, size, count, tls }) => {
    const lines = filling(host, size, count);
    expect((await ask(host, lines, tls ? mtls : place)).status).toBe(200);
    if (host === "bound.test") return;
    const sum = lines.split("\r\n").filter((line) => line !== "");
    const came = arrived?.rawHeaders.join("\n") ?? "";
    expect(sum.filter((line) => !came.includes(line.replace(": ", "\n")))).toEqual([]);
  });

  it.each([
    { name: "a byte more", host: "private.test", size: 60 * KIB + 1 },
    { name: "a byte more in 500 lines", host: "private.test", size: 60 * KIB + 1, count: 500 },
    { name: "a byte more over TLS", host: "private.test", size: 60 * KIB + 1, tls: true },
    { name: "a byte more with a body", host: "private.test", size: 60 * KIB + 1, method: "POST" },
    { name: "100 KiB", host: "private.test", size: 100 * KIB },
    { name: "1 MiB, more than the edge reads", host: "private.test", size: KIB * KIB },
    { name: "100 KiB for a host that is not exposed", host: "unknown.test", size: 100 * KIB },
  ])("$name: 431 with an id, under which the log has it", async ({ host, size, count, tls, method }) => {
    arrived = null;
    const { status, headers } = await ask(host, filling(host, size, count), tls ? mtls : place, method);
    expect(status).toBe(431);
    expect(arrived).toBeNull();
    const line = await until("the log's line", () =>
      mesh.accessLog().find(({ request_id }) => request_id === headers.get("x-request-id")),
    );
    expect(line).toMatchObject({ status: 431, details: "request_headers_too_large" });
  });

  it("and so is a WebSocket's handshake", async () => {
    const upgrade =
      "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    const { status, headers } = await ask("private.test", `${upgrade}${filling("private.test", 61 * KIB)}`);
    expect(status).toBe(431);
    await until("the log's line", () =>
      mesh.accessLog().some(({ request_id }) => request_id === headers.get("x-request-id")),
    );
  });

  it.each([18_000, 40 * KIB, 59 * KIB])("an answer header of %i bytes passes", async (size) => {
    for (const host of ["private.test", "public.test", "changed.test"]) {
      const { status, headers } = await ask(host, `X-Want: ${size}\r\n`);
      expect([host, status, headers.get("x-large")?.length]).toEqual([host, 200, size]);
    }
  });

  it.each(["control", "controlHttp"] as const)("the control API (%s) keeps to the same sizes", async (which) => {
    const url = mesh.info[which];
    const call = async (size: number): Promise<RawAnswer> => {
      const auth = `Authorization: Bearer ${mesh.token}\r\n`;
      const left = size - ("authorization".length + "Bearer ".length + mesh.token.length + 4);
      return exchange(
        placeOf(url),
        `GET /api/v1/status HTTP/1.1\r\nHost: c.test\r\nConnection: close\r\n${auth}${filling("c.test", left)}\r\n`,
      );
    };
    expect((await call(60 * KIB)).status).toBe(200);
    for (const size of [60 * KIB + 1, KIB * KIB]) {
      const { status, headers, body } = await call(size);
      expect(status).toBe(431);
      expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
      expect(JSON.parse(body.toString())).toMatchObject({ kind: "Status", code: 431 });
    }
  });
});

/** UTF-8 as it goes over the wire, a byte a character. */
const wire = (text: string): string => Buffer.from(text).toString("latin1");

describe("header values arrive byte for byte, both ways", () => {
  it.each([
    { name: "UTF-8 of two bytes", value: wire("Zoë Müller") },
    { name: "UTF-8 of three and four bytes", value: wire("日本 🙂") },
    { name: "UTF-8 that could be taken for an encoding of itself", value: wire(wire("é")) },
    { name: "a quoted string with UTF-8 and commas", value: wire('"Ä, ö"; q="ü"') },
    { name: "a tab and inner blanks", value: "a\tb  c" },
    {
      name: "all of printable ASCII",
      value: Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)).join(""),
    },
  ])("$name", async ({ value }) => {
    for (const host of ["private.test", "public.test", "changed.test"]) {
      const { headers } = await ask(host, `X-Name: ${value}\r\n`);
      expect([host, arrived?.headers["x-name"]]).toEqual([host, value]);
      expect([host, headers.get("x-name")]).toEqual([host, value]);
    }
  });

  it("what a route sets is UTF-8", async () => {
    const { headers } = await ask("changed.test", "");
    expect(arrived?.headers["x-set"]).toBe(wire("Zoë"));
    expect(headers.get("x-back")).toBe(wire("Zoë"));
  });

  it("in a WebSocket's handshake as well", async () => {
    const socket = await open(place);
    const head = new Promise<string>((resolve) =>
      socket.once("data", (data: Buffer) => resolve(data.toString("latin1"))),
    );
    const name = wire("Zoë");
    socket.write(
      Buffer.from(
        `GET / HTTP/1.1\r\nHost: private.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Name: ${name}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
        "latin1",
      ),
    );
    expect(await head).toContain(name);
    expect(arrived?.headers["x-name"]).toBe(name);
    socket.destroy();
  });
});
