import { describe, expect, it } from "vitest";
import type { Route, Slice } from "../../src/snapshot/model.ts";
import { callInMesh, logged, serveSlices } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const HOST = "a.default.svc.cluster.local";
const URL = `http://${HOST}/`;
const APP = "https://app.test";

function routed(route: Partial<Route>): Slice {
  const slice = sliceOf(HOST);
  return { ...slice, routes: slice.routes.map((one) => ({ ...one, ...route })) };
}

async function serveRoute(route: Partial<Route>): Promise<void> {
  await serveSlices({ "mesh/*": { [HOST]: routed(route) } });
}

const CORS: Route["cors"] = {
  origins: [{ kind: "exact", value: APP }],
  methods: "GET",
  exposed: "x-a",
  unmatched: "FORWARD",
};

describe("a route's CORS policy", () => {
  it("answers a preflight without the service, and has the last word on what the service says", async () => {
    await serveRoute({ cors: CORS });
    const asked: string[] = [];
    serve("a", ({ method }) => {
      asked.push(method);
      return new Response("hello", { headers: { "access-control-allow-origin": "*", vary: "Accept" } });
    });
    const headers = { origin: APP, "access-control-request-method": "GET" };
    const lines = await logged(async () => {
      const preflight = await callInMesh(URL, { method: "OPTIONS", headers });
      expect([preflight.status, await preflight.text()]).toEqual([200, ""]);
      expect(preflight.headers.get("access-control-allow-methods")).toBe("GET");
      expect(preflight.headers.get("access-control-allow-origin")).toBe(APP);
    });
    expect(lines).toMatchObject([{ status: 200, details: "cors_preflight", response_flags: "-", attempts: 0 }]);
    const answer = await callInMesh(URL, { headers });
    expect(await answer.text()).toBe("hello");
    expect(answer.headers.get("access-control-allow-origin")).toBe(APP);
    expect(answer.headers.get("access-control-expose-headers")).toBe("x-a");
    expect(answer.headers.get("vary")).toBe("Accept, Origin");
    expect(asked).toEqual(["GET"]);
  });

  it("tells a page why its request failed, where the gateway answers in the service's place", async () => {
    await serveRoute({ cors: CORS });
    serve("a", () => {
      throw new Error("broken");
    });
    const answer = await callInMesh(URL, { headers: { origin: APP } });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([503, APP]);
    const other = await callInMesh(URL, { headers: { origin: "https://evil.test" } });
    expect([other.status, other.headers.get("access-control-allow-origin")]).toEqual([503, null]);
  });
});

describe("a route's fault", () => {
  it("answers in the service's place, without a mark against it", async () => {
    await serveRoute({ fault: { abort: { share: 1, status: 555 } } });
    serve("a", () => {
      throw new Error("nobody may call it");
    });
    const lines = await logged(async () => {
      const answer = await callInMesh(URL);
      expect([answer.status, await answer.text()]).toEqual([555, "fault filter abort"]);
    });
    expect(lines).toMatchObject([
      { status: 555, response_flags: "FI", details: "fault_filter_abort", attempts: 0, endpoint: null },
    ]);
  });

  it("holds a call back before it is sent, and says so beside the call's own flags", async () => {
    await serveRoute({ fault: { delay: { share: 1, ms: 30 } }, timeoutMs: 20_000 });
    serve("a", () => new Response("hello"));
    const [good] = await logged(async () => (await callInMesh(URL)).text());
    expect(good).toMatchObject({ status: 200, response_flags: "DI", details: "via_upstream", attempts: 1 });
    await serveRoute({ fault: { delay: { share: 1, ms: 1 }, abort: { share: 1, status: 503 } } });
    const [both] = await logged(async () => (await callInMesh(URL)).text());
    expect(both).toMatchObject({ status: 503, response_flags: "DI,FI" });
  });

  it("ends with its client", async () => {
    await serveRoute({ fault: { delay: { share: 1, ms: 600_000 } } });
    serve("a", () => new Response("hello"));
    const client = new AbortController();
    const [line] = await logged(async () => {
      const call = callInMesh(URL, { signal: client.signal });
      await scheduler.wait(0);
      client.abort();
      await expect(call).rejects.toThrow();
    });
    expect(line).toMatchObject({ response_flags: "DI,DC", route: "default", attempts: 0 });
  });
});
