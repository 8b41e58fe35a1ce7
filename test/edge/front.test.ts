import "reflect-metadata";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EdgeAuthority } from "../../edge/certificates.ts";
import { cfOf } from "../../edge/client-certificate.ts";
import { type Front, openFront } from "../../edge/front.ts";
import { startPrivateForwarder } from "../../edge/private-forwarder.ts";
import { gatewayRefuser, refusalOf } from "../../edge/refusal.ts";
import { loadAssertionKey, loadSecrets } from "../../edge/secrets.ts";
import { TestAuthority } from "../identity/svids.ts";
import { send } from "../support/http.ts";
import { exchange, open } from "../support/raw-http.ts";
import { within } from "../support/until.ts";

const WEB = "spiffe://cluster.local/ns/default/sa/web";

describe("the edge", () => {
  let folder: string;
  let backend: Server;
  let port: number;
  let seen: IncomingMessage[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const fronts: Front[] = [];
  let authority: EdgeAuthority;
  let mesh: TestAuthority;
  const logged: string[] = [];
  const refuser = gatewayRefuser("gateway-a", ({ message }) => logged.push(message));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tulle-edge-"));
    seen = [];
    answer = (_, response) => response.end("ok");
    backend = createServer((request, response) => {
      seen.push(request);
      answer(request, response);
    });
    backend.on("upgrade", (request, socket) => {
      seen.push(request);
      socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
      socket.on("data", (data: Buffer) => socket.write(`echo ${data.toString()}`));
      socket.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
    port = (backend.address() as { port: number }).port;
    authority = await EdgeAuthority.open(folder, join(folder, "ca.pem"));
    mesh = await TestAuthority.create();
  });
  afterAll(async () => {
    await Promise.all(fronts.map(async (front) => front.close()));
    backend.closeAllConnections();
    backend.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function front(tls: boolean): Promise<Front> {
    const target = { port, cf: (socket: unknown) => cfOf(socket, { port: 443, mesh: true }), refuser };
    const clientCa = async () => mesh.certificate.toString("pem");
    const opened = await openFront("127.0.0.1", 0, target, tls ? { authority, clientCa } : null);
    fronts.push(opened);
    return opened;
  }

  const blobOf = (request: IncomingMessage | undefined) =>
    JSON.parse(String(request?.headers["mf-cf-blob"])) as Record<string, Record<string, unknown>>;

  it.each([
    { name: "no Host", bytes: "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n", status: 400, details: "host_invalid" },
    { name: "no Host, as in HTTP/1.0", bytes: "GET /a HTTP/1.0\r\n\r\n", status: 400, details: "host_invalid" },
    {
      name: "a tunnel",
      bytes: "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
      status: 405,
      details: "method_not_allowed",
    },
    {
      name: "a method that the runtime does not carry",
      bytes: "LINK /a HTTP/1.1\r\nHost: a\r\n\r\n",
      status: 501,
      details: "method_unknown",
    },
    {
      name: "a method that nobody knows",
      bytes: "BREW /a HTTP/1.1\r\nHost: a\r\n\r\n",
      status: 501,
      details: "method_unknown",
    },
    { name: "no HTTP", bytes: "HELO a\r\n\r\n", status: 400, details: "request_invalid" },
    {
      name: "a body framed in two ways",
      bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      status: 400,
      details: "request_invalid",
    },
    {
      name: "a header of 300 KiB",
      bytes: `GET / HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(300 * 1_024)}\r\n\r\n`,
      status: 431,
      details: "request_headers_too_large",
    },
  ])("refuses $name with an id, and logs it under that id", async ({ bytes, status, details }) => {
    const { port: at } = await front(false);
    const before = seen.length;
    const answer = await exchange({ host: "127.0.0.1", port: at }, bytes);
    expect(answer.status).toBe(status);
    const lines = logged.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.find((line) => line["request_id"] === answer.headers.get("x-request-id"))).toMatchObject({
      event: "access",
      gateway: "gateway-a",
      status,
      details,
    });
    expect(seen).toHaveLength(before);
  });

  it.each([
    ["HPE_HEADER_OVERFLOW", 431],
    ["ERR_HTTP_REQUEST_TIMEOUT", 408],
    ["HPE_INVALID_METHOD", 400],
    [undefined, 400],
  ])("answers an error of the parser by what it is: %s", (code, status) => {
    expect(refusalOf(code).status).toBe(status);
  });

  it("serves a request with an expectation that it does not know", async () => {
    const { port: at } = await front(false);
    const bytes = "GET /expecting HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nConnection: close\r\n\r\n";
    expect((await exchange({ host: "127.0.0.1", port: at }, bytes)).status).toBe(200);
    expect(seen.at(-1)?.url).toBe("/expecting");
  });

  it("strips what only the platform may say, and says it itself, once", async () => {
    const { port: at } = await front(false);
    await send(`http://127.0.0.1:${at}/`, {
      host: "a.test",
      headers: {
        "MF-CF-Blob": '{"tlsClientAuth":{"certVerified":"SUCCESS"}}',
        "mf-original-url": "http://evil.test/",
        "CF-Connecting-IP": "1.2.3.4",
        "cf-worker": "evil",
        "x-kept": "1",
      },
    });
    const request = seen.at(-1);
    const names = request?.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names?.filter((name) => name === "mf-cf-blob")).toHaveLength(1);
    expect(names).not.toContain("mf-original-url");
    expect(names).not.toContain("cf-worker");
    expect(request?.headers).toMatchObject({ "cf-connecting-ip": "127.0.0.1", "x-kept": "1", host: "a.test" });
    expect(blobOf(request)).toEqual({ colo: "LOC", tulleListener: { port: 443, mesh: true } });
  });

  it("keeps path and Host as they came", async () => {
    const { port: at } = await front(false);
    await new Promise<void>((resolve) => {
      const socket = connect(at, "127.0.0.1", () => {
        socket.write("GET //a/../%2e%2e/b%2fc?x=%00 HTTP/1.1\r\nHost: A.Test:81\r\nConnection: close\r\n\r\n");
      });
      socket
        .on("error", () => undefined)
        .on("close", () => resolve())
        .resume();
    });
    expect(seen.at(-1)?.url).toBe("//a/../%2e%2e/b%2fc?x=%00");
    expect(seen.at(-1)?.headers.host).toBe("A.Test:81");
  });

  it.each(["good", "foreign", "none"])("tells of a %s client certificate what the handshake showed", async (which) => {
    const { port: at } = await front(true);
    const from = which === "foreign" ? await TestAuthority.create("CN=foreign") : mesh;
    const { cert, key } = await from.issueWithKey(WEB);
    const tls = {
      ca: readFileSync(join(folder, "ca.pem"), "utf8"),
      servername: "reviews",
      ...(which !== "none" && { cert, key }),
    };
    expect((await send(`https://127.0.0.1:${at}/`, { tls })).status).toBe(200);
    const blob = blobOf(seen.at(-1));
    expect(blob["tulleListener"]).toMatchObject({ sni: "reviews" });
    const { certPresented, certVerified, certRFC9440 } = blob["tlsClientAuth"] ?? {};
    expect(certPresented).toBe(which === "none" ? "0" : "1");
    expect(String(certVerified)).toMatch({ good: /^SUCCESS$/, foreign: /^FAILED:/, none: /^NONE$/ }[which] ?? /never/);
    if (which === "good") {
      const leaf = new x509.X509Certificate(Buffer.from(String(certRFC9440).slice(1, -1), "base64"));
      expect(leaf.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON()).toContainEqual({
        type: "url",
        value: WEB,
      });
    }
  });

  it("shows a certificate for whatever name is asked for, trusted through its own authority", async () => {
    const { port: at } = await front(true);
    const ca = readFileSync(join(folder, "ca.pem"), "utf8");
    const { request } = await import("node:https");
    const trusted = (options: object) =>
      new Promise<boolean>((resolve) => {
        const call = request({ host: "127.0.0.1", port: at, ca, agent: false, ...options }, (response) => {
          response.resume().on("end", () => resolve(true));
        });
        call.on("error", () => resolve(false)).end();
      });
    expect(await trusted({ servername: "shop.example.com", headers: { host: "shop.example.com" } })).toBe(true);
    expect(await trusted({ servername: "" })).toBe(true);
    expect(await trusted({ servername: "shop.example.com", ca: mesh.certificate.toString("pem") })).toBe(false);
  });

  it("takes the backend's connection down with the client's", async () => {
    const { port: at } = await front(false);
    const [arrived, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    answer = (request) => {
      request.socket.on("close", () => closed.resolve());
      arrived.resolve();
    };
    const call = httpRequest({ host: "127.0.0.1", port: at, agent: false });
    call.on("error", () => undefined).end();
    await arrived.promise;
    call.destroy();
    await closed.promise;
    answer = (_, response) => response.end("ok");
  });

  it("passes the head of an answer on at once, though its body has not begun", async () => {
    const { port: at } = await front(false);
    answer = (_, response) => response.flushHeaders();
    const call = httpRequest({ host: "127.0.0.1", port: at, agent: false });
    const headed = new Promise<number>((resolve, reject) => {
      call.on("response", ({ statusCode = 0 }) => resolve(statusCode)).on("error", reject);
    });
    call.end();
    expect(await within("the head", 60_000, headed)).toBe(200);
    call.on("error", () => undefined).destroy();
    answer = (_, response) => response.end("ok");
  });

  it("breaks off where the backend does, and never makes a broken answer look whole", async () => {
    const { port: at } = await front(false);
    answer = (_, response) => {
      response.write("half", () => response.destroy());
    };
    await expect(send(`http://127.0.0.1:${at}/`)).rejects.toThrow();
    answer = (_, response) => response.end("ok");
  });

  it("carries a WebSocket both ways", async () => {
    const { port: at } = await front(false);
    const text = await new Promise<string>((resolve, reject) => {
      const call = httpRequest({
        host: "127.0.0.1",
        port: at,
        headers: { connection: "Upgrade", upgrade: "websocket" },
      });
      call.on("upgrade", (_, socket) => {
        socket.on("error", reject);
        socket.on("data", (data: Buffer) => {
          socket.destroy();
          resolve(data.toString());
        });
        socket.write("hello");
      });
      call.on("error", reject).end();
    });
    expect(text).toBe("echo hello");
  });

  it("reaches private endpoints by TLS where they are HTTPS, and verifies whose certificate it is", async () => {
    const authority = await TestAuthority.create();
    const trusted = getCACertificates("default");
    const forwarder = await startPrivateForwarder(false);
    const service = createTlsServer(await authority.leaf({ dns: ["localhost"] }), (request, response) =>
      response.end(`TLS for ${request.headers.host}`),
    );
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    const { port: at } = service.address() as AddressInfo;
    const call = (name: string) =>
      send(`http://127.0.0.1:${forwarder.port}`, { host: "api.test", target: `https://${name}:${at}/x` });
    try {
      await expect(call("localhost")).rejects.toThrow();
      setDefaultCACertificates([...trusted, authority.certificate.toString("pem")]);
      expect((await call("localhost")).text).toBe("TLS for api.test");
      // Its certificate does not hold the address.
      await expect(call("127.0.0.1")).rejects.toThrow();
    } finally {
      setDefaultCACertificates(trusted);
      service.closeAllConnections();
      service.close();
      await forwarder.close();
    }
  });

  it("names the error of a port that is taken", async () => {
    const { port: at } = await front(false);
    await expect(openFront("127.0.0.1", at, { port, cf: () => null, refuser }, null)).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });

  it("forwards private endpoints to private addresses alone, whatever the Host says", async () => {
    const forwarder = await startPrivateForwarder(false);
    try {
      const call = (target: string) => send(`http://127.0.0.1:${forwarder.port}`, { host: "api.test", target });
      expect((await call(`http://127.0.0.1:${port}/x?y=%2f`)).text).toBe("ok");
      expect(seen.at(-1)).toMatchObject({ url: "/x?y=%2f", headers: { host: "api.test" } });
      const plain = await startPrivateForwarder(true);
      const target = `https://127.0.0.1:${port}/x`;
      expect((await send(`http://127.0.0.1:${plain.port}`, { host: "api.test", target })).text).toBe("ok");
      await plain.close();
      for (const target of [
        "http://169.254.169.254/",
        "http://1.1.1.1/",
        "https://1.1.1.1/",
        "http://[::ffff:1.1.1.1]:80/",
        "http://0.0.0.0/",
        "/",
        `ftp://127.0.0.1:${port}/`,
        `http://user@127.0.0.1:${port}/`,
      ])
        await expect(call(target)).rejects.toThrow();
    } finally {
      await forwarder.close();
    }
  });

  it("sends nothing on an idle connection that a Worker may be closing", async () => {
    // As a Worker's socket: it says of no time that it closes then.
    const silent = createServer({ keepAliveTimeout: 0 }, (_, response) => response.end("ok"));
    const ended = new Promise((closed) => silent.on("connection", (socket) => socket.on("close", closed)));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const to = { port: (silent.address() as AddressInfo).port, cf: () => null, refuser };
    const opened = await openFront("127.0.0.1", 0, to, null);
    const client = await open({ host: opened.address, port: opened.port });
    client.on("error", () => undefined).write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    const [head] = (await once(client, "data")) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1\.1 200 /);
    await within("the idle connection to end", 10_000, ended);
    client.destroy();
    await opened.close();
    silent.close();
  });

  it("connects to private addresses alone where a TCP connection is asked for", async () => {
    const forwarder = await startPrivateForwarder(false);
    const place = { host: "127.0.0.1", port: forwarder.port };
    const asked = async (authority: string) =>
      exchange(place, `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\nGET /raw HTTP/1.0\r\n\r\n`);
    try {
      const { status, body } = await asked(`127.0.0.1:${port}`);
      expect([status, body.toString()]).toEqual([200, expect.stringMatching(/^HTTP\/1.1 200 OK/)]);
      expect(seen.at(-1)?.url).toBe("/raw");
      for (const authority of ["169.254.169.254:80", "1.1.1.1:80", "0.0.0.0:80", "127.0.0.1:1", `u@127.0.0.1:${port}`])
        expect([authority, (await asked(authority)).status]).toEqual([authority, 0]);
    } finally {
      await forwarder.close();
    }
  });

  it("keeps its secrets for their owner alone, and the same over restarts", () => {
    const secrets = loadSecrets(folder);
    expect(loadSecrets(folder)).toEqual(secrets);
    const assertion = loadAssertionKey(folder, "gateway-a");
    expect(loadAssertionKey(folder, "gateway-a")).toEqual(assertion);
    expect(loadAssertionKey(folder, "gateway-b").publicKey).not.toBe(assertion.publicKey);
    expect(statSync(join(folder, "assertion-gateway-a.jwk")).mode & 0o077).toBe(0);
    for (const name of ["bootstrap.secret", "key-encryption.secret", "snapshot.key", "ca.key"])
      expect([name, statSync(join(folder, name)).mode & 0o077]).toEqual([name, 0]);
    expect(generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }).x).toHaveLength(
      secrets.snapshotPublicKey.length,
    );
  });
});
