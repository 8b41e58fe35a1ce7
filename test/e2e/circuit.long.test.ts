import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HeldService } from "../support/held-service.ts";
import { send } from "../support/http.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const URL_ = "http://payment-service/api/v1/charge";
const BAD = { "x-answer-status": "500" };

/** An ejection that outlasts the test, or that ends in a moment. */
const RULE = (ejection: "10m" | "1s") => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: payment-service }
spec:
  host: payment-service
  trafficPolicy:
    outlierDetection: { consecutive5xxErrors: 5, interval: ${ejection}, baseEjectionTime: ${ejection} }
`;

describe("circuit breaking across two gateway deployments", () => {
  let mesh: RunningMesh;
  let order: Svid;
  let web: Svid;

  beforeAll(async () => {
    mesh = await RunningMesh.start([
      "--port-base",
      "23000",
      "--loopback",
      "127.0.24.0/24",
      "--example",
      "article",
      "--service-ports",
    ]);
    order = await mesh.enrol("default", "order-service");
    web = await mesh.enrol("default", "web");
    await mesh.mustApply(RULE("10m"));
    await mesh.settled();
    for (const gateway of [0, 1])
      await until(`gateway ${gateway} to serve`, async () => (await call(order, gateway)).status === 200);
  });
  afterAll(() => mesh.stop());

  const call = (svid: Svid, gateway: number, headers: Record<string, string> = {}) =>
    mesh.asWorkload(svid, URL_, { method: "POST", headers }, gateway);

  it("opens for one caller at the fifth error in a row, here at once, and at the other gateway by its next exchange", async () => {
    for (let i = 0; i < 4; i += 1) expect((await call(order, 0, BAD)).status).toBe(500);
    expect((await call(order, 0)).status).toBe(200); // a success between: the count starts again
    for (let i = 0; i < 5; i += 1) expect((await call(order, 0, BAD)).status).toBe(500);
    const here = await call(order, 0);
    expect([here.status, here.text]).toEqual([503, "no healthy upstream"]);
    // The other gateway hears of it by its exchange, which its own requests start.
    await until("the other gateway to refuse", async () => (await call(order, 1)).status === 503);

    const before = await hits(mesh);
    for (let i = 0; i < 10; i += 1) {
      expect((await call(order, 0)).status).toBe(503);
      expect((await call(order, 1)).status).toBe(503);
    }
    expect(await hits(mesh)).toBe(before);
    expect((await call(web, 0)).status).toBe(200);
    expect((await call(web, 1)).status).toBe(200);
    await until("the metrics to tell of it, once", async () => {
      const { text } = await send(`${mesh.info.controlHttp}/metrics`, {
        headers: { authorization: `Bearer ${mesh.token}` },
      });
      return /^tulle_ejections_total\{[^}]*order-service[^}]*consecutive_5xx[^}]*\} 1$/m.test(text);
    });
    await until("the log to tell of the open circuit", () =>
      mesh.accessLog().some((record) => record.status === 503 && record.response_flags === "UH"),
    );
  });

  it("closes again at a sweep past the ejection's end, at both gateways", async () => {
    await mesh.mustApply(RULE("1s"));
    await mesh.settled();
    for (const gateway of [0, 1]) {
      await until("the circuit to open", async () => (await call(web, gateway, BAD)).status === 503);
      await until("the circuit to close", async () => (await call(web, gateway)).status === 200);
    }
  });
});

const HELD = "http://held.internal/";

const HELD_RULES = (port: number) => `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: { privateRanges: [{ range: 127.0.0.0/8, namespaces: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: held }
spec:
  hosts: [held.internal]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${port} }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1 }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: held }
spec:
  host: held.internal
  trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 100 } } }
`;

describe("a service that takes one connection", () => {
  let mesh: RunningMesh;
  let service: HeldService;
  let web: Svid;

  beforeAll(async () => {
    service = await HeldService.start();
    mesh = await RunningMesh.start(["--port-base", "23500", "--loopback", "127.0.36.0/24", "--empty"]);
    web = await mesh.enrol("default", "web");
    await mesh.mustApply(HELD_RULES(service.port));
    await mesh.settled();
    await until("the service to answer", async () => (await call()).status === 200);
  });
  afterAll(async () => {
    await service.stop();
    await mesh.stop();
  });

  const call = (signal?: AbortSignal) => mesh.asWorkload(web, HELD, { ...(signal && { signal }) });
  const gone = () => mesh.accessLog().filter((record) => record.response_flags.includes("DC")).length;

  it("gets one request, 100 wait for it, and the next is refused with UO", async () => {
    service.hold();
    // They come together: whichever is the last of them is the one too many.
    const calls = Array.from({ length: 102 }, async () => call());
    const overflow = await Promise.race(calls);
    expect([overflow.status, overflow.headers["x-envoy-overloaded"]]).toEqual([503, "true"]);
    await until("the service to have the one that runs", () => service.waiting === 1);
    service.release();
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([...Array.from({ length: 101 }, () => 200), 503]);
    await until("the log to tell of the overflow", () =>
      mesh.accessLog().some((record) => record.status === 503 && record.response_flags === "UO"),
    );
  });

  it("still has its one slot after 1,000 clients went away: one that was served, and those that waited for it", async () => {
    const before = gone();
    for (let round = 1; round <= 20; round += 1) {
      service.hold();
      const abort = new AbortController();
      const calls = Array.from({ length: 50 }, async () => call(abort.signal).catch(() => null));
      await until("the service to have one of them", () => service.waiting === 1);
      abort.abort();
      expect(await Promise.all(calls)).toEqual(calls.map(() => null));
      await until("the service to lose its client", () => service.waiting === 0);
      service.release();
      expect((await call()).status).toBe(200);
    }
    // Some went before their request had come; each of the others has its line.
    await until("the log to tell of those who were served", () => gone() >= before + 20);
    for (let i = 0; i < 5; i += 1) expect((await call()).status).toBe(200);
  });
});

async function hits(mesh: RunningMesh): Promise<number> {
  const answer = await send(`${mesh.info.services?.["payment-service-v1"]}/hits`);
  return (JSON.parse(answer.text) as { hits: number }).hits;
}
