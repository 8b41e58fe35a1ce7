import { describe, expect, it } from "vitest";
import type { CorsPolicy, JwtRule, PolicySet, Route } from "../../src/snapshot/model.ts";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import type { Forward, Mirrored } from "../../src/decide/types.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
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

  it("wants no ALLOW for a preflight that it answers, for there one calls nobody", () => {
    const set: PolicySet = { ...OPEN, allow: [{ name: "default/nobody", rules: [] }] };
    const of = withRoute({ cors: CORS }, set);
    expect(decided(of, preflight())).toMatchObject({ code: "cors_preflight" });
    for (const request of [preflight({ origin: "https://evil.test" }), preflight({ origin: "" }), facts()])
      expect(decided(of, request)).toMatchObject({ code: "rbac_denied_no_allow", headers: [] });
    expect(
      decided(withRoute({ cors: CORS, fault: { abort: { share: 1, status: 503 } } }, set), preflight()),
    ).toMatchObject({
      code: "fault_filter_abort",
    });
    expect(decided(withRoute({}, set), preflight())).toMatchObject({ code: "rbac_denied_no_allow" });
  });

  it("lets a page of an allowed origin read that it is refused", () => {
    const told = { headers: expect.arrayContaining([["access-control-allow-origin", APP]]) as unknown };
    expect(decided(withRoute({ cors: CORS }, NOBODY), get)).toMatchObject({
      code: "rbac_denied_matched_policy",
      ...told,
    });
    const bad = { ok: false, code: "jwt_invalid", detail: "token_signature" } as const;
    const request = facts({ headers: headers({ origin: APP, authorization: "Bearer bad" }) });
    expect(decided(withRoute({ cors: CORS }, { ...OPEN, jwt: [JWT] }), request, { bad })).toMatchObject({
      status: 401,
      ...told,
    });
    const evil = facts({ headers: headers({ origin: "https://evil.test" }) });
    expect(decided(withRoute({ cors: CORS }, NOBODY), evil)).toMatchObject({ status: 403, headers: [] });
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

const ALWAYS = { delay: { share: 1, ms: 7_000 }, abort: { share: 1, status: 555 } };

describe("a route with a fault", () => {
  it("holds a request back and answers it, each by its own draw", () => {
    const fault = { delay: { share: 0.3, ms: 20 }, abort: { share: 0.6, status: 503 } };
    const of = withRoute({ fault });
    const seen = { neither: 0, delayed: 0, aborted: 0, both: 0 };
    for (let seed = 0; seed < 10_000; seed += 1) {
      const { effect, delayMs } = decided(of, facts({ seed: Math.imul(seed, 0x9e3779b1) }));
      expect([0, 20]).toContain(delayMs);
      if (effect === "answer") seen[delayMs > 0 ? "both" : "aborted"] += 1;
      else seen[delayMs > 0 ? "delayed" : "neither"] += 1;
    }
    // Four standard deviations of a fair draw are below 200.
    for (const [kind, share] of Object.entries({ neither: 0.28, delayed: 0.12, aborted: 0.42, both: 0.18 }))
      expect(Math.abs(seen[kind as keyof typeof seen] - share * 10_000), kind).toBeLessThan(200);
  });

  it("hits preflights, and what it answers says nothing of CORS", () => {
    const decision = decided(withRoute({ fault: ALWAYS, cors: CORS }), preflight());
    expect(decision).toMatchObject({
      code: "fault_filter_abort",
      status: 555,
      body: "fault filter abort",
      flag: "FI",
      headers: [],
      delayMs: 7_000,
    });
    const { delay } = ALWAYS;
    const delayed = decided(withRoute({ fault: { delay }, cors: CORS }), preflight());
    expect(delayed).toMatchObject({ code: "cors_preflight", delayMs: 7_000 });
  });

  it("hits no request that the destination's policies refuse", () => {
    expect(decided(withRoute({ fault: ALWAYS }, NOBODY), facts())).toMatchObject({
      code: "rbac_denied_matched_policy",
      delayMs: 0,
    });
  });

  it("hits requests for a service without endpoints", () => {
    const { delay } = ALWAYS;
    expect(decided(withRoute({ fault: ALWAYS }, OPEN, []), facts())).toMatchObject({ code: "fault_filter_abort" });
    expect(decided(withRoute({ fault: { delay } }, OPEN, []), facts())).toMatchObject({
      code: "no_endpoint",
      delayMs: 7_000,
    });
  });

  it.each([
    ["application/grpc", "application/grpc"],
    ["application/grpc+proto", "application/grpc"],
    ["application/grpc-web+proto", "application/grpc-web"],
    ["application/grpc-web-text", "application/grpc-web-text"],
  ])("answers %s as gRPC does", (type, answered) => {
    const request = facts({ method: "POST", headers: headers({ "content-type": type }) });
    const of = (abort: NonNullable<NonNullable<Route["fault"]>["abort"]>) =>
      decided(withRoute({ fault: { abort } }), request);
    expect(of({ share: 1, status: 504, grpcStatus: 4 })).toMatchObject({
      status: 200,
      body: "",
      headers: [
        ["content-type", answered],
        ["grpc-status", "4"],
        ["grpc-message", "fault filter abort"],
      ],
    });
    expect(of({ share: 1, status: 404 })).toMatchObject({
      headers: expect.arrayContaining([["grpc-status", "12"]]) as unknown,
    });
    expect(of({ share: 1, status: 555 })).toMatchObject({
      headers: expect.arrayContaining([["grpc-status", "2"]]) as unknown,
    });
  });

  it("answers a recorded request of gRPC as it answered the request", () => {
    const of = withRoute({ fault: { abort: { share: 1, status: 504 } } });
    const request = facts({ method: "POST", headers: headers({ "content-type": "application/grpc" }) });
    const decision = describeDecision(decided(of, request));
    expect(decision).toMatchObject({ status: 200 });
    expect(describeDecision(decided(of, readFacts(of, writeFacts(of, request))))).toEqual(decision);
  });

  it.each([undefined, "application/json", "application/grpcish", "text/application/grpc"])(
    "answers a request with content type %s in HTTP",
    (type) => {
      const request = facts({ headers: headers(type === undefined ? {} : { "content-type": type }) });
      const abort = { share: 1, status: 504, grpcStatus: 4 };
      expect(decided(withRoute({ fault: { abort } }), request)).toMatchObject({ status: 504, headers: [] });
    },
  );

  it("hits a route that answers by itself, which says nothing of CORS", () => {
    const redirect = { status: 302, path: "/x" } as const;
    const { delay } = ALWAYS;
    const request = facts({ headers: headers({ origin: APP }) });
    const of = (route: Partial<Route>) =>
      decided(withRoute({ destinations: [], redirect, cors: CORS, ...route }), request);
    expect(of({ fault: ALWAYS })).toMatchObject({ code: "fault_filter_abort" });
    expect(of({ fault: { delay } })).toMatchObject({ code: "redirect", delayMs: 7_000 });
    expect(of({})).toMatchObject({ code: "redirect", headers: [["location", "http://api.test/x"]] });
  });

  it.each([204, 205, 304])("answers %i without a body, as HTTP wants", (status) => {
    expect(decided(withRoute({ fault: { abort: { share: 1, status } } }), facts())).toMatchObject({ status, body: "" });
  });
});

describe("a route with mirrors", () => {
  const to = (cluster: string, share = 1) => ({ cluster, share });
  /** To `a`, with mirrors to these clusters, of which the endpoint of each has this policy set. */
  function mirrored(mirrors: Route["mirrors"], sets: Readonly<Record<string, PolicySet>>, change: Partial<Route> = {}) {
    const names = Object.keys(sets);
    return slice({
      routes: [
        {
          name: "r",
          matches: [],
          destinations: [{ cluster: "a", weight: 1 }],
          ...(mirrors && { mirrors }),
          ...change,
        },
      ],
      clusters: {
        a: cluster("a", [endpoint("EP_A", names.length)]),
        none: cluster("none", []),
        ...Object.fromEntries(names.map((name, at) => [name, cluster(name, [endpoint(`EP_${name}`, at)])])),
      },
      policySets: [...Object.values(sets), OPEN],
    });
  }
  const mirrorsOf = (decision: ReturnType<typeof decided>) =>
    describeDecision(decision).effect === "forward" && decision.effect === "forward" ? decision.mirrors : null;

  it("sends each its copy by a draw of its own", () => {
    const of = mirrored([to("b", 0.3), to("c", 0.6), to("b", 0)], { b: OPEN, c: OPEN });
    const seen: Record<string, number> = {};
    for (let seed = 0; seed < 10_000; seed += 1) {
      const drawn = mirrorsOf(decided(of, facts({ seed: Math.imul(seed, 0x9e3779b1) })));
      const names = (drawn ?? []).map((mirror) => mirror.cluster.model.id).join();
      seen[names] = (seen[names] ?? 0) + 1;
    }
    const shares = { "": 0.28, b: 0.12, c: 0.42, "b,c": 0.18 };
    expect(Object.keys(seen).toSorted()).toEqual(Object.keys(shares).toSorted());
    // Four standard deviations of a fair draw are below 200.
    for (const [names, share] of Object.entries(shares))
      expect(Math.abs((seen[names] ?? 0) - share * 10_000), names).toBeLessThan(200);
  });

  it("makes of each copy what it makes of the request", () => {
    const of = mirrored(
      [to("b")],
      { b: OPEN },
      { rewrite: { uri: "/x", authority: "b.test" }, request: { remove: ["x-a"] } },
    );
    const decision = decided(of, facts({ headers: headers({ "x-a": "1" }), query: "q" }));
    const [mirror] = mirrorsOf(decision) ?? [];
    const { cluster: _, mirrors, ...sending } = decision as Forward;
    const { cluster: at, mirrors: none, ...copy } = (mirror as Mirrored).copy as Forward;
    expect(copy).toEqual(sending);
    expect([at.model.id, mirrors.length, none]).toEqual(["b", 1, []]);
  });

  it("judges each copy by the policies of where it goes, and those say nothing of the request", () => {
    const of = mirrored([to("b"), to("c"), to("none")], { b: NOBODY, c: OPEN });
    expect(describeDecision(decided(of, facts()))).toMatchObject({
      effect: "forward",
      cluster: "a",
      mirrors: [
        { cluster: "b", refused: "rbac_denied_matched_policy" },
        { cluster: "c", refused: null },
        { cluster: "none", refused: "no_endpoint" },
      ],
    });
  });

  it("judges the path as it was rewritten", () => {
    const paths = [{ kind: "exact", value: "/admin" }] as const;
    const set: PolicySet = { ...OPEN, deny: [{ name: "default/p", rules: [{ to: [{ paths }] }] }] };
    const of = mirrored([to("b")], { b: set }, { rewrite: { uri: "/admin" } });
    expect(describeDecision(decided(of, facts({ path: "/x" })))).toMatchObject({
      mirrors: [{ refused: null }],
    });
    const whole = mirrored(
      [to("b")],
      { b: set },
      { matches: [{ uri: { kind: "exact", value: "/x" } }], rewrite: { uri: "/admin" } },
    );
    expect(describeDecision(decided(whole, facts({ path: "/x" })))).toMatchObject({
      mirrors: [{ refused: "rbac_denied_matched_policy" }],
    });
  });

  it("does not let the request wait for what only a copy's policies want to know", () => {
    const of = mirrored([to("b")], { b: { ...OPEN, jwt: [JWT] } });
    const request = facts({ headers: headers({ authorization: "Bearer t" }) });
    expect(decide(of, request)).toMatchObject({ effect: "forward", mirrors: [{ copy: { effect: "need" } }] });
    const bad = { ok: false, code: "jwt_invalid", detail: "token_signature" } as const;
    expect(describeDecision(decided(of, request, { t: bad }))).toMatchObject({
      mirrors: [{ cluster: "b", refused: "jwt_invalid" }],
    });
  });

  it("copies nothing that a fault answers, or that is a preflight", () => {
    const of = mirrored([to("b")], { b: OPEN }, { cors: CORS, fault: { abort: { share: 1, status: 503 } } });
    expect(decided(of, facts())).not.toHaveProperty("mirrors");
    expect(decided(mirrored([to("b")], { b: OPEN }, { cors: CORS }), preflight())).not.toHaveProperty("mirrors");
  });
});
