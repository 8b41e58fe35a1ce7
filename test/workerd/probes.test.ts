import { expect, it, vi } from "vitest";
import { callInMesh, serveSlices } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const HOST = "a.default.svc.cluster.local";
const PATIENCE_MS = 60_000;

it("an endpoint whose probe fails is out until it is well again", async () => {
  const slice = sliceOf(HOST);
  const settings = { initialDelayMs: 0, timeoutMs: 1_000, periodMs: 100, successThreshold: 1, failureThreshold: 1 };
  const clusters = Object.fromEntries(
    Object.entries(slice.clusters).map(([id, cluster]) => {
      const endpoints = cluster.endpoints.map((endpoint) => ({
        ...endpoint,
        probe: {
          address: endpoint.address,
          authority: "a:80",
          get: { path: "/up?deep=1", headers: [["x-probe", "1"]] as const },
          settings,
        },
      }));
      return [id, { ...cluster, endpoints }];
    }),
  );
  await serveSlices({ "mesh/*": { [HOST]: { ...slice, clusters } } });
  let isWell = false;
  let probes = 0;
  let calls = 0;
  serve("a", (request) => {
    const { pathname, search } = new URL(request.url);
    if (pathname !== "/up") {
      calls += 1;
      return new Response("served");
    }
    probes += 1;
    expect([search, request.method, request.headers.get("x-probe")]).toEqual(["?deep=1", "GET", "1"]);
    return new Response(null, { status: isWell ? 204 : 500 });
  });
  const status = async (): Promise<number> => {
    const answer = await callInMesh(`http://${HOST}/`);
    await answer.body?.cancel();
    return answer.status;
  };
  const untilStatus = async (wanted: number) =>
    vi.waitUntil(async () => (await status()) === wanted, { timeout: PATIENCE_MS, interval: 100 });

  expect(await status()).toBe(200);
  await untilStatus(503);
  const before = calls;
  expect(await status()).toBe(503);
  expect(calls).toBe(before);
  isWell = true;
  await untilStatus(200);
  expect(probes).toBeGreaterThan(1);
});
