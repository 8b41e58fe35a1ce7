import { describe, expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import type { Need } from "../../src/decide/types.ts";
import { DRAW, draw } from "../../src/request/draws.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { AuthorizationPolicyModel, Front, JwtRule, PolicySet } from "../../src/snapshot/model.ts";
import { cluster, decided as asked, endpoint, facts, headers, OPEN, peer, slice } from "./requests.ts";

const policy = (name: string, rules: AuthorizationPolicyModel["rules"]): AuthorizationPolicyModel => ({ name, rules });
const allowPaths = (...paths: readonly string[]): PolicySet => ({
  ...OPEN,
  allow: [policy("default/paths", [{ to: [{ paths: paths.map((value) => ({ kind: "exact", value })) }] }])],
});
const JWT: JwtRule = {
  name: "default/jwt/0",
  issuer: "https://issuer.test",
  audiences: [],
  keys: { kind: "inline", jwks: '{"keys":[]}' },
  from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: ["access_token"], cookies: ["session"] },
  forwardOriginalToken: false,
  outputPayloadToHeader: "x-payload",
  outputClaimToHeaders: [{ header: "x-tier", claim: "tier" }],
  spaceDelimitedClaims: [],
};
const TOKEN: TokenFact = {
  ok: true,
  principal: "https://issuer.test/u",
  issuer: "https://issuer.test",
  subject: "u",
  audiences: [],
  presenter: null,
  claims: { tier: "gold" },
  spaceDelimited: [],
  rule: 0,
};
const FRONT: Front = {
  gateway: "default/front",
  workload: {
    name: "gw",
    namespace: "istio-system",
    principal: "cluster.local/ns/istio-system/sa/gw",
    app: "gw",
    version: "latest",
  },
  policySet: 0,
  clientCertificate: "none",
};

