import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { SendingMesh, service } from "./sending-mesh.ts";

const RULES: readonly (readonly [prefix: string, rule: string])[] = [
  ["/explicit", "retries: {attempts: 2, retryOn: '5xx,retriable-4xx', backoff: 1ms}"],
  ["/connect", "retries: {attempts: 2, retryOn: connect-failure, backoff: 1ms}"],
  ["/grpc", "retries: {attempts: 1, retryOn: unavailable, backoff: 1ms}"],
  ["/limited", "retries: {attempts: 1, retryOn: envoy-ratelimited, backoff: 1ms}"],
  ["/late", "retries: {attempts: 1, retryOn: 5xx, perTryTimeout: 1s, backoff: 1ms}"],
  ["/unretried-late", "retries: {attempts: 1, retryOn: connect-failure, perTryTimeout: 1s}"],
  ["/timed", "timeout: 1500ms, retries: {attempts: 5, retryOn: 5xx, backoff: 1ms}"],
  ["/never", "retries: {attempts: 0}"],
];

/** Each has a budget of retries of its own. */
const SERVICES = ["a", "b", "c", "d", "e"];

/** A service with three endpoints. @param net the first three parts of their addresses */
const threeOf = (app: string, net: string): string => `apiVersion: v1
kind: Service
metadata: { name: ${app} }
spec: { selector: { app: ${app} }, ports: [{ name: http, port: 80 }] }
${[1, 2, 3]
  .map(
    (number) => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${app}-${number} }
spec: { address: ${net}.${number}, labels: { app: ${app} } }
`,
  )
  .join("")}`;

const rules = SERVICES.map(
  (app) => `
---
${threeOf(app, "10.77.1")}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${app} }
spec:
  hosts: [${app}.test]
  gateways: [front]
  http:
${RULES.map(([prefix, rule]) => `    - { match: [{ uri: { prefix: ${prefix} } }], ${rule}, route: [{ destination: { host: ${app} } }] }`).join("\n")}
    - route: [{ destination: { host: ${app} } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${app}-idle, annotations: { tulle.dev/idle-timeout: 1200ms } }
spec:
  hosts: [${app}-idle.test]
  gateways: [front]
  http:
    - { match: [{ uri: { prefix: /timed } }], timeout: 1500ms, route: [{ destination: { host: ${app} } }] }
    - { route: [{ destination: { host: ${app} } }] }
`,
).join("");

/** One failure ejects its one endpoint. */
const ejected = (app: string, address: string): string => `
---
${service(app, address)}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${app} }
spec: { host: ${app}, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 1, interval: 1h, baseEjectionTime: 1h } } }
`;

/** Without retries, and each also where silence has a limit. */
const stalled = (app: string, address: string, annotation = "") => `${ejected(app, address)}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${app}, annotations: { ${annotation} } }
spec: { hosts: [${app}.test], gateways: [front], http: [{ retries: { attempts: 0 }, route: [{ destination: { host: ${app} } }] }] }
`;
const IDLE = "tulle.dev/idle-timeout: 10s";
const STALLED = [stalled("stalled", "10.77.1.7"), stalled("stalled-idle", "10.77.1.10", IDLE)].join("");

const chunks = (app: string, address: string, annotation = "") => `${ejected(app, address)}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${app}, annotations: { ${annotation} } }
spec:
  hosts: [${app}.test]
  gateways: [front]
  http:
    - { match: [{ uri: { prefix: /timed } }], timeout: 1500ms, retries: { attempts: 0 }, route: [{ destination: { host: ${app} } }] }
    - { match: [{ uri: { prefix: /hasty } }], timeout: 300ms, retries: { attempts: 0 }, route: [{ destination: { host: ${app} } }] }
    - { retries: { attempts: 0 }, route: [{ destination: { host: ${app} } }] }
`;
const CHUNKS = [chunks("chunks", "10.77.1.8"), chunks("chunks-idle", "10.77.1.11", IDLE)].join("");

/** The same, with a limit of silence. */
const JUDGED = `
---
${service("judged", "10.77.1.9")}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: judged }
spec: { host: judged, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 1, interval: 1h, baseEjectionTime: 1h } } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: judged, annotations: { tulle.dev/idle-timeout: 1200ms } }
spec: { hosts: [judged.test], gateways: [front], http: [{ route: [{ destination: { host: judged } }] }] }
`;

/** Three endpoints that take turns; of `narrow` one call runs at a time. */
const TURNS = ["even", "narrow"]
  .map(
    (app) => `
