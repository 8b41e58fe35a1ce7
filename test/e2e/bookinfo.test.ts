import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const PRINCIPAL = "cluster.local/ns/default/sa";

describe("Bookinfo, brought up by npm start", () => {
  let mesh: RunningMesh;

  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "21000", "--loopback", "127.0.21.0/24", "--service-ports"]);
  });
  afterAll(() => mesh.stop());

  it("serves the page through the mesh, with details and reviews from their services", async () => {
    // The first of all may come before the gateways know every service.
    const page = await until("the whole page", async () => {
      const { status, text } = await send(mesh.info.page ?? "");
      return status === 200 && !text.includes("Error fetching") && text;
    });
    expect(page).toContain("The Comedy of Errors");
    expect(page).toContain("PublisherA");
    expect(page).toContain("Reviewer1");
  });

  it("logs each call with its caller's principal: productpage to details, reviews to ratings", async () => {
    await mesh.mustApply(routeReviewsTo("v3"));
    await until("red stars", async () => (await send(mesh.info.page ?? "")).text.includes("stars red"));
    await until("the log of the chain", () => {
      const seen = new Set(
        mesh.accessLog().map((record) => `${record.source_principal} -> ${record.destination_service}`),
      );
      return [
        `${PRINCIPAL}/bookinfo-productpage -> details.default.svc.cluster.local`,
        `${PRINCIPAL}/bookinfo-productpage -> reviews.default.svc.cluster.local`,
        `${PRINCIPAL}/bookinfo-reviews -> ratings.default.svc.cluster.local`,
      ].every((hop) => seen.has(hop));
    });
  });

  it("keeps one trace over the whole page", async () => {
    const trace = "0af7651916cd43dd8448eb211c80319c";
    await send(mesh.info.page ?? "", { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
    await until("three hops of the trace", () => {
      const hops = mesh.accessLog().filter((record) => record.trace_id === trace);
      return new Set(hops.map((record) => record.destination_service)).size >= 3;
    });
    const spans = mesh.accessLog().filter((record) => record.trace_id === trace);
    expect(new Set(spans.map((record) => record.span_id)).size).toBe(spans.length);
  });

  it("logs in, routes the user by header, and logs out", async () => {
    await mesh.mustApply(routeReviewsTo("v1"));
    await mesh.mustApply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http:
    - match: [{ headers: { end-user: { exact: jason } } }]
      route: [{ destination: { host: reviews, subset: v2 } }]
    - route: [{ destination: { host: reviews, subset: v1 } }]
`);
    const login = await send((mesh.info.page ?? "").replace("/productpage", "/login"), {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "username=jason&passwd=x",
    });
    expect(login.status).toBe(302);
    const cookie = String(login.headers["set-cookie"]).split(";")[0] ?? "";
    await until("black stars for jason", async () => {
      const page = await send(mesh.info.page ?? "", { headers: { cookie } });
      return page.text.includes("stars black") && page.text.includes("jason");
    });
    await until("no stars for others", async () => {
      const page = await send(mesh.info.page ?? "");
      return page.text.includes("reviews-v1") && !page.text.includes('class="stars');
    });
  });

  it("answers 404 from outside for what the Gateway does not route, and for mesh-only hosts", async () => {
    const other = await send((mesh.info.page ?? "").replace("/productpage", "/admin"));
    expect(other.status).toBe(404);
    const before = await hits(mesh, "ratings-v1");
    const host = await send(`${mesh.info.gateway}/ratings/0`, { host: "ratings.default.svc.cluster.local" });
    expect(host.status).toBe(404);
    expect(await hits(mesh, "ratings-v1")).toBe(before);
  });
});

describe("Bookinfo with its mesh bindings pointed at nothing", () => {
  it("shows the page's error blocks, and no other service is reached", async () => {
    const mesh = await RunningMesh.start([
      "--port-base",
      "21500",
      "--loopback",
      "127.0.22.0/24",
      "--example",
      "bookinfo",
      "--service-ports",
      "--unmeshed",
    ]);
    try {
      const workers = ["details-v1", "reviews-v1", "reviews-v2", "reviews-v3", "ratings-v1"];
      const before = await Promise.all(workers.map((worker) => hits(mesh, worker)));
      const page = await send(mesh.info.page ?? "");
      expect(page.status).toBe(200);
      expect(page.text).toContain("Error fetching product details!");
      expect(page.text).toContain("Error fetching product reviews!");
      expect(await Promise.all(workers.map((worker) => hits(mesh, worker)))).toEqual(before);
    } finally {
      await mesh.stop();
    }
  });
});

function routeReviewsTo(subset: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http:
    - route: [{ destination: { host: reviews, subset: ${subset} } }]
`;
}

async function hits(mesh: RunningMesh, worker: string): Promise<number> {
  const answer = await send(`${mesh.info.services?.[worker]}/hits`);
  return (JSON.parse(answer.text) as { hits: number }).hits;
}