describe("decide", () => {
  it("forwards what a route takes and no policy refuses", () => {
    expect(asked(slice(), facts({ path: "/x" }))).toMatchObject({
      effect: "forward",
      path: "/x",
      refusals: null,
      bySet: null,
      requestPrincipal: null,
    });
  });

  it.each<{ name: string; of: LinkedSlice; request: RequestFacts; code: string; status: number; flag: string }>([
    { name: "without a route", of: slice({ routes: [] }), request: facts(), code: "no_route", status: 404, flag: "NR" },
    {
      name: "to a port that the service lacks",
      of: slice({ ports: [9080] }),
      request: facts(),
      code: "no_route",
      status: 404,
      flag: "NR",
    },
    {
      name: "to a cluster without endpoints",
      of: slice({ clusters: { a: cluster("a", []) } }),
      request: facts(),
      code: "no_endpoint",
      status: 503,
      flag: "UH",
    },
    {
      name: "to a service or subset that nobody defined",
      of: slice({ clusters: { a: { ...cluster("a", []), unknown: true } } }),
      request: facts(),
      code: "cluster_not_found",
      status: 503,
      flag: "NC",
    },
    {
      name: "without identity under STRICT",
      of: slice({ policySets: [{ ...OPEN, mtls: "STRICT" }] }),
      request: facts(),
      code: "mtls_required",
      status: 403,
      flag: "UAEX",
    },
    {
      name: "that no ALLOW matches",
      of: slice({ policySets: [allowPaths("/a")] }),
      request: facts({ path: "/b" }),
      code: "rbac_denied_no_allow",
      status: 403,
      flag: "UAEX",
    },
    {
      name: "that a DENY matches",
      of: slice({ policySets: [{ ...OPEN, deny: [policy("default/d", [{}])] }] }),
      request: facts(),
      code: "rbac_denied_matched_policy",
      status: 403,
      flag: "UAEX",
    },
    {
      name: "without the certificate that a Gateway requires",
      of: slice({ front: { ...FRONT, clientCertificate: "required" } }),
      request: facts(),
      code: "client_certificate_required",
      status: 403,
      flag: "UAEX",
    },
    {
      name: "of plain http where a Gateway redirects",
      of: slice({ front: { ...FRONT, httpsRedirect: true } }),
      request: facts({ path: "/a", query: "b=1" }),
      code: "https_redirect",
      status: 301,
      flag: "",
    },
  ])("refuses a call $name", ({ of, request, code, status, flag }) => {
    expect(asked(of, request)).toMatchObject({ effect: "answer", code, status, flag });
  });

  it.each([
    { path: "/service/foo/v1/api", want: "/v1/api/instance/foo" },
    { path: "/service/foo/x;v=1/y", want: "/x;v=1/y/instance/foo" },
    { path: "/service/foo/caf%c3%a9", want: "/caf%C3%A9/instance/foo" },
    { path: "/other", want: "/other" },
  ])("rewrites $path by a pattern, and makes it canonical anew", ({ path, want }) => {
    const regex = { match: "^/service/([^/]+)(/.*)$", rewrite: "\\2/instance/\\1" };
    const route = { name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }], rewrite: { regex } };
    const decision = asked(slice({ routes: [route] }), facts({ path, query: "q=1" }));
    expect(decision).toMatchObject({ effect: "forward", path: want, query: "q=1" });
  });

  it("shows the destination's policies the path that a pattern made", () => {
    const rewrite = { regex: { match: "^/pub/", rewrite: "/admin/" } };
    const of = slice({
      routes: [{ name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }], rewrite }],
      policySets: [allowPaths("/pub/x")],
    });
    expect(asked(of, facts({ path: "/pub/x" }))).toMatchObject({ code: "rbac_denied_no_allow" });
  });

  it.each([
    ["no slash", { match: "^/", rewrite: "x" }],
    ["a path that is too long", { match: "a", rewrite: "b".repeat(1_000) }],
    ["an escaped slash", { match: "a", rewrite: "%2f" }],
  ])("refuses what a pattern gives %s", (_, regex) => {
    const route = { name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }], rewrite: { regex } };
    const request = facts({ path: `/${"a".repeat(20)}` });
    expect(asked(slice({ routes: [route] }), request)).toMatchObject({ code: "path_refused", status: 400 });
  });

  it("redirects to the same path and query", () => {
    const decision = asked(slice({ front: { ...FRONT, httpsRedirect: true } }), facts({ path: "/a", query: "b=1" }));
    expect(decision).toMatchObject({ headers: [["location", "https://api.test/a?b=1"]] });
  });

  it("serves the same caller with identity under STRICT, and a browser that came by a Gateway", () => {
    const strict = {
      policySets: [OPEN, { ...OPEN, mtls: "STRICT" as const }],
      clusters: { a: cluster("a", [endpoint("EP_A", 1)]) },
    };
    expect(asked(slice(strict), facts({ peer: peer("web") })).effect).toBe("forward");
    expect(asked(slice({ ...strict, front: FRONT }), facts()).effect).toBe("forward");
  });

  it("shows a Gateway's policies the public peer, and the destination's the Gateway", () => {
    const principals = (value: string): PolicySet => ({
      ...OPEN,
      allow: [policy("p", [{ from: [{ principals: [{ kind: "exact", value }] }] }])],
    });
    const of = (front: PolicySet, destination: PolicySet) =>
      slice({ front: FRONT, policySets: [front, destination], clusters: { a: cluster("a", [endpoint("EP_A", 1)]) } });
    const web = peer("web");
    const gateway = principals("cluster.local/ns/istio-system/sa/gw");
    const caller = principals("cluster.local/ns/default/sa/web");
    expect(asked(of(caller, gateway), facts({ peer: web })).effect).toBe("forward");
    expect(asked(of(caller, gateway), facts()).effect).toBe("answer");
    expect(asked(of(OPEN, caller), facts({ peer: web })).effect).toBe("answer");
  });

  it("gives a verdict for each endpoint by its own policies", () => {
    const decision = asked(
      slice({
        policySets: [allowPaths("/a"), OPEN],
        clusters: { a: cluster("a", [endpoint("EP_A", 0), endpoint("EP_B", 1)]) },
      }),
      facts({ path: "/b" }),
    );
    expect(decision).toMatchObject({ effect: "forward" });
    expect(decision.effect === "forward" && [...(decision.refusals?.keys() ?? [])]).toEqual([0]);
  });

  it("judges the Host that will be sent", () => {
    const denied = policy("default/host", [
      { when: [{ key: { kind: "header", name: "host" }, values: [{ kind: "exact", value: "inner.test" }] }] },
    ]);
    const rewriting = (set: PolicySet) =>
      slice({
        routes: [
          {
            name: "r",
            matches: [],
            destinations: [{ cluster: "a", weight: 1 }],
            rewrite: { authority: "Inner.test" },
          },
        ],
        policySets: [set],
      });
    const request = facts({ headers: headers({ host: "api.test" }) });
    expect(asked(rewriting({ ...OPEN, deny: [denied] }), request)).toMatchObject({
      code: "rbac_denied_matched_policy",
    });
    expect(asked(rewriting(OPEN), request)).toMatchObject({ effect: "forward", headers: { host: "inner.test" } });
  });

  it("judges the path that will be sent, and never one that a rewrite makes ambiguous", () => {
    const rewritten = (uri: string, prefix = "/x") =>
      slice({
        routes: [
          {
            name: "r",
            matches: [{ uri: { kind: "prefix", value: prefix } }],
            rewrite: { uri },
            destinations: [{ cluster: "a", weight: 1 }],
          },
        ],
        policySets: [allowPaths("/y/1")],
      });
    expect(asked(rewritten("/y"), facts({ path: "/x/1" }))).toMatchObject({ effect: "forward", path: "/y/1" });
    expect(asked(rewritten("/z"), facts({ path: "/x/1" }))).toMatchObject({ code: "rbac_denied_no_allow" });
    // `/x` + `./y/1` is `/y/1` only to those who resolve dots again.
    expect(asked(rewritten("/secret/", "/x"), facts({ path: "/x../y/1" }))).toMatchObject({
      effect: "forward",
      path: "/y/1",
    });
  });

  it("splits by weight, in the order of the destinations", () => {
    const of = slice({
      routes: [
        {
          name: "r",
          matches: [],
          destinations: [
            { cluster: "a", weight: 90 },
            { cluster: "b", weight: 10 },
            { cluster: "c", weight: 0 },
          ],
        },
      ],
      clusters: Object.fromEntries(["a", "b", "c"].map((id) => [id, cluster(id, [endpoint(id)])])),
    });
    for (let seed = 0; seed < 1_000; seed += 1) {
      const drawn = draw(seed, DRAW.destination, 0);
      expect(asked(of, facts({ seed })).cluster?.model.id).toBe(drawn < 0.9 ? "a" : "b");
    }
  });

  it("denies where deciding throws", () => {
    const broken = { ...slice(), policySets: [] };
    expect(asked(broken, facts())).toMatchObject({ effect: "answer", code: "decision_failed", status: 403 });
  });
});

