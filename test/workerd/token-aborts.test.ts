import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import type { JwtRule } from "../../src/snapshot/model.ts";
import { matchRoute } from "../../src/routing/route-match.ts";
import { link } from "../../src/snapshot/link.ts";
import { meshOf } from "../../workers/gateway/mesh.ts";
import { facts } from "../decide/requests.ts";
import { TestIssuer } from "../identity/tokens.ts";
import { env } from "./support/env.ts";
import { callInMesh, serveSlices, until } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const HOST = "a.default.svc.cluster.local";
const ISSUER = "https://issuer.test";

let issuer: TestIssuer;

beforeAll(async () => {
  issuer = await TestIssuer.create(["ES256"]);
  const rule: JwtRule = {
    name: "default/jwt/0",
    issuer: ISSUER,
    audiences: [],
    keys: { kind: "remote", uri: `${ISSUER}/keys`, timeoutMs: 60_000 },
    from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: [], cookies: [] },
    forwardOriginalToken: true,
    outputClaimToHeaders: [],
    spaceDelimitedClaims: [],
  };
  const set = { mtls: "PERMISSIVE", jwt: [rule], deny: [], allow: [] } as const;
  await serveSlices({ "mesh/*": { [HOST]: sliceOf(HOST, { policySets: [set] }) } });
});

describe("a client that goes away while its token's keys are fetched", () => {
  it("leaves nothing behind that counts as a call", async () => {
    const keys = { published: false };
    const fetching = vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
      while (!keys.published) await scheduler.wait(5);
      return Response.json(issuer.jwks);
    });
    onTestFinished(() => fetching.mockRestore());
    let calls = 0;
    serve("a", () => {
      calls += 1;
      return new Response("hello");
    });
    const token = await issuer.sign({ iss: ISSUER, sub: "u", exp: Math.floor(Date.now() / 1_000) + 600 });
    const headers = { authorization: `Bearer ${token}` };
    const client = new AbortController();
    const gone = callInMesh(`http://${HOST}/`, { headers, signal: client.signal });
    await until(() => fetching.mock.calls.length === 1);
    client.abort();
    await expect(gone).rejects.toThrow();
    keys.published = true;
    expect(await (await callInMesh(`http://${HOST}/`, { headers })).text()).toBe("hello");
    expect(calls).toBe(1);
    const cluster = matchRoute(link(sliceOf(HOST)).routes, facts())?.route.destinations[0]?.cluster;
    if (cluster === undefined) throw new Error("a route has a cluster");
    await until(() => meshOf(env).callers.view("-", cluster).budget.active === 0);
  });
});
