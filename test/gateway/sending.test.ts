import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SendingMesh } from "./sending-mesh.ts";

let mesh: SendingMesh;
beforeAll(async () => {
  mesh = await SendingMesh.start();
});
afterAll(() => mesh.stop());

const ENDPOINTS = ["private", "public", "worker"];
let paths = 0;
/** One that no other request of the log has. */
const path = (prefix = "/one"): string => `${prefix}/${(paths += 1)}`;

describe("an answer's headers", () => {
  const MESH_OWN = {
    "x-mesh-identity": "spiffe://x",
    "x-envoy-upstream-service-time": "1",
    "x-envoy-whatever": "1",
    "x-tulle-caller": "x",
    "x-forwarded-client-cert": "x",
    x_mesh_identity: "x",
  };
  const HOP = {
    "keep-alive": "timeout=5",
    "proxy-connection": "keep-alive",
    "proxy-authenticate": "Basic",
    "http2-settings": "AA",
    te: "trailers",
    trailer: "x-late",
    upgrade: "h2c",
    "x-internal": "1",
  };
  const OWN = { "content-type": "text/html", "x-own": "1", "set-cookie": ["a=1", "b=2"] };

  it.each(ENDPOINTS)(
    "from a %s endpoint lose what belongs to the connection or to the mesh, and nothing else",
    async (app) => {
      mesh.origin = (_, response) => {
        response.writeHead(200, { ...OWN, ...HOP, ...MESH_OWN, connection: "close, x-internal" });
        response.end("<p>");
      };
      for (const url of [`http://${app}.test/as-is?hop`, `http://${app}.test/changed?hop`]) {
        const { headers, body } = await mesh.get(url);
        expect([body.toString(), headers["x-own"], headers["set-cookie"]]).toEqual(["<p>", "1", ["a=1", "b=2"]]);
        for (const name of Object.keys({ ...MESH_OWN, ...HOP }))
          expect(headers[name], `${name} of ${url}`).toBeUndefined();
      }
      const seen = await mesh.call(`http://${app}/as-is?hop`);
      expect([seen.body.toString(), seen.headers["x-own"]]).toEqual(["<p>", "1"]);
      for (const name of [...Object.keys({ ...MESH_OWN, ...HOP }), "connection", "transfer-encoding"])
        expect(seen.headers[name], `${name} to a Worker`).toBeUndefined();
    },
  );

  it.each(ENDPOINTS)("from a %s endpoint pass up to 60 KiB, and above are a protocol error", async (app) => {
    const lines = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`x-${at}`, "v".repeat(1_000)]));
    mesh.origin = (request, response) => {
      response.writeHead(200, lines(Number(new URL(request.url ?? "/", "http://o").searchParams.get("lines"))));
      response.end("ok");
    };
    const fits = await mesh.get(`http://${app}.test/${app}-fits?lines=59`);
    expect([fits.status, fits.headers["x-58"]?.length, fits.body.toString()]).toEqual([200, 1_000, "ok"]);
    const over = await mesh.get(`http://${app}.test/${app}-over?lines=62`);
    expect([over.status, over.headers["x-0"]]).toEqual([502, undefined]);
    const [line] = await mesh.logged(`/${app}-over`);
    expect(line).toMatchObject({ status: 502, response_flags: "UPE", details: "upstream_protocol_error" });
  });
});

it("a host under a wildcard is called at its own origin, and one that is not on the egress list nowhere", async () => {
  const hosts: (string | undefined)[] = [];
  mesh.origin = (request, response) => {
    hosts.push(request.headers["x-forwarded-host"]?.toString());
    response.end("vendor");
  };
  const answer = await mesh.call("http://api.vendor.example/dynamic");
  expect([answer.status, answer.body.toString()]).toEqual([200, "vendor"]);
  expect((await mesh.call("http://evil.vendor.example/dynamic")).status).toBe(502);
  expect(hosts).toEqual(["api.vendor.example"]);
});

it("a public origin is asked past the platform's cache, whatever its answers allow", async () => {
  const seen: unknown[] = [];
  mesh.origin = (request, response) => {
    seen.push(request.headers["cache-control"], request.headers.pragma);
    response.writeHead(200, { "cache-control": "public, max-age=600" });
    response.end();
  };
  await mesh.get("http://public.test/cached");
  await mesh.get("http://public.test/cached", { headers: { "cache-control": "max-age=5" } });
  expect(seen).toEqual(["no-cache", "no-cache", "max-age=5", "no-cache"]);
});