---
${threeOf(app, "10.77.2")}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${app} }
spec: { host: ${app}, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN }${app === "narrow" ? ", connectionPool: { tcp: { maxConnections: 1 } }" : ""} } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${app} }
spec: { hosts: [${app}, ${app}.test], gateways: [front, mesh], http: [{ retries: { attempts: 2, retryOn: connect-failure, backoff: 1ms }, route: [{ destination: { host: ${app} } }] }] }
`,
  )
  .join("");

interface Hit {
  readonly endpoint: string;
  readonly attempt: string;
  readonly method: string;
  readonly body: string;
}

let mesh: SendingMesh;
let hits: Hit[];
/** What comes of each call, by its number; the last one also of all that follow. */
let script: readonly ((response: ServerResponse, request: IncomingMessage) => void)[];
let paths = 0;

beforeAll(async () => {
  mesh = await SendingMesh.start({ rules: rules + STALLED + CHUNKS + JUDGED + TURNS, retries: true });
});
afterAll(() => mesh.stop());

beforeEach(() => {
  hits = [];
  mesh.origin = (request, response) => {
    const number = hits.length;
    const hit = { endpoint: request.headers.host ?? "", attempt: String(request.headers["x-envoy-attempt-count"]) };
    const chunks: Buffer[] = [];
    const at = hits.push({ ...hit, method: request.method ?? "", body: "" }) - 1;
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => undefined);
    request.on("end", () => {
      hits[at] = { ...hit, method: request.method ?? "", body: Buffer.concat(chunks).toString() };
      script[Math.min(number, script.length - 1)]?.(response, request);
    });
  };
});

/** The gateway has had a turn: it has answered a request by itself. */
const turned = async (): Promise<boolean> => (await mesh.get("http://nobody.test/")).status === 404;

/** Within so long of each other it cannot be told who broke an upload (`workers/gateway/attempt.ts`). */
const BREAKS_MS = 100;

const path = (prefix: string): string => `${prefix}/${(paths += 1)}`;

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}, body = `answer ${code}`) =>
  (response: ServerResponse) =>
    void response.writeHead(code, headers).end(body);
const reset = (response: ServerResponse) => void response.socket?.resetAndDestroy();
const silent = () => undefined;

async function ask(app: string, target: string, asked: Parameters<SendingMesh["get"]>[1] = {}) {
  const got = await mesh.get(`http://${app}.test${target}`, asked);
  const [line] = await mesh.logged(target);
  return { status: got.status, body: got.body.toString(), calls: hits.length, ...told(line) };
}

function told(line: Awaited<ReturnType<SendingMesh["logged"]>>[number] | undefined) {
  return { flags: line?.response_flags, attempts: line?.attempts, details: line?.details };
}

