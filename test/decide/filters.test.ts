import { describe, expect, it } from "vitest";
import type { CorsPolicy, JwtRule, PolicySet, Route } from "../../src/snapshot/model.ts";
import { cluster, decided, endpoint, facts, headers, OPEN, slice } from "./requests.ts";

const APP = "https://app.test";
const CORS: CorsPolicy = { origins: [{ kind: "exact", value: APP }], methods: "GET", unmatched: "FORWARD" };
const JWT: JwtRule = {
  name: "default/jwt/0",
  issuer: "https://issuer.test",
  audiences: [],
  keys: { kind: "inline", jwks: '{"keys":[]}' },
  from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: [], cookies: [] },
  forwardOriginalToken: true,
  outputClaimToHeaders: [],
  spaceDelimitedClaims: [],
};
const NOBODY: PolicySet = { ...OPEN, deny: [{ name: "default/d", rules: [{}] }] };

const ask = { origin: APP, "access-control-request-method": "GET" };
const preflight = (fields: Readonly<Record<string, string>> = {}) =>
  facts({ method: "OPTIONS", headers: headers({ ...ask, ...fields }) });
const get = facts({ headers: headers({ origin: APP }) });

/** One route with these filters to `a`, whose endpoint has this policy set. */
function withRoute(route: Partial<Route>, set: PolicySet = OPEN, endpoints = [endpoint("EP_A")]) {
  return slice({
    routes: [{ name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }], ...route }],
    clusters: { a: cluster("a", endpoints) },
    policySets: [set],
  });
}

describe("a route with a CORS policy", () => {
  it("answers a preflight by itself", () => {
    expect(decided(withRoute({ cors: CORS }), preflight())).toMatchObject({
      effect: "answer",
      code: "cors_preflight",
      status: 200,
      body: "",
      headers: expect.arrayContaining([["access-control-allow-origin", APP]]) as unknown,
    });
  });

  it("answers none that the destination's policies refuse", () => {
    expect(decided(withRoute({ cors: CORS }, NOBODY), preflight())).toMatchObject({
      code: "rbac_denied_matched_policy",
    });
  });

  it("asks a preflight for no token, at the Gateway and at the destination", () => {
    const withToken = preflight({ authorization: "Bearer bad" });
    const of = withRoute({ cors: CORS }, { ...OPEN, jwt: [JWT] });
    const bad = { ok: false, code: "jwt_invalid", detail: "token_signature" } as const;
    expect(decided(of, withToken, { bad })).toMatchObject({ code: "cors_preflight" });
    const front = {
      gateway: "default/front",
      workload: { name: "gw", namespace: "istio-system", principal: null, app: "gw", version: "1" },
      policySet: 0,
      clientCertificate: "none",
    } as const;
    const behind = slice({ ...of.model, front });
    expect(decided(behind, withToken, { bad })).toMatchObject({ code: "cors_preflight" });
  });

  it.each(["origin", "access-control-request-method"])("judges the token of one whose %s is empty", (name) => {
    const of = withRoute({ cors: CORS }, { ...OPEN, jwt: [JWT] });
    const bad = { ok: false, code: "jwt_invalid", detail: "token_signature" } as const;
    expect(decided(of, preflight({ authorization: "Bearer bad", [name]: "" }), { bad })).toMatchObject({
      code: "jwt_invalid",
    });
  });

  it("answers a preflight for a service without endpoints, and tells the page why its request failed", () => {
    const of = withRoute({ cors: CORS }, OPEN, []);
    expect(decided(of, preflight())).toMatchObject({ code: "cors_preflight" });
    expect(decided(of, get)).toMatchObject({
      code: "no_endpoint",
      headers: expect.arrayContaining([["access-control-allow-origin", APP]]) as unknown,
    });
  });

  it("replaces what the service says, after the route's own changes", () => {
    const response = { set: [["access-control-allow-origin", "*"]] } as const;
    const changes = [
      { op: "set", name: "access-control-allow-origin", value: APP },
      { op: "add", name: "vary", value: "Origin" },
    ];
    expect(decided(withRoute({ cors: CORS, response }), get)).toMatchObject({
      effect: "forward",
      cors: changes,
      response: [{ op: "set", name: "access-control-allow-origin", value: "*" }, ...changes],
    });
  });

  it("leaves requests without an allowed origin alone", () => {
    const of = withRoute({ cors: CORS });
    for (const fields of [{}, { origin: "" }, { origin: "https://evil.test" }])
      expect(decided(of, facts({ headers: headers(fields) }))).toMatchObject({
        effect: "forward",
        response: [],
        cors: [],
      });
  });

  it("lets no other spelling of the headers through that it reads", () => {
    expect([...withRoute({ cors: CORS }).headers.names]).toEqual(
      expect.arrayContaining(["origin", "access-control-request-method", "access-control-request-headers"]),
    );
  });
});
