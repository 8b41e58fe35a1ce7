import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { eventually, RunningMesh, type Svid } from "../support/mesh.ts";

const URL_ = "http://payment-service/api/v1/charge";
const BAD = { "x-answer-status": "500" };

const RULE = (pool: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: payment-service }
spec:
  host: payment-service
  trafficPolicy:
    connectionPool: { http: { http1MaxPendingRequests: 100 }${pool} }
    outlierDetection: { consecutive5xxErrors: 5, interval: 30s, baseEjectionTime: 30s }
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
    await mesh.mustApply(RULE(""));
    for (const gateway of [0, 1]) {
      for (const svid of [order, web]) {
        await eventually(`gateway ${gateway} serves`, async () => (await call(svid, gateway)).status === 200);
      }
    }
    await settled(mesh);
  });
  afterAll(() => mesh.stop());

  const call = (svid: Svid, gateway: number, headers: Record<string, string> = {}) =>
    mesh.asWorkload(svid, URL_, { method: "POST", headers }, gateway);

  it("opens for one caller at the fifth error, here at once and there within 3 s, and ends at the first sweep after 30 s", async () => {
    for (let i = 0; i < 4; i += 1) expect((await call(order, 0, BAD)).status).toBe(500);
    expect((await call(order, 0)).status).toBe(200); // a success between: the count starts again
    for (let i = 0; i < 5; i += 1) expect((await call(order, 0, BAD)).status).toBe(500);
    const opened = Date.now();
    const here = await call(order, 0);
    expect([here.status, here.text]).toEqual([503, "no healthy upstream"]);
    // The other gateway hears of it by its exchange, which its own requests start.
    await eventually("the other gateway", async () => (await call(order, 1)).status === 503, 3_000);

    const before = await hits(mesh);
    for (let i = 0; i < 10; i += 1) {
      expect((await call(order, 0)).status).toBe(503);
      expect((await call(order, 1)).status).toBe(503);
    }
    expect(await hits(mesh)).toBe(before);
    expect((await call(web, 0)).status).toBe(200);
    expect((await call(web, 1)).status).toBe(200);
    await eventually("the log", () =>
      mesh.accessLog().some((record) => record.status === 503 && record.response_flags === "UH"),
    );

    await eventually("the circuit to close", async () => (await call(order, 0)).status === 200, 65_000);
    const open = Date.now() - opened;
    expect(open).toBeGreaterThan(29_000);
    expect(open).toBeLessThan(63_000);
    await eventually("the other gateway's", async () => (await call(order, 1)).status === 200, 3_500);
  }, 120_000);

  it("with one connection runs one request, lets 100 wait, and refuses the next with UO", async () => {
    await mesh.mustApply(RULE(", tcp: { maxConnections: 1 }"));
    await settled(mesh);
    await eventually("the limit", async () => {
      const two = await Promise.all([call(web, 0, SLOW(300)), call(web, 0, SLOW(300))]);
      return two.every(({ status }) => status === 200) && !(await overlapped(mesh));
    });
    const started = Date.now();
    const running = call(web, 0, SLOW(2_500));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const waiting = Array.from({ length: 100 }, () => call(web, 0));
    await new Promise((resolve) => setTimeout(resolve, 900));
    const overflow = await call(web, 0);
    expect(Date.now() - started).toBeLessThan(2_400);
    expect(overflow.status).toBe(503);
    expect(overflow.headers["x-envoy-overloaded"]).toBe("true");
    expect((await running).status).toBe(200);
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 200));
    await eventually("the log", () =>
      mesh.accessLog().some((record) => record.status === 503 && record.response_flags === "UO"),
    );
  }, 60_000);

  it("still has its one slot after 1,000 clients went away", async () => {
    // On a busy machine some go before their request has come: those are not what is looked for.
    const gone = () => mesh.accessLog().filter((record) => record.response_flags.includes("DC")).length;
    for (let round = 0; round < 20 || (gone() <= 500 && round < 80); round += 1) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const signal = AbortSignal.timeout(20 + Math.floor(Math.random() * 60));
          await mesh.asWorkload(web, URL_, { method: "POST", headers: SLOW(500), signal }, 0).catch(() => null);
        }),
      );
    }
    await eventually("the slot", async () => (await call(web, 0)).status === 200, 10_000);
    for (let i = 0; i < 5; i += 1) expect((await call(web, 0)).status).toBe(200);
    expect(gone()).toBeGreaterThan(500);
  }, 120_000);
});

const SLOW = (ms: number): Record<string, string> => ({ "x-answer-after-ms": String(ms) });

/** Whether the last two requests ran at once, by the times in the log. */
async function overlapped(mesh: RunningMesh): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const [a, b] = mesh.accessLog().slice(-2);
  if (!a || !b) return true;
  return Math.max(a.duration_ms, b.duration_ms) < 550;
}

/** Longer than an exchange: what was applied is in both gateways that had requests. */
async function settled(mesh: RunningMesh): Promise<void> {
  for (let i = 0; i < 5; i += 1) {
    await Promise.all(mesh.info.gateways.map((gateway) => send(`${gateway}/`, { host: "nowhere.test" })));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function hits(mesh: RunningMesh): Promise<number> {
  const answer = await send(`${mesh.info.services?.["payment-service-v1"]}/hits`);
  return (JSON.parse(answer.text) as { hits: number }).hits;
}
