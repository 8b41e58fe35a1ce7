import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { times } from "../support/scale.ts";
import { SendingMesh, service } from "./sending-mesh.ts";

/** One request may run, the rest wait: a slot that is not given back stops the host for good. */
const oneSlot = (waiting: number) => `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: private }
spec:
  host: private
  trafficPolicy:
    connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: ${waiting} } }
    outlierDetection: { consecutive5xxErrors: 1, interval: 1h, baseEjectionTime: 1h, maxEjectionPercent: 100 }
`;

/** Well formed and signed by nobody: to refuse it the gateway must ask for the keys. */
const TOKEN = [
  { alg: "ES256", kid: "none" },
  { iss: "https://issuer.example.com", exp: 4_102_444_800 },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
  .concat("A".repeat(86))
  .join(".");

const GUARDED = `
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: guarded }
spec:
  selector: { matchLabels: { app: guarded } }
  jwtRules: [{ issuer: "https://issuer.example.com", jwksUri: "https://origin.example.com/keys" }]
---
${service("guarded", "10.77.0.9")}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: guarded }
spec: { hosts: [guarded.test], gateways: [front], http: [{ route: [{ destination: { host: guarded } }] }] }
`;

/** Somebody is asked before, one question at a time, and nobody for an hour once one has failed. */
const ASKED = `
---
${service("asked", "10.77.0.7")}
---
${service("authorizer", "10.77.0.6")}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: authorizer }
spec:
  host: authorizer
  trafficPolicy:
    connectionPool: { tcp: { maxConnections: 1 } }
    outlierDetection: { consecutive5xxErrors: 1, interval: 1h, baseEjectionTime: 1h, maxEjectionPercent: 100 }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: asked }
spec: { selector: { matchLabels: { app: asked } }, action: CUSTOM, provider: { name: authorizer }, rules: [{}] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: asked }
spec: { hosts: [asked.test], gateways: [front], http: [{ route: [{ destination: { host: asked } }] }] }
`;

const AUTHORIZER = {
  name: "authorizer",
  envoyExtAuthzHttp: {
    service: "authorizer.default.svc.cluster.local",
    port: 80,
    timeout: "600s",
    pathPrefix: "/authorizer",
    includeRequestBodyInCheck: { maxRequestBytes: 65_536 },
  },
};

/** Of failed calls others follow, after a wait that the service asks for. */
const RETRIED = `
---
${service("retried", "10.77.0.8")}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: retried }
spec: { host: retried, trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 } } } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: retried }
spec:
  hosts: [retried.test]
  gateways: [front]
  http:
    - retries: { attempts: 1, retryOn: 5xx, perTryTimeout: 60s, backoff: 1ms }
      route: [{ destination: { host: retried } }]
`;

// After each: one log line a call, the slot back, the endpoint not ejected. Whoever updates the runtime learns here whether it still tells an aborted request's listeners, with nothing held for them.
describe.each([
  { holdCalls: false, clients: times(200, 1_000) },
  { holdCalls: true, clients: times(30, 100) },
])("$clients clients that go away, each call held: $holdCalls", ({ holdCalls, clients }) => {
  let mesh: SendingMesh;
  let paths = 0;

  beforeAll(async () => {
    mesh = await SendingMesh.start({
      holdCalls,
      rules: oneSlot(clients) + GUARDED + RETRIED + ASKED,
      settings: { extensionProviders: [AUTHORIZER] },
    });
  });
  afterAll(() => mesh.stop());

  const path = (prefix = ""): string => `${prefix}/${holdCalls}-${(paths += 1)}`;

  function dial(target: string, host = "private.test", headers = "", method = "GET"): Socket {
    const socket = connect(mesh.gatewayPort, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`);
    return socket;
  }

  /** The next request that reaches the origin. */
  async function reached(): Promise<ServerResponse> {
    return new Promise((resolve) => (mesh.origin = (_, response) => resolve(response)));
  }

  /** The slot is free and the endpoint in use: the request comes through. */
  async function healthy(): Promise<void> {
    mesh.origin = (_, response) => response.end("ok");
    expect((await mesh.get("http://private.test/healthy")).body.toString()).toBe("ok");
  }

  async function expectOneLineEach(target: string, count: number, flags: readonly string[]): Promise<void> {
    const lines = await mesh.logged(target, count);
    expect(lines).toHaveLength(count);
    expect(flags).toEqual(expect.arrayContaining([...new Set(lines.map(({ response_flags }) => response_flags))]));
  }

  it.each(["private", "worker", "public"])("before the headers of a %s endpoint: its call ends", async (app) => {
    const target = path();
    for (let client = 0; client < clients; client += 1) {
      const call = reached();
      const socket = dial(target, `${app}.test`);
      const response = await call;
      const closed = new Promise((resolve) => response.once("close", resolve));
      socket.resetAndDestroy();
      await closed;
    }
    await healthy();
    await expectOneLineEach(target, clients, ["DC"]);
  });

  it("before the decision, while a key set is fetched: no service is called", async () => {
    const target = path();
    const asked = Promise.withResolvers<ServerResponse>();
    let calls = 0;
    const origin: typeof mesh.origin = (request, response) => {
      if (request.url === "/keys") asked.resolve(response);
      else calls += 1;
    };
    mesh.origin = origin;
    const sockets = Array.from({ length: clients }, () =>
      dial(target, "guarded.test", `Authorization: Bearer ${TOKEN}\r\n`),
    );
    const keys = await asked.promise;
    // A reset takes along what the gateway has not read yet: whoever comes after all of them is answered after they were read.
    await Promise.all(sockets.map((socket) => new Promise<void>((sent) => socket.write("", () => sent()))));
    await healthy();
    mesh.origin = origin;
    for (const socket of sockets) socket.resetAndDestroy();
    await mesh.logged(target, clients);
    keys.end('{"keys":[]}');
    await healthy();
    await expectOneLineEach(target, clients, ["DC"]);
    expect(calls).toBe(0);
  });

  it("while an external authorizer is asked: the question ends, its place is free, and it is not its fault", async () => {
    const target = path();
    let calls = 0;
    for (let client = 0; client < clients; client += 1) {
      const { promise, resolve } = Promise.withResolvers<ServerResponse>();
      mesh.origin = (request, response) => {
        if (request.url?.startsWith("/authorizer/") === true) resolve(response);
        else calls += 1;
      };
      const socket = dial(target, "asked.test");
      const response = await promise;
      const closed = new Promise((done) => response.once("close", done));
      socket.resetAndDestroy();
      await closed;
    }
    expect(calls).toBe(0);
    mesh.origin = (_, response) => response.end("ok");
    expect((await mesh.get("http://asked.test/healthy")).body.toString()).toBe("ok");
    await expectOneLineEach(target, clients, ["DC"]);
  });

  it("while they send a body that an external authorizer is told: nobody is asked, and the memory is free", async () => {
    const target = path();
    let calls = 0;
    mesh.origin = () => void (calls += 1);
    // More than an isolate keeps.
    for (let client = 0; client < Math.max(clients, 300); client += 1) {
      const socket = dial(target, "asked.test", "Content-Length: 65536\r\n", "POST");
      await new Promise<void>((sent) => socket.write("the beginning", () => sent()));
      await healthy();
      mesh.origin = () => void (calls += 1);
      socket.resetAndDestroy();
      await mesh.logged(target, client + 1);
    }
    expect(calls).toBe(0);
    mesh.origin = (_, response) => response.end("ok");
    const whole = await mesh.get("http://asked.test/healthy", { method: "POST", body: Buffer.alloc(65_536) });
    expect(whole.body.toString()).toBe("ok");
  });

  it("while they send a body: the call to the service ends", async () => {
    const target = path();
    for (let client = 0; client < clients; client += 1) {
      const call = reached();
      const socket = dial(target, "private.test", "Content-Length: 1000000\r\n", "POST");
      socket.write("the beginning");
      const response = await call;
      const closed = new Promise((resolve) => response.once("close", resolve));
      socket.resetAndDestroy();
      await closed;
    }
    await healthy();
    await expectOneLineEach(target, clients, ["DC"]);
  });

  it("while they wait for a slot: the queue is left", async () => {
    const [running, target] = [path(), path()];
    const call = reached();
    const first = dial(running);
    await call;
    const waiting = Array.from({ length: clients + 1 }, () => dial(target));
    // One is too many: its answer tells that all others wait.
    const refused = await Promise.race(
      waiting.map(async (socket) => new Promise<Socket>((resolve) => socket.once("data", () => resolve(socket)))),
    );
    for (const socket of waiting) if (socket !== refused) socket.resetAndDestroy();
    await mesh.logged(target, clients + 1);
    first.resetAndDestroy();
    refused.destroy();
    await healthy();
    await expectOneLineEach(target, clients + 1, ["DC", "UO"]);
    await expectOneLineEach(running, 1, ["DC"]);
  });

  it("in the body: the call to the service ends", async () => {
    const target = path();
    for (let client = 0; client < clients; client += 1) {
      const call = reached();
      const socket = dial(target);
      const response = await call;
      response.write("the beginning");
      await new Promise((resolve) => socket.once("data", resolve));
      const closed = new Promise((resolve) => response.once("close", resolve));
      socket.resetAndDestroy();
      await closed;
    }
    await healthy();
    await expectOneLineEach(target, clients, ["DC"]);
  });

  it("while the service answers", async () => {
    const target = path();
    for (let client = 0; client < clients; client += 1) {
      const call = reached();
      const socket = dial(target);
      const response = await call;
      if (client % 2 === 0) socket.resetAndDestroy();
      response.end("ok");
      if (client % 2 === 1) socket.resetAndDestroy();
      await mesh.logged(target, client + 1);
    }
    await healthy();
    await expectOneLineEach(target, clients, ["DC", "-"]);
  });

  it("before the service resets: it is not its fault", async () => {
    const target = path();
    for (let client = 0; client < clients; client += 1) {
      const call = reached();
      const socket = dial(target);
      const response = await call;
      socket.resetAndDestroy();
      await mesh.logged(target, client + 1);
      response.socket?.resetAndDestroy();
    }
    await healthy();
    await expectOneLineEach(target, clients, ["DC"]);
  });

  describe("of a call that is tried again", () => {
    const some = clients / 10;

    /** So many requests that a fifth of them may be tried again; one slot bounds what runs, not what waits. */
    async function earnRetries(): Promise<void> {
      mesh.origin = (_, response) => response.end("ok");
      await Promise.all(Array.from({ length: 5 * some }, async () => mesh.get("http://retried.test/earned")));
    }

    async function expectRetried(target: string): Promise<void> {
      mesh.origin = (_, response) => response.end("ok");
      expect((await mesh.get("http://retried.test/healthy")).body.toString()).toBe("ok");
      await expectOneLineEach(target, some, ["DC"]);
    }

    it("in the wait before the next attempt: there is none", async () => {
      const target = path();
      await earnRetries();
      for (let client = 0; client < some; client += 1) {
        const call = reached();
        const socket = dial(target, "retried.test");
        const response = await call;
        // Let go of, the failed answer tells that the wait has begun.
        const waiting = new Promise((resolve) => response.once("close", resolve));
        response.writeHead(503, { "retry-after": "25" }).write("endless");
        await waiting;
        socket.resetAndDestroy();
        await mesh.logged(target, client + 1);
      }
      await expectRetried(target);
      expect((await mesh.logged(target)).map(({ attempts }) => attempts)).toEqual(Array(some).fill(1));
    });

    it("in the second attempt: its call ends", async () => {
      const target = path();
      await earnRetries();
      for (let client = 0; client < some; client += 1) {
        const first = reached();
        const socket = dial(target, "retried.test");
        const failed = await first;
        const second = reached();
        failed.writeHead(503).end();
        const response = await second;
        const closed = new Promise((resolve) => response.once("close", resolve));
        socket.resetAndDestroy();
        await closed;
      }
      await expectRetried(target);
      expect((await mesh.logged(target)).map(({ attempts }) => attempts)).toEqual(Array(some).fill(2));
    });
  });

  it("as the service resets: whichever came first", async () => {
    const target = path("/unjudged");
    for (let client = 0; client < clients; client += 1) {
      const call = reached();
      const socket = dial(target, "worker.test");
      const response = await call;
      if (client % 2 === 0) response.socket?.resetAndDestroy();
      socket.resetAndDestroy();
      if (client % 2 === 1) response.socket?.resetAndDestroy();
      await mesh.logged(target, client + 1);
    }
    await expectOneLineEach(target, clients, ["DC", "UF"]);
  });

  it("of a Worker that calls: the call to the service ends", async () => {
    const target = path();
    const body = JSON.stringify({ url: `http://private${target}` });
    for (let client = 0; client < clients; client += 1) {
      const call = reached();
      const socket = connect(mesh.callerPort, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(`POST / HTTP/1.1\r\nHost: caller\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      const response = await call;
      if (client % 2 === 0) {
        response.write("the beginning");
        await new Promise((resolve) => socket.once("data", resolve));
      }
      const closed = new Promise((resolve) => response.once("close", resolve));
      socket.resetAndDestroy();
      await closed;
    }
    await healthy();
    await expectOneLineEach(target, clients, ["DC"]);
  });

  it.each([
    { name: "a chunk that is none", headers: "Transfer-Encoding: chunked\r\n", body: "5\r\nhello\r\nZZ\r\n" },
    { name: "less than its length", headers: "Content-Length: 1000\r\n", body: "hello" },
  ])("whose body is $name: the service is not blamed", async ({ headers, body }) => {
    const target = path();
    for (let client = 0; client < 5; client += 1) {
      mesh.origin = () => undefined;
      const socket = dial(target, "private.test", headers, "POST");
      const answered = new Promise((resolve) => socket.once("data", resolve).once("close", resolve));
      socket.write(body);
      socket.end();
      await answered;
    }
    await healthy();
    await expectOneLineEach(target, 5, ["DC", "DPE", "UF"]);
  });

  it("with their half of the connection alone: they get their answer", async () => {
    const target = path();
    const call = reached();
    const socket = dial(target);
    socket.end();
    const response = await call;
    const answer = new Promise<string>((resolve) => socket.once("data", (data: Buffer) => resolve(data.toString())));
    response.end("ok");
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    await healthy();
    await expectOneLineEach(target, 1, ["-"]);
  });
});

describe("a service that is too slow", () => {
  let mesh: SendingMesh;
  beforeAll(async () => {
    mesh = await SendingMesh.start();
  });
  afterAll(() => mesh.stop());

  it("is not called any longer when its client has got the 504", async () => {
    for (let call = 0; call < 5; call += 1) {
      const closed = Promise.withResolvers<void>();
      mesh.origin = (_, response) => response.once("close", closed.resolve);
      expect((await mesh.get("http://private.test/timed")).status).toBe(504);
      await closed.promise;
    }
    expect((await mesh.logged("/timed", 5)).map((line) => line.response_flags)).toEqual(Array(5).fill("UT"));
  });
});