describe("a call that fails", () => {
  it("goes to another endpoint and tells it which attempt it is", async () => {
    script = [reset, status(200)];
    expect(await ask("a", path("/default"))).toMatchObject({ status: 200, calls: 2, attempts: 2, flags: "-" });
    expect(hits.map(({ attempt }) => attempt)).toEqual(["1", "2"]);
    expect(new Set(hits.map(({ endpoint }) => endpoint)).size).toBe(2);
  });

  it("is answered by its last attempt when none is left, and marked", async () => {
    script = [status(500), status(502), status(503, { "x-last": "yes" })];
    const last = await ask("a", path("/explicit"));
    expect(last).toMatchObject({ status: 503, body: "answer 503", calls: 3, attempts: 3, flags: "URX" });
    expect(new Set(hits.map(({ endpoint }) => endpoint)).size).toBe(3);
    script = [reset];
    expect(await ask("a", path("/explicit"))).toMatchObject({ status: 503, flags: "UF,URX" });
  });

  it("by an error of the service is no matter of the default policy", async () => {
    script = [status(503)];
    expect(await ask("a", path("/default"))).toMatchObject({ status: 503, calls: 1, flags: "-" });
  });

  it("is not tried again where the route says so", async () => {
    script = [reset];
    expect(await ask("a", path("/never"))).toMatchObject({ status: 503, calls: 1, flags: "UF" });
  });

  it.each([
    { prefix: "/explicit", answer: status(409), calls: 2 },
    { prefix: "/explicit", answer: status(404), calls: 1 },
    { prefix: "/grpc", answer: status(200, { "grpc-status": "14" }), calls: 2 },
    { prefix: "/grpc", answer: status(200, { "grpc-status": "5" }), calls: 1 },
    { prefix: "/limited", answer: status(429, { "x-envoy-ratelimited": "true" }), calls: 2 },
    { prefix: "/explicit", answer: status(503, { "x-envoy-ratelimited": "true" }), calls: 1 },
  ])("is called $calls times under $prefix", async ({ prefix, answer, calls }) => {
    script = [answer, status(200)];
    expect((await ask("b", path(prefix))).calls).toBe(calls);
  });

  it("waits as long as the service asks, and not longer than the route's time", async () => {
    const times: number[] = [];
    const note = (next: (response: ServerResponse) => void) => (response: ServerResponse) => {
      times.push(Date.now());
      next(response);
    };
    script = [note(status(503, { "retry-after": "1" })), note(status(200))];
    expect(await ask("b", path("/explicit"))).toMatchObject({ status: 200, calls: 2 });
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(990);
    script = [status(503, { "retry-after": "5" })];
    hits = [];
    expect(await ask("b", path("/timed"))).toMatchObject({ status: 503, body: "answer 503", calls: 1, flags: "-" });
  });

  it("does not hand on what was left of the failed answer, and lets go of it", async () => {
    const closed = Promise.withResolvers<void>();
    const endless = (response: ServerResponse): void => {
      response.on("close", closed.resolve);
      response.writeHead(503).write("endless");
    };
    script = [endless, status(200)];
    expect(await ask("b", path("/explicit"))).toMatchObject({ status: 200, body: "answer 200" });
    await closed.promise;
  });
});

describe("turns", () => {
  const CALLS = 12;
  const spread = (of: readonly Hit[]) =>
    [1, 2, 3].map((number) => of.filter(({ endpoint }) => endpoint === `10.77.2.${number}`).length);

  it.each([
    { by: "a client", call: (target: string) => mesh.get(`http://even.test${target}`) },
    { by: "a Worker of the mesh", call: (target: string) => mesh.call(`http://even${target}`) },
  ])("of first attempts by $by are even, whatever is tried again", async ({ call }) => {
    script = [(response, { headers }) => (headers.host === "10.77.2.1" ? reset(response) : status(200)(response))];
    for (let at = 0; at < CALLS; at += 1) expect(await call(path("/default"))).toMatchObject({ status: 200 });
    expect(spread(hits.filter(({ attempt }) => attempt === "1"))).toEqual([4, 4, 4]);
    expect(spread(hits.filter(({ attempt }) => attempt === "2"))).toEqual([0, 2, 2]);
  });

  it("of calls that wait for their slot are even", async () => {
    script = [status(200)];
    const calls = Array.from({ length: CALLS }, () => mesh.get(`http://narrow.test${path("/default")}`));
    expect((await Promise.all(calls)).map((got) => got.status)).toEqual(calls.map(() => 200));
    expect(spread(hits)).toEqual([4, 4, 4]);
  });
});

