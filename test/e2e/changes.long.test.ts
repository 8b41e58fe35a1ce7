import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { times } from "../support/scale.ts";
import { until } from "../support/until.ts";

const PORTS = ["--port-base", "24000", "--loopback", "127.0.25.0/24", "--example", "article"];

/** Only right together: `/a` is open exactly where `/b` is shut. */
function pair(open: "a" | "b"): string {
  const shut = open === "a" ? "b" : "a";
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: allow }
spec:
  selector: { matchLabels: { app: reviews-service } }
  rules: [{ to: [{ operation: { paths: ["/${open}", "/${shut}", "/same"] } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny }
spec:
  action: DENY
  selector: { matchLabels: { app: reviews-service } }
  rules: [{ to: [{ operation: { paths: ["/${shut}"] } }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews-route }
spec:
  hosts: [reviews-service]
  http:
    - match: [{ uri: { exact: "/${open}" } }]
      route: [{ destination: { host: reviews-service, subset: v1 } }]
    - route: [{ destination: { host: reviews-service, subset: v2 } }]
`;
}

/** Starts a rehearsal that ends soon, in some seconds more where a busy machine was too slow to see it run. */
async function untilRehearsed(mesh: RunningMesh, isSeen: () => Promise<boolean>): Promise<void> {
  for (const life of [8_000, 30_000, 120_000]) {
    const endsAt = Date.now() + life;
    const targetRef = { kind: "Service", name: "reviews-service" };
    const spec = { targetRef, headers: { "x-rehearsed": {} }, abort: { httpStatus: 418 } };
    await mesh.mustApply(
      JSON.stringify({
        apiVersion: "tulle.dev/v1alpha1",
        kind: "FaultRehearsal",
        metadata: { name: "reviews" },
        spec: { ...spec, endsAt: new Date(endsAt).toISOString() },
      }),
    );
    while (Date.now() < endsAt) if (await isSeen()) return;
  }
  throw new Error("nobody met the rehearsal");
}

const CHANGES = times(20, 100);

describe("changes under load", () => {
  let mesh: RunningMesh;
  let web: Svid;

  beforeAll(async () => {
    mesh = await RunningMesh.start(PORTS);
    web = await mesh.enrol("default", "web");
  });
  afterAll(() => mesh.stop());

  it("are each obeyed by both gateways, and two rules are never seen apart", async () => {
    await mesh.mustApply(pair("a"));
    const get = async (path: string, gateway: number) =>
      mesh.asWorkload(web, `http://reviews-service${path}`, {}, gateway);
    for (const gateway of [0, 1]) {
      await until("the first pair", async () => (await get("/b", gateway)).status === 403);
    }
    // What one answer shows of a generation: /a and /b are shut in turns, and what is open is served by v1.
    const load = { stop: false };
    let seen = 0;
    const torn: string[] = [];
    const loads = [0, 1].map(async (gateway) => {
      for (let i = 0; !load.stop; i += 1) {
        const path = i % 2 === 0 ? "/a" : "/b";
        const answer = await get(path, gateway);
        seen += 1;
        // Open means allowed and routed to v1: an answer of v2 would be the policy of one generation with the route of another.
        const whole = answer.status === 403 || (answer.status === 200 && answer.text.includes('"v1"'));
        if (!whole) torn.push(`${path} ${answer.status} ${answer.text}`);
      }
    });
    try {
      for (let change = 1; change <= CHANGES; change += 1) {
        const open = change % 2 === 0 ? "a" : "b";
        const shut = open === "a" ? "b" : "a";
        await mesh.mustApply(pair(open));
        for (const gateway of [0, 1]) {
          await until(`gateway ${gateway} to obey change ${change}`, async () => {
            const [opened, closed] = await Promise.all([get(`/${open}`, gateway), get(`/${shut}`, gateway)]);
            return opened.status === 200 && closed.status === 403;
          });
        }
        await until("the load to see some of it", () => seen >= 5 * change);
      }
    } finally {
      load.stop = true;
      await Promise.all(loads);
    }
    expect(torn).toEqual([]);
  });
});

describe("control's process stopped", () => {
  it("traffic and policy go on, also after the data plane's restart; an apply gets a clear error", async () => {
    const state = mkdtempSync(join(tmpdir(), "tulle-mesh-"));
    const ports = ["--port-base", "24500", "--loopback", "127.0.26.0/24", "--example", "article"];
    let data: RunningMesh | null = null;
    let control: RunningMesh | null = null;
    try {
      control = await RunningMesh.start([...ports, "--only", "control"], state);
      data = await RunningMesh.start([...ports, "--only", "data"], state);
      await data.mustApply(pair("a"));
      const web = await data.enrol("default", "web");
      const get = async (path: string) => data?.asWorkload(web, `http://reviews-service${path}`);
      await until("the policy", async () => (await get("/b"))?.status === 403);
      await until("the route", async () => (await get("/a"))?.status === 200);
      await data.settled();
      const rehearsed = async () =>
        data?.asWorkload(web, "http://reviews-service/a", { headers: { "x-rehearsed": "1" } });
      await untilRehearsed(data, async () => (await rehearsed())?.status === 418);

      await control.stop();
      control = null;
      for (let i = 0; i < 100; i += 1) {
        expect((await get("/a"))?.status).toBe(200);
        expect((await get("/b"))?.status).toBe(403);
      }
      const apply = await data.apply(pair("b"));
      expect(apply.status).toBe(503);
      expect(JSON.parse(apply.text)).toMatchObject({ kind: "Status", status: "Failure", code: 503 });

      await data.stop();
      data = await RunningMesh.start([...ports, "--only", "data"], state);
      await until("the restarted gateway", async () => (await get("/a"))?.status === 200);
      expect((await get("/b"))?.status).toBe(403);
      // Nobody removes it, and no new configuration comes: the gateway, started anew, knows its end.
      await until("the rehearsal to end", async () => (await rehearsed())?.status === 200);
      const outside = await send(`${data.info.gateway}/a`, { host: "reviews-service" });
      expect(outside.status).toBe(404);
    } finally {
      await data?.stop();
      await control?.stop();
      rmSync(state, { recursive: true, force: true });
    }
  });
});
