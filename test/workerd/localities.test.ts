import { expect, it } from "vitest";
import type { Cluster, Slice } from "../../src/snapshot/model.ts";
import { callFromOutside, callInMesh, serveSlices } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const INSIDE = "a.default.svc.cluster.local";
const OUTSIDE = "a.test";

const OUTLIER = {
  consecutive5xx: 1,
  consecutiveGatewayErrors: 0,
  intervalMs: 3_600_000,
  baseEjectionMs: 3_600_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
  alwaysEjectOne: true,
};

/** The service `a` is in Europe, `b` in America; callers in this location and from Europe belong to Europe. */
function spread(host: string, change: Partial<Slice> = {}): Slice {
  const slice = sliceOf(host, change);
  const cluster = Object.values(slice.clusters)[0] as Cluster;
  const [one] = cluster.endpoints;
  if (one === undefined) throw new Error("the slice has no endpoint");
  const endpoints = [
    { ...one, locality: "eu" },
    { ...one, id: "binding:EP_B", address: { kind: "binding" as const, name: "EP_B" }, locality: "us" },
  ];
  const locality = { failover: { labels: [], byLocality: true, regions: [] } };
  return {
    ...slice,
    callers: [
      { colo: "LOC", locality: "eu" },
      { colo: "IAD", locality: "us" },
      { continent: "EU", locality: "eu" },
    ],
    clusters: { [cluster.id]: { ...cluster, endpoints, locality, outlier: OUTLIER } },
  };
}

it("sends callers to the endpoints that are near, by what the platform says of where they are", async () => {
  const workload = { name: "gw", namespace: "default", principal: null, app: "gw", version: "latest" };
  const open = { mtls: "PERMISSIVE", jwt: [], deny: [], allow: [] } as const;
  await serveSlices({
    "mesh/*": { [INSIDE]: spread(INSIDE) },
    "gw/*": {
      [OUTSIDE]: spread(OUTSIDE, {
        policySets: [open],
        front: { gateway: "default/gw", workload, policySet: 0, clientCertificate: "none" },
      }),
    },
  });
  for (const name of ["a", "b"] as const) serve(name, () => new Response(name));
  const answers = async (call: () => Promise<Response>): Promise<string> => {
    const names = new Set<string>();
    for (let again = 0; again < 8; again += 1) names.add(await (await call()).text());
    return [...names].toSorted().join();
  };
  const from = async (cf: Readonly<Record<string, string>>) =>
    answers(() =>
      callFromOutside(`http://${OUTSIDE}/`, {
        headers: { host: OUTSIDE },
        cf: cf as unknown as IncomingRequestCfProperties,
      }),
    );
  expect(await answers(() => callInMesh(`http://${INSIDE}/`))).toBe("a");
  expect(await from({ colo: "IAD", country: "US", continent: "NA" })).toBe("b");
  expect(await from({ colo: "FRA", country: "DE", continent: "EU" })).toBe("a");
  // Of whom the mesh says nothing both are as far.
  expect(await from({ colo: "NRT", country: "JP", continent: "AS" })).toBe("a,b");
});

it("sends callers farther on when what is near fails", async () => {
  await serveSlices({ "mesh/*": { [INSIDE]: spread(INSIDE) } });
  serve("a", () => new Response("broken", { status: 500 }));
  serve("b", () => new Response("b"));
  expect((await callInMesh(`http://${INSIDE}/`)).status).toBe(500);
  for (let again = 0; again < 8; again += 1) expect(await (await callInMesh(`http://${INSIDE}/`)).text()).toBe("b");
});
