import { expect, it } from "vitest";
import type { Cluster, HashKey, Slice } from "../../src/snapshot/model.ts";
import { link } from "../../src/snapshot/link.ts";
import { Callers } from "../../workers/gateway/callers.ts";
import { meshOf } from "../../workers/gateway/mesh.ts";
import { env } from "./support/env.ts";
import { decided, facts } from "../decide/requests.ts";
import { callInMesh, serveSlices } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const HOST = "a.default.svc.cluster.local";
const COOKIE: HashKey = {
  kind: "cookie",
  name: "sticky",
  create: { maxAgeSeconds: 3600, path: "/", attributes: [["SameSite", "Strict"]] },
};

/** Both services stand behind one host. */
function picking(key: HashKey): Slice {
  const slice = sliceOf(HOST);
  const cluster = Object.values(slice.clusters)[0] as Cluster;
  const [one] = cluster.endpoints;
  const other = one && { ...one, id: "binding:EP_B", address: { kind: "binding" as const, name: "EP_B" } };
  return {
    ...slice,
    clusters: {
      [cluster.id]: { ...cluster, loadBalancer: { ring: 1024, key }, endpoints: one && other ? [one, other] : [] },
    },
  };
}

it("keeps a client with the endpoint that its cookie stands for, and gives a cookie to one that has none", async () => {
  await serveSlices({ "mesh/*": { [HOST]: picking(COOKIE) } });
  for (const name of ["a", "b"] as const)
    serve(
      name,
      (request) =>
        new Response(`${name} ${request.headers.get("cookie")}`, { headers: { "set-cookie": `own=${name}` } }),
    );
  const seen = new Set<string>();
  for (let client = 0; client < 16; client += 1) {
    const first = await callInMesh(`http://${HOST}/`);
    const [made, own] = first.headers.getSetCookie().toSorted().toReversed();
    const [endpoint = ""] = (await first.text()).split(" ");
    expect(made).toMatch(/^sticky="[0-9a-f]{16}"; Max-Age=3600; Path=\/; SameSite=Strict; HttpOnly$/);
    expect(own).toBe(`own=${endpoint}`);
    seen.add(endpoint);
    const cookie = made?.split(";", 1)[0] ?? "";
    for (let again = 0; again < 3; again += 1) {
      const next = await callInMesh(`http://${HOST}/`, { headers: { cookie } });
      expect(next.headers.getSetCookie()).toEqual([`own=${endpoint}`]);
      expect(await next.text()).toBe(`${endpoint} ${cookie}`);
    }
  }
  expect([...seen].toSorted()).toEqual(["a", "b"]);
});

it("keeps requests with one value of a header together", async () => {
  await serveSlices({ "mesh/*": { [HOST]: picking({ kind: "header", name: "x-user" }) } });
  for (const name of ["a", "b"] as const) serve(name, () => new Response(name));
  const of = async (user: string) => (await callInMesh(`http://${HOST}/`, { headers: { "x-user": user } })).text();
  const users = Array.from({ length: 16 }, (_, at) => `user-${at}`);
  const first = [];
  for (const user of users) first.push(await of(user));
  for (const [at, user] of users.entries()) expect(await of(user)).toBe(first[at]);
  expect([...new Set(first)].toSorted()).toEqual(["a", "b"]);
});

it("begins the rounds of each isolate at an endpoint of its own", () => {
  const decision = decided(link(sliceOf(HOST)), facts());
  if (decision.effect !== "forward") throw new Error(decision.code);
  const { cluster } = decision;
  const turns = Array.from({ length: 32 }, () =>
    new Callers(meshOf(env).configuration).view("-", cluster).turns.first(),
  );
  expect(new Set(turns).size).toBeGreaterThan(16);
  const view = new Callers(meshOf(env).configuration).view("-", cluster);
  const first = view.turns.first();
  expect(view.turns.first()).toBe(first + 1);
});