describe("a body", () => {
  const post = (app: string, prefix: string, body: Buffer, chunked = false) =>
    ask(app, path(prefix), {
      method: "POST",
      body,
      headers: chunked ? { "transfer-encoding": "chunked" } : { "content-length": String(body.length) },
    });

  it("is sent again whole where the route asks for retries", async () => {
    script = [status(503), reset, status(200)];
    expect(await post("c", "/explicit", Buffer.from("pay=1"))).toMatchObject({ status: 200, calls: 3 });
    expect(hits.map(({ body }) => body)).toEqual(["pay=1", "pay=1", "pay=1"]);
    script = [status(503), status(200)];
    hits = [];
    const largest = Buffer.alloc(65_536, "x");
    expect(await post("c", "/explicit", largest)).toMatchObject({ status: 200, calls: 2 });
    expect(hits.map(({ body }) => body.length)).toEqual([65_536, 65_536]);
  });

  it("of more than 64 KiB, or of unknown length, is sent once (R34)", async () => {
    script = [status(503), status(200)];
    expect(await post("c", "/explicit", Buffer.alloc(65_537, "x"))).toMatchObject({ status: 503, calls: 1 });
    hits = [];
    expect(await post("c", "/explicit", Buffer.from("pay=1"), true)).toMatchObject({ status: 503, calls: 1 });
  });

  it("of a POST is sent once by the default policy, and of a PUT again (R34)", async () => {
    script = [reset, status(200)];
    expect(await post("c", "/default", Buffer.from("pay=1"))).toMatchObject({ status: 503, calls: 1 });
    hits = [];
    const put = { method: "PUT", body: Buffer.from("a"), headers: { "content-length": "1" } };
    expect(await ask("c", path("/default"), put)).toMatchObject({ status: 200, calls: 2 });
  });

  it("of a POST is sent once where only failures to connect were asked for: a reset may come after it (R34)", async () => {
    script = [reset, status(200)];
    expect(await post("c", "/connect", Buffer.from("pay=1"))).toMatchObject({ status: 503, calls: 1 });
  });

  it("that its client breaks off before it is whole reaches no service", async () => {
    const target = path("/explicit");
    const socket = connect(mesh.gatewayPort, "127.0.0.1");
    socket.on("error", () => undefined);
    const answered = new Promise<string>((resolve) => {
      socket.once("data", (data: Buffer) => resolve(data.toString()));
      socket.once("close", () => resolve(""));
    });
    socket.write(`POST ${target} HTTP/1.1\r\nHost: c.test\r\nContent-Length: 100\r\n\r\nhalf`);
    socket.end();
    expect(await answered).toMatch(/^(HTTP\/1.1 400 |$)/);
    const [line] = await mesh.logged(target);
    expect(["request_body_broken", "downstream_remote_disconnect"]).toContain(line?.details);
    expect(hits).toEqual([]);
  });
});

