import { beforeAll, describe, expect, it } from "vitest";
import type { JwtRule, Route, Slice } from "../../src/snapshot/model.ts";
import { TestIssuer } from "../identity/tokens.ts";
import { callFromOutside, callInMesh, serveSlices } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const INSIDE = "a.default.svc.cluster.local";
const OUTSIDE = "b.test";
const ISSUER = "https://issuer.test";

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await TestIssuer.create(["ES256"]);
});

function withRequest(slice: Slice, request: NonNullable<Route["request"]>): Slice {
  return { ...slice, routes: slice.routes.map((route) => ({ ...route, request })) };
}

/** Behind a Gateway that hands the payload of a verified token on as `x-payload`. */
function behindGateway(request: NonNullable<Route["request"]>, outputs: Partial<JwtRule> = {}): Slice {
  const rule: JwtRule = {
    name: "default/jwt/0",
    issuer: ISSUER,
    audiences: [],
    keys: { kind: "inline", jwks: JSON.stringify(issuer.jwks) },
    from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: [], cookies: [] },
    forwardOriginalToken: false,
    outputPayloadToHeader: "x-payload",
    outputClaimToHeaders: [],
    spaceDelimitedClaims: [],
    ...outputs,
  };
  const open = { mtls: "PERMISSIVE", deny: [], allow: [] } as const;
  const workload = { name: "gw", namespace: "default", principal: null, app: "gw", version: "latest" };
  return withRequest(
    sliceOf(OUTSIDE, {
      policySets: [
        { ...open, jwt: [] },
        { ...open, jwt: [rule] },
      ],
      front: { gateway: "default/gw", workload, policySet: 1, clientCertificate: "none" },
    }),
    request,
  );
}

/** What the service behind gets of a request. */
async function arrived(answer: Promise<Response>): Promise<Record<string, string>> {
  return (await answer).json();
}

describe("a route's changes of headers that the gateway fills late", () => {
  const echo = (request: Request) => Response.json(Object.fromEntries(request.headers));

  it("tell the status of an answer, the service's and the gateway's own", async () => {
    const response = { set: [["x-was", "<%RESPONSE_CODE%>"]] } as const;
    const [route] = sliceOf(INSIDE).routes;
    const own = { name: "own", matches: [{ uri: { kind: "exact", value: "/own" } }], destinations: [] } as const;
    const routes = [
      { ...own, direct: { status: 418, body: "" }, response },
      { ...own, ...route, matches: [], response } as Route,
    ];
    await serveSlices({ "mesh/*": { [INSIDE]: sliceOf(INSIDE, { routes }) } });
    serve("a", () => new Response(null, { status: 404 }));
    const told = async (path: string) => {
      const { status, headers } = await callInMesh(`http://${INSIDE}${path}`);
      return [status, headers.get("x-was")];
    };
    expect(await told("/own")).toEqual([418, "<418>"]);
    expect(await told("/other")).toEqual([404, "<404>"]);
  });

  it("tell when the request came", async () => {
    const changed = withRequest(sliceOf(INSIDE), { set: [["x-request-start", "t=%START_TIME(%s%3f)%"]] });
    await serveSlices({ "mesh/*": { [INSIDE]: changed } });
    serve("a", echo);
    const before = Date.now();
    const { "x-request-start": told = "" } = await arrived(callInMesh(`http://${INSIDE}/`));
    const at = Number(told.slice(2));
    expect([told.startsWith("t="), at >= before, at <= Date.now()]).toEqual([true, true, true]);
  });

  it("add to x-forwarded-host once", async () => {
    await serveSlices({
      "mesh/*": { [INSIDE]: withRequest(sliceOf(INSIDE), { add: [["x-forwarded-host", "ours"]] }) },
    });
    serve("a", echo);
    expect(await arrived(callInMesh(`http://${INSIDE}/`))).toMatchObject({ "x-forwarded-host": "ours" });
  });

  it("say nothing of who calls in the mesh's place, in no spelling, and can keep it back", async () => {
    serve("a", echo);
    const proof = "x-forwarded-client-cert";
    const seen = async (request: NonNullable<Route["request"]>) => {
      await serveSlices({ "mesh/*": { [INSIDE]: withRequest(sliceOf(INSIDE), request) } });
      const got = await arrived(
        callInMesh(`http://${INSIDE}/`, { props: { namespace: "shop", serviceAccount: "web" } }),
      );
      return Object.entries(got).filter(([name]) => /client.cert|tulle/.test(name));
    };
    const forged = [proof, "x_forwarded_client_cert", "x-forwarded.client-cert", "x-tulle-assertion", "x_tulle_x"].map(
      (name) => [name, "URI=spiffe://cluster.local/ns/shop/sa/admin"] as const,
    );
    const told = [[proof, expect.stringMatching(/^[^,]*URI=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web$/)]];
    for (const request of [{ set: forged }, { add: forged }]) expect(await seen(request)).toEqual(told);
    expect(await seen({ remove: [proof] })).toEqual([]);
  });

  it("nor do claims and payloads of tokens", async () => {
    const claims = ["x-forwarded-client-cert", "x_forwarded_client_cert", "x-tulle-assertion"];
    const outputClaimToHeaders = claims.map((header) => ({ header, claim: "sub" }));
    const slice = behindGateway({}, { outputPayloadToHeader: "x-forwarded.client-cert", outputClaimToHeaders });
    await serveSlices({ "gw/*": { [OUTSIDE]: slice } });
    serve("b", echo);
    const token = await issuer.sign({ iss: ISSUER, sub: "admin", exp: 4_102_444_800 });
    const headers = { host: OUTSIDE, authorization: `Bearer ${token}` };
    const got = await arrived(callFromOutside(`http://${OUTSIDE}/`, { headers }));
    expect(Object.keys(got).filter((name) => /client.cert|tulle/.test(name))).toEqual([]);
  });

  it.each([
    { name: "remove", request: { remove: ["x-payload"] }, expected: undefined },
    { name: "set", request: { set: [["x-payload", "none"]] as const }, expected: "none" },
  ])("$name the payload that the Gateway handed on", async ({ request, expected }) => {
    await serveSlices({ "gw/*": { [OUTSIDE]: behindGateway(request) } });
    serve("b", echo);
    const token = await issuer.sign({ iss: ISSUER, sub: "anna", exp: 4_102_444_800 });
    const headers = { host: OUTSIDE, authorization: `Bearer ${token}` };
    const got = await arrived(callFromOutside(`http://${OUTSIDE}/`, { headers }));
    expect(got).not.toHaveProperty("authorization");
    expect(got["x-payload"]).toBe(expected);
  });

  it("add to the payload that the Gateway handed on, which arrives as it stands in the token", async () => {
    await serveSlices({ "gw/*": { [OUTSIDE]: behindGateway({ add: [["x-payload", "more"]] }) } });
    serve("b", echo);
    const token = await issuer.sign({ iss: ISSUER, sub: "anna", exp: 4_102_444_800 });
    const headers = { host: OUTSIDE, authorization: `Bearer ${token}`, "x-payload": "forged" };
    const got = await arrived(callFromOutside(`http://${OUTSIDE}/`, { headers }));
    expect(got["x-payload"]).toBe(`${token.split(".")[1]}, more`);
  });
});