it.each(ENDPOINTS)("a length of 0 on a GET or HEAD is no body to a %s endpoint", async (app) => {
  const lengths: unknown[] = [];
  mesh.origin = (request, response) => {
    lengths.push(request.headers["content-length"]);
    response.end();
  };
  for (const method of ["GET", "HEAD"]) {
    const got = await mesh.get(`http://${app}.test/none`, { method, headers: { "content-length": "0" } });
    expect(got.status).toBe(200);
  }
  expect(lengths).toEqual([undefined, undefined]);
});

it.each(["/as-is", "/changed"])(
  "an answer in chunks that tells a length besides passes, without the length: %s",
  async (path) => {
    const HEAD = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 90000\r\n\r\n";
    mesh.origin = ({ socket, method }) => socket.write(method === "HEAD" ? HEAD : `${HEAD}2\r\nok\r\n0\r\n\r\n`);
    for (const method of ["HEAD", "GET"]) {
      const { status, headers, body } = await mesh.get(`http://private.test${path}`, { method });
      expect([status, headers["content-length"], body.toString()]).toEqual([
        200,
        undefined,
        method === "HEAD" ? "" : "ok",
      ]);
    }
  },
);

it.each(["/as-is", "/changed"])("an answer passes whose reason holds a tab: %s", async (path) => {
  mesh.origin = ({ socket }) => socket.end("HTTP/1.1 200 all\tgood\r\nContent-Length: 2\r\n\r\nok");
  const { status, body } = await mesh.get(`http://private.test${path}`);
  expect([status, body.toString()]).toEqual([200, "ok"]);
});

describe("the end of a body is seen", () => {
  const LARGE = Buffer.alloc(200_000, "y");
  const FRAMINGS = [
    { framing: "with its length", head: { "content-length": String(LARGE.length) }, bytes: LARGE.length },
    { framing: "in chunks", head: {}, bytes: null },
  ];
  const CASES = ENDPOINTS.flatMap((app) => FRAMINGS.map((framing) => ({ app, ...framing })));

  it.each(CASES)("whole, from a $app endpoint, $framing", async ({ app, head, bytes }) => {
    mesh.origin = (_, response) => {
      response.writeHead(200, head);
      response.write(LARGE.subarray(0, 100_000));
      response.end(LARGE.subarray(100_000));
    };
    const at = path();
    const { body } = await mesh.get(`http://${app}.test${at}?length=${bytes === null ? "unknown" : "known"}`);
    expect(body.equals(LARGE)).toBe(true);
    const [line] = await mesh.logged(at);
    expect(line).toMatchObject({ status: 200, response_flags: "-", details: "via_upstream", bytes_sent: bytes });
  });

  it.each(CASES)("broken off by a $app endpoint, $framing", async ({ app, head }) => {
    mesh.origin = (_, response) => {
      response.writeHead(200, head);
      response.write(LARGE.subarray(0, 100_000), () => response.destroy());
    };
    const at = path();
    await expect(mesh.get(`http://${app}.test${at}?length=unknown`)).rejects.toThrow();
    const [line] = await mesh.logged(at);
    expect(line).toMatchObject({
      status: 200,
      response_flags: "UC",
      details: "upstream_reset_after_headers",
      bytes_sent: null,
    });
  });

  it.each(CASES)("too late, from a $app endpoint, $framing", async ({ app, head }) => {
    const closed = Promise.withResolvers<void>();
    mesh.origin = (_, response) => {
      response.writeHead(200, head);
      response.write(LARGE.subarray(0, 100_000));
      response.on("close", closed.resolve);
    };
    const at = path("/timed");
    await expect(mesh.get(`http://${app}.test${at}?length=unknown`)).rejects.toThrow();
    const [line] = await mesh.logged(at);
    expect(line).toMatchObject({ status: 200, response_flags: "UT", details: "response_timeout" });
    await closed.promise;
  });

  it("by its client, whatever came of it: never the service's fault", async () => {
    const at = path();
    let closed = 0;
    mesh.origin = (_, response) => {
      response.writeHead(200);
      response.write(LARGE.subarray(0, 1_000));
      response.on("close", () => (closed += 1));
    };
    await Promise.all(Array.from({ length: 100 }, () => resetOnFirstBytes(at)));
    const lines = await mesh.logged(at, 100);
    expect(new Set(lines.map(({ response_flags }) => response_flags))).toEqual(new Set(["DC"]));
    expect(lines).toHaveLength(100);
    await expect.poll(() => closed, { timeout: 60_000 }).toBe(100);
  });
});

function dial(target: string): Socket {
  const socket = connect(mesh.gatewayPort, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(`GET ${target} HTTP/1.1\r\nHost: private.test\r\n\r\n`);
  return socket;
}

async function resetOnFirstBytes(target: string): Promise<void> {
  const socket = dial(target);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.resetAndDestroy();
}
