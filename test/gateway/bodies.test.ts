import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tried } from "../support/scale.ts";
import { SendingMesh } from "./sending-mesh.ts";

const CODINGS: Readonly<Record<string, (plain: Buffer) => Buffer>> = {
  identity: (plain) => plain,
  gzip: (plain) => gzipSync(plain),
  // At its best it takes many seconds for the large one, and connections that nobody looks after meanwhile are closed by the other side.
  br: (plain) => brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  zstd: (plain) => zstdCompressSync(plain),
  deflate: (plain) => deflateSync(plain),
};

/** One byte, a page, just past what is passed on unwatched, and large. */
const SMALL: readonly Buffer[] = [Buffer.from("x"), Buffer.from("a page ".repeat(150)), randomBytes(70_000)];
const PLAIN = tried(SMALL, [...SMALL, randomBytes(3_000_000)]);

let mesh: SendingMesh;
/** What the origin answers, and whether it says the length. */
let coded: { coding: string; bytes: Buffer; length: boolean };

beforeAll(async () => {
  mesh = await SendingMesh.start();
  mesh.origin = (request, response) => {
    const { coding, bytes, length } = coded;
    response.writeHead(request.url?.endsWith("/304") ? 304 : request.url?.endsWith("/204") ? 204 : 200, {
      "content-type": "text/plain",
      ...(coding !== "identity" && { "content-encoding": coding }),
      ...(length && { "content-length": bytes.length }),
    });
    if (!length) response.write(bytes.subarray(0, bytes.length >> 1));
    response.end(length ? bytes : bytes.subarray(bytes.length >> 1));
  };
});
afterAll(() => mesh.stop());

const ENDPOINTS = ["private", "public", "worker"];
const CASES = ENDPOINTS.flatMap((app) => Object.keys(CODINGS).map((coding) => ({ app, coding })));

describe("a body arrives byte for byte", () => {
  it.each(CASES)("from a $app endpoint in $coding", async ({ app, coding }) => {
    for (const plain of PLAIN) {
      const bytes = CODINGS[coding]?.(plain) ?? plain;
      for (const length of [true, false]) {
        coded = { coding, bytes, length };
        for (const path of ["/as-is", "/changed"]) {
          const got = await mesh.get(`http://${app}.test${path}?length=${length ? "known" : "unknown"}`);
          const what = `${bytes.length} bytes, ${length ? "length told" : "chunked"}, ${path}`;
          expect(got.status, what).toBe(200);
          expect(got.headers["content-encoding"], what).toBe(coding === "identity" ? undefined : coding);
          expect(got.headers["x-changed"], what).toBe(path === "/changed" ? "yes" : undefined);
          expect(got.body.equals(bytes), what).toBe(true);
        }
      }
    }
  });

  it.each(CASES)("to a Worker that calls a $app endpoint, in $coding", async ({ app, coding }) => {
    for (const plain of PLAIN) {
      const bytes = CODINGS[coding]?.(plain) ?? plain;
      for (const length of [true, false]) {
        coded = { coding, bytes, length };
        for (const path of ["/as-is", "/changed"]) {
          const url = `http://${app}${path}?length=${length ? "known" : "unknown"}`;
          const got = await mesh.call(url);
          expect([got.status, got.headers["content-encoding"] ?? "identity"]).toEqual([200, coding]);
          expect(got.body.equals(bytes), url).toBe(true);
          // The platform's own fetch unpacks the codings that it knows.
          if (coding !== "gzip" && coding !== "br") continue;
          expect((await mesh.call(url, true)).body.equals(plain), `unpacked ${url}`).toBe(true);
        }
      }
    }
  });

  it.each(ENDPOINTS)("and none comes from a %s endpoint to HEAD, with 204, with 304", async (app) => {
    coded = { coding: "gzip", bytes: gzipSync("a page"), length: true };
    for (const path of ["/as-is", "/changed"]) {
      const head = await mesh.get(`http://${app}.test${path}`, { method: "HEAD" });
      expect([head.status, head.headers["content-encoding"], head.body.length]).toEqual([200, "gzip", 0]);
      if (app !== "worker") expect(head.headers["content-length"]).toBe(String(coded.bytes.length));
      const same = await mesh.get(`http://${app}.test${path}/304`);
      expect([same.status, same.headers["content-encoding"], same.body.length]).toEqual([304, "gzip", 0]);
    }
    coded = { ...coded, length: false, bytes: Buffer.alloc(0) };
    const none = await mesh.get(`http://${app}.test/changed/204`);
    expect([none.status, none.headers["content-encoding"], none.body.length]).toEqual([204, "gzip", 0]);
  });

  it.each(ENDPOINTS)("on its way to a %s endpoint too, with its length", async (app) => {
    const sent = gzipSync(randomBytes(100_000));
    const { promise, resolve } = Promise.withResolvers<{ body: Buffer; headers: Record<string, unknown> }>();
    const answer = mesh.origin;
    mesh.origin = (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        resolve({ body: Buffer.concat(chunks), headers: request.headers });
        response.end("ok");
      });
    };
    const got = await mesh.get(`http://${app}.test/post`, {
      method: "POST",
      headers: { "content-encoding": "gzip", "content-length": String(sent.length) },
      body: sent,
    });
    mesh.origin = answer;
    expect(got.status).toBe(200);
    const { body, headers } = await promise;
    expect(body.equals(sent)).toBe(true);
    expect([headers["content-encoding"], headers["content-length"]]).toEqual(["gzip", String(sent.length)]);
  });
});

describe("a body that its service does not read to the end", () => {
  const TIMES = 8;
  let calls = 0;

  /** Sends a large one several times, at once. @returns the log's lines, each with what its client got */
  async function upload(app: string): Promise<readonly string[]> {
    const at = `/unread/${(calls += 1)}`;
    const body = Buffer.alloc(3_000_000, "a");
    const head = `POST ${at} HTTP/1.1\r\nHost: ${app}.test\r\nContent-Length: ${body.length}\r\n\r\n`;
    const sockets = Array.from({ length: TIMES }, () => connect(mesh.gatewayPort, "127.0.0.1"));
    const answered = sockets.map(async (socket) => {
      socket.on("error", () => undefined);
      socket.write(head);
      socket.write(body);
      const [data] = (await once(socket, "data")) as [Buffer];
      return data.toString("latin1", 0, "HTTP/1.1 413".length);
    });
    const [lines, got] = await Promise.all([mesh.logged(at, TIMES), Promise.all(answered)]);
    for (const socket of sockets) socket.destroy();
    const told = lines.map(({ status, response_flags, details }) => `${status} ${response_flags} ${details}`);
    return [...told, ...got];
  }

  it.each(ENDPOINTS)("is answered as the %s endpoint says", async (app) => {
    mesh.origin = (_, response) => {
      response.writeHead(413, { "content-length": 3 });
      response.end("big");
    };
    expect(new Set(await upload(app))).toEqual(new Set(["413 - via_upstream", "HTTP/1.1 413"]));
  });

  it.each(ENDPOINTS)("is no fault of its client where the %s endpoint breaks off", async (app) => {
    mesh.origin = (request) => request.once("data", () => request.socket.resetAndDestroy());
    expect(new Set(await upload(app))).toEqual(new Set(["503 UF upstream_reset_before_headers", "HTTP/1.1 503"]));
  });
});