describe("a body of unknown length", () => {
  const begun = (app: string, target: string, text: string) => {
    const socket = connect(mesh.gatewayPort, "127.0.0.1");
    socket.on("error", () => undefined);
    const answered = new Promise<string>((resolve) => socket.once("data", (data: Buffer) => resolve(data.toString())));
    socket.write(`POST ${target} HTTP/1.1\r\nHost: ${app}.test\r\nTransfer-Encoding: chunked\r\n\r\n${text}`);
    return { socket, answered };
  };

  it.each(
    ["chunks", "chunks-idle"].flatMap((app) =>
      ["3x\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\nzz\r\n"].map((text) => [app, text] as const),
    ),
  )("of %s that is broken, %j, is the client's fault", async (app, text) => {
    script = [silent];
    const [target, hasty] = [path("/never"), path("/hasty")];
    const { answered } = begun(app, target, text);
    expect(await answered).toMatch(/^HTTP\/1.1 400 /);
    expect(told((await mesh.logged(target))[0])).toMatchObject({ flags: "DPE", details: "request_body_broken" });
    const late = begun(app, hasty, text);
    expect(await late.answered).toMatch(/^HTTP\/1.1 400 /);
  });

  it.each(["chunks", "chunks-idle"])("of %s that does not come in time is 408, and no service's fault", async (app) => {
    script = [silent];
    const target = path("/timed");
    const { socket, answered } = begun(app, target, "3\r\nabc\r\n");
    expect(await answered).toMatch(/^HTTP\/1.1 408 /);
    expect(told((await mesh.logged(target))[0])).toMatchObject({ flags: "DT", details: "request_timeout" });
    socket.destroy();
    script = [status(200)];
    expect(await ask(app, path("/never"))).toMatchObject({ status: 200 });
  });

  it.each(["stalled", "stalled-idle"])(
    "of %s that is broken before the service closes is the client's fault",
    async (app) => {
      const origin = mesh.origin;
      const target = path("/never");
      const began = Promise.withResolvers<IncomingMessage>();
      mesh.origin = (request) => {
        request.on("error", () => undefined);
        request.once("data", () => began.resolve(request));
      };
      const { socket, answered } = begun(app, target, "3\r\nabc\r\n");
      const request = await began.promise;
      socket.write("zz\r\n");
      // Its patience with a body ends well after the gateway has seen what came of that: it answers this later request.
      await turned();
      const seenAt = Date.now();
      await until("the gateway to answer later", async () => (await turned()) && Date.now() - seenAt > 2 * BREAKS_MS);
      request.socket.destroy();
      expect(await answered).toMatch(/^HTTP\/1.1 400 /);
      expect(told((await mesh.logged(target))[0])).toMatchObject({ flags: "DPE", details: "request_body_broken" });
      mesh.origin = origin;
      script = [status(200)];
      expect(await ask(app, path("/never"))).toMatchObject({ status: 200 });
    },
  );

  it.each(["stalled", "stalled-idle"])(
    "of %s that stalls until the service closes is not the service's fault; one that comes on is",
    async (app) => {
      const origin = mesh.origin;
      const closing = path("/never");
      mesh.origin = (request) => void request.once("data", () => request.socket.end());
      const stalled = begun(app, closing, "3\r\nabc\r\n");
      expect(await stalled.answered).toMatch(/^HTTP\/1.1 503 /);
      expect(told((await mesh.logged(closing))[0])).toMatchObject({ flags: "UF" });
      stalled.socket.destroy();
      mesh.origin = origin;
      script = [status(200)];
      expect(await ask(app, path("/never"))).toMatchObject({ status: 200 });

      mesh.origin = (request) => void request.once("data", () => request.socket.resetAndDestroy());
      const coming = begun(app, path("/never"), "");
      const sending = setInterval(() => coming.socket.write("3\r\nabc\r\n"), 5);
      expect(await coming.answered).toMatch(/^HTTP\/1.1 503 /);
      clearInterval(sending);
      coming.socket.destroy();
      mesh.origin = origin;
      expect(await ask(app, path("/never"))).toMatchObject({ status: 503, flags: "UH" });
    },
  );

  it.each(["chunks", "chunks-idle"])("of %s on which the service resets is the service's fault", async (app) => {
    script = [reset, status(200)];
    const body = { method: "POST", body: Buffer.from("pay=1"), headers: { "transfer-encoding": "chunked" } };
    expect(await ask(app, path("/never"), body)).toMatchObject({ status: 503, flags: "UF" });
    expect(await ask(app, path("/never"))).toMatchObject({ status: 503, flags: "UH" });
  });
});

describe("time", () => {
  it("of one try is up: the service is let go, and another is called", async () => {
    const closed = Promise.withResolvers<string>();
    script = [(response) => response.on("close", () => closed.resolve(`${hits.length} calls`)), status(200)];
    expect(await ask("d", path("/late"))).toMatchObject({ status: 200, calls: 2, attempts: 2, flags: "-" });
    await closed.promise;
  });

  it("of each try is up: 504", async () => {
    script = [silent];
    expect(await ask("d", path("/late"))).toMatchObject({
      status: 504,
      body: "upstream request timeout",
      calls: 2,
      flags: "UT,URX",
      details: "upstream_per_try_timeout",
    });
    expect(await ask("d", path("/unretried-late"))).toMatchObject({ status: 504, flags: "UT", attempts: 1 });
  });

  it("of the route is one for all attempts", async () => {
    script = [status(503), silent];
    expect(await ask("d", path("/timed"))).toMatchObject({
      status: 504,
      calls: 2,
      flags: "UT",
      details: "response_timeout",
    });
  });
});