const tokensOf = (needs: Need["needs"]) =>
  needs.map((need) => (need.kind === "token" ? need.token : need.kind === "api_key" ? need.header : need.key));

describe("decide on tokens", () => {
  const withJwt = slice({ policySets: [{ ...OPEN, jwt: [JWT] }] });
  const bearer = (token: string) => headers({ authorization: `Bearer ${token}` });

  it("names the token that must be verified, once for each place that rules read", () => {
    const decision = decide(withJwt, facts({ headers: bearer("t"), query: "access_token=u" }));
    expect(decision.effect === "need" && tokensOf(decision.needs)).toEqual(["t", "u"]);
  });

  it("takes a verified token out, and puts its claims into headers that a client cannot fill", () => {
    const decision = asked(withJwt, facts({ headers: bearer("t") }), { t: TOKEN });
    expect(decision).toMatchObject({ effect: "forward", requestPrincipal: "https://issuer.test/u" });
    const changes = decision.effect === "forward" ? decision.bySet?.get(0) : null;
    expect(changes).toEqual(
      expect.arrayContaining([
        { op: "remove", name: "authorization" },
        { op: "set-payload", name: "x-payload", place: 0 },
        { op: "set", name: "x-tier", value: "gold" },
      ]),
    );
    const none = asked(withJwt, facts({ headers: headers({ "x-tier": "gold" }) }));
    expect(none.effect === "forward" && none.bySet?.get(0)).toContainEqual({ op: "remove", name: "x-tier" });
  });

  it("judges a header that a token fills by what the token says, never by what the client wrote there", () => {
    const gold: AuthorizationPolicyModel = policy("default/gold", [
      { when: [{ key: { kind: "header", name: "x-tier" }, values: [{ kind: "exact", value: "gold" }] }] },
    ]);
    const forged = headers({ "x-tier": "gold" });
    const only = slice({ policySets: [{ ...OPEN, jwt: [JWT], allow: [gold] }] });
    expect(asked(only, facts({ headers: forged }))).toMatchObject({ code: "rbac_denied_no_allow" });
    expect(asked(only, facts({ headers: bearer("t") }), { t: TOKEN }).effect).toBe("forward");
    const never = slice({ policySets: [{ ...OPEN, jwt: [JWT], deny: [gold] }] });
    const silver = headers({ authorization: "Bearer t", "x-tier": "silver" });
    expect(asked(never, facts({ headers: silver }), { t: TOKEN })).toMatchObject({
      code: "rbac_denied_matched_policy",
    });
    const atGateway = slice({ policySets: [{ ...OPEN, jwt: [JWT], allow: [gold] }, OPEN], front: FRONT });
    expect(asked(atGateway, facts({ headers: forged }))).toMatchObject({ code: "rbac_denied_no_allow" });
  });

  it.each(["access_token=t&access_token=u", "access_token=t&a=1&access%5Ftoken=u"])(
    "judges all that stands under a parameter's name, since a service may read any of them: %s",
    (query) => {
      const decision = decide(withJwt, facts({ query }));
      expect(decision.effect === "need" && tokensOf(decision.needs)).toEqual(["t, u"]);
    },
  );

  it("takes a token out of the query and out of the cookies", () => {
    const query = asked(withJwt, facts({ query: "a=1&access_token=t" }), { t: TOKEN });
    expect(query).toMatchObject({ query: "a=1" });
    const cookie = asked(withJwt, facts({ headers: headers({ cookie: "a=1; session=t" }) }), { t: TOKEN });
    expect(cookie.effect === "forward" && cookie.bySet?.get(0)).toContainEqual({
      op: "remove-cookie",
      name: "session",
    });
  });

  it.each(['a="; session=t; b="', 'a="x, session=t', 'session=t; a="'])(
    "finds a token in a cookie as a service does that knows no quotes: %s",
    (cookie) => {
      const bad: TokenFact = { ok: false, code: "jwt_invalid", detail: "" };
      expect(asked(withJwt, facts({ headers: headers({ cookie }) }), { t: bad })).toMatchObject({ status: 401 });
    },
  );

  it.each([
    { code: "jwt_invalid", status: 401 },
    { code: "jwt_audience", status: 403 },
    { code: "jwks_unavailable", status: 401 },
  ] as const)("answers $status to a token that is $code, though none is needed", ({ code, status }) => {
    const bad: TokenFact = { ok: false, code, detail: "" };
    const decision = asked(withJwt, facts({ headers: bearer("t") }), { t: bad });
    expect(decision).toMatchObject({ effect: "answer", code, status });
    const challenge = decision.effect === "answer" && decision.headers[0]?.[0];
    expect(challenge).toBe(status === 401 ? "www-authenticate" : undefined);
  });

  it("refuses one bad token beside a good one", () => {
    const tokens = { t: TOKEN, u: { ok: false, code: "jwt_invalid", detail: "" } as const };
    expect(asked(withJwt, facts({ headers: bearer("t"), query: "access_token=u" }), tokens)).toMatchObject({
      effect: "answer",
      status: 401,
    });
  });

  describe("that a rule asks for", () => {
    const asking = (change: Partial<JwtRule>): JwtRule => ({ ...JWT, required: true, ...change });
    const at = (name: string) => ({ headers: [{ name, prefix: "" }], params: [], cookies: [] });
    const of = (...jwt: JwtRule[]) => slice({ policySets: [{ ...OPEN, jwt }] });
    const second = asking({ name: "default/jwt/1", issuer: "https://scope.test", from: at("x-scope") });
    const both = { t: TOKEN, u: { ...TOKEN, issuer: "https://scope.test" } };
    const bad = { u: { ok: false, code: "jwt_invalid", detail: "" } as const };
    const sent = (t: boolean, u: boolean) =>
      facts({ headers: headers({ ...(t && { authorization: "Bearer t" }), ...(u && { "x-scope": "u" }) }) });

    it.each<{ name: string; rules: JwtRule[]; t?: true; u?: true; code: string | null }>([
      { name: "none", rules: [asking({})], code: "jwt_missing" },
      { name: "its own", rules: [asking({})], t: true, code: null },
      {
        name: "another's at another place",
        rules: [asking({}), { ...second, required: undefined as never }],
        u: true,
        code: "jwt_missing",
      },
      { name: "one of two", rules: [asking({}), second], t: true, code: "jwt_missing" },
      { name: "the other of two", rules: [asking({}), second], u: true, code: "jwt_missing" },
      { name: "both", rules: [asking({}), second], t: true, u: true, code: null },
      { name: "the one, where the other is optional", rules: [JWT, second], u: true, code: null },
      { name: "the optional one alone", rules: [JWT, second], t: true, code: "jwt_missing" },
    ])("with $name: $code", ({ rules, t, u, code }) => {
      const decision = asked(of(...rules), sent(t === true, u === true), both);
      expect(decision.effect === "answer" ? decision.code : null).toBe(code);
    });

    it("is 401 where it is not there, and no error is told of it", () => {
      expect(asked(of(asking({})), facts({ path: "/a" }))).toMatchObject({
        status: 401,
        body: "Jwt verification fails",
        policy: "default/jwt/0",
        headers: [["www-authenticate", 'Bearer realm="http://api.test/a"']],
      });
    });

    it("must be good, and each that is there, as ever", () => {
      expect(asked(of(JWT, second), sent(true, true), { t: TOKEN, ...bad })).toMatchObject({ code: "jwt_invalid" });
      expect(
        asked(of(asking({}), { ...second, required: undefined as never }), sent(true, true), { t: TOKEN, ...bad }),
      ).toMatchObject({
        code: "jwt_invalid",
      });
    });

    it("counts for each rule by itself, where one place has several", () => {
      const twice = of(
        asking({}),
        asking({ name: "default/jwt/1", audiences: ["x"], outputPayloadToHeader: "x-second" }),
      );
      expect(asked(twice, sent(true, false), { t: TOKEN })).toMatchObject({
        code: "jwt_missing",
        policy: "default/jwt/1",
      });
      const decision = asked(twice, sent(true, false), { t: { ...TOKEN, alsoBy: [1] } });
      const changes = decision.effect === "forward" ? decision.bySet?.get(0) : null;
      expect(changes).toContainEqual({ op: "set-payload", name: "x-payload", place: 0 });
      expect(changes).toContainEqual({ op: "set-payload", name: "x-second", place: 0 });
    });

    it("is not asked of a CORS preflight", () => {
      const preflight = headers({ origin: "https://a.test", "access-control-request-method": "GET" });
      expect(asked(of(asking({})), facts({ method: "OPTIONS", headers: preflight })).effect).toBe("forward");
    });

    it("must be there still at the destination: a Gateway that took it out took it away", () => {
      const rules = { ...OPEN, jwt: [asking({})] };
      const twice = slice({ policySets: [rules], front: FRONT });
      expect(asked(twice, facts({ headers: bearer("t") }), { t: TOKEN })).toMatchObject({ code: "jwt_missing" });
      const kept = slice({ policySets: [{ ...rules, jwt: [asking({ forwardOriginalToken: true })] }], front: FRONT });
      expect(asked(kept, facts({ headers: bearer("t") }), { t: TOKEN }).effect).toBe("forward");
    });
  });

  it.each<{ name: string; value: unknown; header: string | null }>([
    { name: "a whole number", value: 7, header: "7" },
    { name: "a boolean", value: false, header: "false" },
    { name: "a text", value: "gold", header: "gold" },
    { name: "an empty text", value: "", header: null },
    { name: "a number that is not exact here", value: 2 ** 53, header: null },
    { name: "a fraction", value: 1.5, header: null },
    { name: "a list", value: ["gold"], header: null },
    { name: "an object", value: { a: 1 }, header: null },
    { name: "null", value: null, header: null },
    { name: "a line break", value: "a\nb: c", header: null },
    { name: "characters of more bytes", value: "\u4e2d", header: null },
  ])("fills a header from a claim that is $name: $header", ({ value, header }) => {
    const decision = asked(withJwt, facts({ headers: bearer("t") }), { t: { ...TOKEN, claims: { tier: value } } });
    const changes = decision.effect === "forward" ? (decision.bySet?.get(0) ?? []) : [];
    const set = changes.filter(({ op, name }) => op === "set" && name === "x-tier");
    expect(set).toEqual(header === null ? [] : [{ op: "set", name: "x-tier", value: header }]);
  });

  it.each(["session=t; session=u", "session=t; a=b; session=u", "session=t, session=u"])(
    "judges all cookies of a name, since a service may read any of them: %s",
    (cookie) => {
      const decision = decide(withJwt, facts({ headers: headers({ cookie }) }));
      expect(decision.effect === "need" && tokensOf(decision.needs)).toEqual(["t, u"]);
    },
  );

  it("asks for no token of a CORS preflight", () => {
    const preflight = headers({
      authorization: "Bearer t",
      origin: "https://a.test",
      "access-control-request-method": "GET",
    });
    expect(decide(withJwt, facts({ method: "OPTIONS", headers: preflight })).effect).toBe("forward");
  });

  it("tells a peer no more than the realm", () => {
    const bad: TokenFact = { ok: false, code: "jwt_invalid", detail: "token_expired" };
    const decision = asked(withJwt, facts({ path: '/a"b', headers: bearer("t") }), { t: bad });
    expect(decision).toMatchObject({
      body: "Jwt verification fails",
      headers: [["www-authenticate", 'Bearer realm="http://api.test/ab", error="invalid_token"']],
    });
  });
});
