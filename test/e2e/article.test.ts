import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Call } from "../support/http.ts";
import { send } from "../support/http.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";

/** The article's documents, used in place; a checkout on its own has its equivalents below. */
const ARTICLE = join(import.meta.dirname, "../../../shared/article");

const AUTHORIZATION = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: payment-service-authz }
spec:
  selector: { matchLabels: { app: payment-service } }
  rules:
    - from: [{ source: { principals: ["cluster.local/ns/default/sa/order-service"] } }]
      to: [{ operation: { methods: ["POST"], paths: ["/api/v1/charge"] } }]
`;
const DESTINATION = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: payment-service }
spec:
  host: payment-service
  trafficPolicy:
    connectionPool: { http: { http1MaxPendingRequests: 100, maxRequestsPerConnection: 2 } }
    outlierDetection: { consecutiveErrors: 5, interval: 30s, baseEjectionTime: 30s }
`;
const ROUTE = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews-route }
spec:
  hosts: [reviews-service]
  http:
    - match: [{ headers: { user-type: { exact: premium } } }]
      route: [{ destination: { host: reviews-service, subset: v2 }, weight: 100 }]
    - route: [{ destination: { host: reviews-service, subset: v1 }, weight: 100 }]
`;

function document(file: string, otherwise: string): string {
  const path = join(ARTICLE, file);
  return existsSync(path) ? readFileSync(path, "utf8") : otherwise;
}

describe("what the article claims", () => {
  let mesh: RunningMesh;
  let order: Svid;
  let web: Svid;

  beforeAll(async () => {
    mesh = await RunningMesh.start([
      "--port-base",
      "22000",
      "--loopback",
      "127.0.23.0/24",
      "--example",
      "article",
      "--service-ports",
    ]);
    order = await mesh.enrol("default", "order-service");
    web = await mesh.enrol("default", "web");
  });
  afterAll(() => mesh.stop());

  async function hits(): Promise<number> {
    const answer = await send(`${mesh.info.services?.["payment-service-v1"]}/hits`);
    return (JSON.parse(answer.text) as { hits: number }).hits;
  }

  it("takes its three documents as they are, with warnings for what it reads in another way", async () => {
    const files: [string, string][] = [
      ["virtual-service.yaml", ROUTE],
      ["destination-rule.yaml", DESTINATION],
      ["authorization-policy.yaml", AUTHORIZATION],
    ];
    const warnings: string[] = [];
    for (const [file, otherwise] of files) {
      const answer = await mesh.apply(document(file, otherwise));
      expect(answer.status, answer.text).toBe(200);
      const { results } = JSON.parse(answer.text) as { results: { warnings: string[] }[] };
      warnings.push(...results.flatMap((result) => result.warnings));
    }
    const told = warnings.join("\n");
    expect(told).toContain("maxRequestsPerConnection");
    expect(told).toContain("consecutiveErrors");
    if (existsSync(ARTICLE)) expect(told).toContain("example.com");
  });

  it("gives premium users reviews v2 and others v1", async () => {
    const version = async (headers: Record<string, string>) => {
      const answer = await mesh.asWorkload(web, "http://reviews-service/reviews/1", { headers });
      return answer.status === 200 ? (JSON.parse(answer.text) as { version: string }).version : answer.status;
    };
    await until("the route", async () => (await version({ "user-type": "premium" })) === "v2");
    for (let i = 0; i < 20; i += 1) {
      expect(await version({ "user-type": "premium" })).toBe("v2");
      expect(await version({})).toBe("v1");
      expect(await version({ "user-type": "basic" })).toBe("v1");
    }
  });

  it("lets order-service POST a charge, as a Worker of the mesh and as a program outside", async () => {
    const url = "http://payment-service/api/v1/charge";
    await until("the charge", async () => (await mesh.asWorkload(order, url, { method: "POST" })).status === 200);
    const called = await send(`${mesh.info.services?.["order-service-v1"]}/call/payment-service/api/v1/charge`, {
      method: "POST",
    });
    expect(called.status).toBe(200);
    const caller =
      "By=spiffe://cluster.local/ns/default/sa/payment-service;URI=spiffe://cluster.local/ns/default/sa/order-service";
    expect(JSON.parse(called.text)).toMatchObject({ service: "payment-service", path: "/api/v1/charge", caller });
  });

  it("tells the service who calls it by which certificate, as Envoy writes it", async () => {
    const answer = await mesh.asWorkload(order, "http://payment-service/api/v1/charge", { method: "POST" });
    const hash = new X509Certificate(order.cert).fingerprint256.replaceAll(":", "").toLowerCase();
    const [by, uri] = ["payment-service", "order-service"].map(
      (name) => `spiffe://cluster.local/ns/default/sa/${name}`,
    );
    expect(JSON.parse(answer.text)).toMatchObject({ caller: `By=${by};Hash=${hash};URI=${uri}` });
  });

  it("believes an agent's word on what was dialled only with its certificate", async () => {
    const headers = { "x-tulle-dialled": "payment-service" };
    const call: Call = { method: "POST", headers };
    const url = `${mesh.info.meshes[0]}/api/v1/charge`;
    const tls = { ca: mesh.ca, ...order };
    await until("the charge", async () => (await send(url, { ...call, tls })).status === 200);
    expect((await send(url, { ...call, tls: { ca: mesh.ca } })).status).toBe(404);
    expect((await send(url, { ...call, headers: { "x-tulle-dialled": "a b c" }, tls })).status).toBe(400);
    expect((await send(url, { method: "POST", tls })).status).toBe(404);
  });

  const charge = "/api/v1/charge";
  it.each<{ name: string; who: "order" | "web" | "none"; path: string; call: Call }>([
    { name: "another caller", who: "web", path: charge, call: { method: "POST" } },
    { name: "another method", who: "order", path: charge, call: { method: "GET" } },
    { name: "another path", who: "order", path: "/api/v1/refund", call: { method: "POST" } },
    { name: "a path below it", who: "order", path: `${charge}/x`, call: { method: "POST" } },
    { name: "a path around it", who: "order", path: `${charge}/%2e%2e/refund`, call: { method: "POST" } },
    {
      name: "an identity in a header",
      who: "web",
      path: charge,
      call: {
        method: "POST",
        headers: { "x-forwarded-client-cert": "URI=spiffe://cluster.local/ns/default/sa/order-service" },
      },
    },
  ])("answers 403 to $name without reaching the service", async ({ who, path, call }) => {
    const before = await hits();
    const svid = who === "order" ? order : web;
    const answer = await mesh.asWorkload(svid, `http://payment-service${path}`, call);
    expect(answer.status).toBe(403);
    expect(answer.text).toBe("RBAC: access denied");
    expect(await hits()).toBe(before);
  });

  it("answers 403 to a Worker that is not order-service", async () => {
    const before = await hits();
    const called = await send(`${mesh.info.services?.["reviews-service-v1"]}/call/payment-service/api/v1/charge`, {
      method: "POST",
    });
    expect(called.status).toBe(403);
    expect(await hits()).toBe(before);
  });

  it("holds the policy on another name and another route to the same endpoint", async () => {
    await mesh.mustApply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: side-door }
spec:
  hosts: [side-door.internal]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{ address: "binding:EP_PAYMENT_SERVICE_V1", labels: { app: harmless } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: detour }
spec:
  hosts: [detour.internal]
  http: [{ route: [{ destination: { host: payment-service } }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: detour }
spec:
  hosts: [detour.internal]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{ address: "binding:EP_REVIEWS_SERVICE_V1" }]
`);
    const before = await hits();
    for (const host of ["side-door.internal", "detour.internal"]) {
      await until(`${host} is known`, async () => {
        return (await mesh.asWorkload(web, `http://${host}${charge}`, { method: "POST" })).status !== 404;
      });
      const answer = await mesh.asWorkload(web, `http://${host}${charge}`, { method: "POST" });
      expect(answer.status).toBe(403);
    }
    expect(await hits()).toBe(before);
    const allowed = await mesh.asWorkload(order, `http://side-door.internal${charge}`, { method: "POST" });
    expect(allowed.status).toBe(200);
  });

  it("answers 404 from outside for the mesh-only host, and reaches nothing", async () => {
    const before = await hits();
    for (const host of ["payment-service", "payment-service.default.svc.cluster.local"]) {
      const plain = await send(`${mesh.info.gateway}${charge}`, { method: "POST", host });
      expect(plain.status).toBe(404);
      const tls = await mesh.asWorkload(null, `http://${host}${charge}`, { method: "POST" });
      expect(tls.status).toBe(404);
    }
    expect(await hits()).toBe(before);
  });
});