describe("silence", () => {
  /** Together they take longer than `e-idle` allows of silence; a machine may be late with each by three times as long. */
  const PIECES = 6;
  const EVERY_MS = 300;

  async function drip(response: ServerResponse): Promise<void> {
    for (let piece = 0; piece < PIECES; piece += 1) {
      response.write("x");
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    response.end();
  }

  it("before the answer ends the call", async () => {
    script = [silent];
    expect(await ask("e-idle", path("/default"))).toMatchObject({
      status: 504,
      body: "upstream request timeout",
      calls: 1,
      flags: "UT",
      details: "stream_idle_timeout",
    });
  });

  it("in the answer breaks it off", async () => {
    for (const headers of [{}, { "content-length": "100" }]) {
      const target = path("/default");
      script = [(response) => void response.writeHead(200, headers).write("the beginning")];
      await expect(mesh.get(`http://e-idle.test${target}`)).rejects.toThrow();
      const [line] = await mesh.logged(target);
      expect(told(line)).toMatchObject({ flags: "UT", attempts: 1 });
    }
  });

  it("is ended by every byte of the answer", async () => {
    script = [(response) => void drip(response.writeHead(200))];
    expect(await ask("e-idle", path("/default"))).toMatchObject({ status: 200, body: "x".repeat(PIECES), flags: "-" });
  });

  it("is watched for in a small answer too, and with it the route's time", async () => {
    const target = path("/timed");
    script = [
      (response) => {
        response.writeHead(200, { "content-length": "1000" });
        const dripping = setInterval(() => response.write("x"), EVERY_MS);
        response.on("close", () => clearInterval(dripping));
      },
    ];
    await expect(mesh.get(`http://e-idle.test${target}`)).rejects.toThrow();
    expect(told((await mesh.logged(target))[0])).toMatchObject({ flags: "UT", attempts: 1 });
  });

  it("is ended by every byte of the request", async () => {
    const target = path("/default");
    script = [status(200)];
    const socket = connect(mesh.gatewayPort, "127.0.0.1");
    socket.on("error", () => undefined);
    const answered = new Promise<string>((resolve) => socket.once("data", (data: Buffer) => resolve(data.toString())));
    socket.write(`POST ${target} HTTP/1.1\r\nHost: e-idle.test\r\nContent-Length: ${PIECES}\r\n\r\n`);
    for (let piece = 0; piece < PIECES; piece += 1) {
      socket.write("x");
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    expect(await answered).toMatch(/^HTTP\/1.1 200 /);
    expect(hits.map(({ body }) => body)).toEqual(["x".repeat(PIECES)]);
    socket.destroy();
  });

  it("of a client that stops sending, or reading, is not the service's fault", async () => {
    const [sends, reads] = [path("/default"), path("/default")];
    script = [status(200)];
    const slow = connect(mesh.gatewayPort, "127.0.0.1");
    slow.on("error", () => undefined);
    slow.write(`POST ${sends} HTTP/1.1\r\nHost: judged.test\r\nContent-Length: 100\r\n\r\nhalf`);
    expect(told((await mesh.logged(sends))[0])).toMatchObject({ flags: "DT", details: "request_timeout" });
    slow.destroy();

    script = [(response) => void response.writeHead(200).write(Buffer.alloc(64 << 20))];
    const full = connect(mesh.gatewayPort, "127.0.0.1");
    full.on("error", () => undefined);
    full.pause();
    full.write(`GET ${reads} HTTP/1.1\r\nHost: judged.test\r\n\r\n`);
    expect(told((await mesh.logged(reads))[0])).toMatchObject({ flags: "UT" });
    full.destroy();

    // One that reads nothing of the answer goes on sending.
    const origin = mesh.origin;
    let pieces = 0;
    mesh.origin = (request, response) => {
      const more = (): void => {
        do pieces += 1;
        while (response.write(Buffer.alloc(65_536)));
        response.once("drain", more);
      };
      request.once("data", more);
    };
    const sendsOn = path("/default");
    const both = connect(mesh.gatewayPort, "127.0.0.1");
    both.on("error", () => undefined);
    both.pause();
    both.write(`POST ${sendsOn} HTTP/1.1\r\nHost: judged.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    await until("the answer to be stuck", async () => {
      const before = pieces;
      for (let turn = 0; turn < 5; turn += 1) await turned();
      return before > 0 && pieces === before;
    });
    both.write("0\r\n\r\n");
    expect(told((await mesh.logged(sendsOn))[0])).toMatchObject({ flags: "UT" });
    both.destroy();
    mesh.origin = origin;

    script = [silent];
    expect(await ask("judged", path("/default"))).toMatchObject({ status: 504, flags: "UT" });
    expect(await ask("judged", path("/default"))).toMatchObject({ status: 503, flags: "UH" });
  });
});
