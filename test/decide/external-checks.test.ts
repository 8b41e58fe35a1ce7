import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import { type Step, traceInto } from "../../src/decide/steps.ts";
import type { Decision } from "../../src/decide/types.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import type { CheckFact } from "../../src/request/check-fact.ts";
import { dropAliases } from "../../src/request/headers.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type {
  AuthorizationRule,
  CustomPolicyModel,
  ExternalAuthorizer,
  Front,
  HeaderNames,
  JwtRule,
  PolicySet,
  Slice,
} from "../../src/snapshot/model.ts";
import { cluster, endpoint, facts, headers, OPEN, slice } from "./requests.ts";

const everything: readonly AuthorizationRule[] = [{}];
const custom = (provider: string, rules = everything): CustomPolicyModel => ({
  name: `shop/ask-${provider}`,
  provider,
  rules,
});
const exact = (value: string) => ({ kind: "exact", value }) as const;
const opa: ExternalAuthorizer = { cluster: "opa", timeoutMs: 1_000, toService: [exact("x-user")] };
const FRONT: Front = {
  gateway: "shop/gate",
  workload: { name: "gate", namespace: "shop", principal: null, app: "gate", version: "v1" },
  policySet: 0,
  clientCertificate: "none",
};

function guarded(set: Partial<PolicySet>, change: Partial<Slice> = {}): LinkedSlice {
  return slice({
    policySets: [{ ...OPEN, ...set }],
    clusters: { a: cluster("a", [endpoint("EP_A")]), opa: cluster("opa", [endpoint("EP_OPA", 0)]) },
    authorizers: { opa, second: { ...opa, toService: [exact("x-plan")] } },
    ...change,
  });
}

const allowed = (toService: Readonly<Record<string, string>> = {}): CheckFact => ({
  verdict: "allowed",
  toService: headers(toService),
  toClient: [],
});
const denied: CheckFact = { verdict: "denied", status: 302, headers: [["location", "https://login.test"]], body: "go" };
const failed: CheckFact = { verdict: "failed", reason: "timeout" };

interface Settled {
  readonly decision: Decision;
  readonly facts: RequestFacts;
  /** Who was asked, in order, with the headers of the request then. */
  readonly asked: readonly (readonly [key: string, facts: RequestFacts])[];
}

/** Decides with these answers, by provider, as often as somebody must be asked. */
function settle(
  of: LinkedSlice,
  request: RequestFacts,
  answers: Readonly<Record<string, CheckFact>>,
  tokens: Readonly<Record<string, TokenFact>> = {},
): Settled {
  const checks = new Map<string, CheckFact>();
  const known: (TokenFact | null | undefined)[] = [];
  const asked: (readonly [string, RequestFacts])[] = [];
  for (;;) {
    const whole = { ...request, tokens: known, checks };
    const decision = decide(of, whole);
    if (decision.effect !== "need") return { decision, facts: whole, asked };
    for (const need of decision.needs) {
      if (need.kind === "token") known[need.place.index] = tokens[need.token] ?? bad;
      else if (need.kind === "ext_authz") {
        asked.push([need.key, need.facts]);
        checks.set(need.key, answers[need.authorizer.name] ?? failed);
      }
    }
  }
}

const bad: TokenFact = { ok: false, code: "jwt_invalid", detail: "token_signature" };

const outcome = (of: LinkedSlice, request: RequestFacts, answers: Readonly<Record<string, CheckFact>>) =>
  settle(of, request, answers).decision;

const changes = (decision: Decision) => (decision.effect === "forward" ? decision.bySet?.get(0) : null);

describe("a CUSTOM policy", () => {
  const of = guarded({ custom: [custom("opa", [{ to: [{ paths: [exact("/admin")] }] }])] });

  it("asks its provider about what it matches, once", () => {
    const { decision, asked } = settle(of, facts({ path: "/admin" }), { opa: allowed() });
    expect(decision.effect).toBe("forward");
    expect(asked.map(([key]) => key)).toEqual(['["destination","opa"]']);
  });

  it("asks nobody about the rest", () => {
    expect(settle(of, facts({ path: "/" }), {}).asked).toEqual([]);
  });

  it("gives the client what the provider says where that refuses", () => {
    expect(outcome(of, facts({ path: "/admin" }), { opa: denied })).toMatchObject({
      code: "ext_authz_denied",
      status: 302,
      body: "go",
      flag: "UAEX",
      policy: "shop/ask-opa",
      headers: [["location", "https://login.test", expect.any(String)]],
    });
  });

  it.each([
    { name: "is 403 where it cannot be asked", change: {}, want: { code: "ext_authz_error", status: 403, body: "" } },
    { name: "has the status of its settings then", change: { statusOnError: 503 }, want: { status: 503 } },
    { name: "passes where it shall fail open", change: { failOpen: true as const }, want: { effect: "forward" } },
  ])("$name", ({ change, want }) => {
    const lax = guarded({ custom: [custom("opa")] }, { authorizers: { opa: { ...opa, ...change } } });
    expect(outcome(lax, facts(), { opa: failed })).toMatchObject(want);
  });

  it("refuses what it matches where nobody knows its provider, and nothing else", () => {
    const nobody = guarded({ custom: [custom("gone", [{ to: [{ paths: [exact("/admin")] }] }])] });
    expect(outcome(nobody, facts({ path: "/admin" }), {})).toMatchObject({
      code: "ext_authz_error",
      status: 403,
      policy: "shop/ask-gone",
    });
    expect(outcome(nobody, facts(), {}).effect).toBe("forward");
  });

  it("asks nobody where its namespace observes, and believes nothing that only the provider may say", () => {
    const observing = guarded({ custom: [custom("opa")], observe: true });
    const { decision, asked } = settle(observing, facts({ headers: headers({ "x-user": "ann" }) }), {});
    expect(asked).toEqual([]);
    expect(decision.effect === "forward" && decision.bySet?.get(0)).toEqual([{ op: "remove", name: "x-user" }]);
    expect(decision.notes).toMatchObject([{ action: "CUSTOM", result: "asked", policy: "shop/ask-opa" }]);
  });

  it("comes before DENY and ALLOW, which hold all the same", () => {
    const never = { name: "shop/never", rules: everything };
    const both = guarded({ custom: [custom("opa")], deny: [never] });
    expect(outcome(both, facts(), { opa: denied })).toMatchObject({ code: "ext_authz_denied" });
    expect(outcome(both, facts(), { opa: allowed() })).toMatchObject({ code: "rbac_denied_matched_policy" });
  });

  it("is not asked for who is refused under STRICT", () => {
    const strict = guarded({ custom: [custom("opa")], mtls: "STRICT" });
    expect(settle(strict, facts(), {})).toMatchObject({ asked: [], decision: { code: "mtls_required" } });
  });

  it("answers a preflight that the route's CORS policy answers, as an ALLOW does", () => {
    const route = {
      name: "r",
      matches: [],
      destinations: [{ cluster: "a", weight: 1 }],
      cors: { origins: [exact("https://app.test")], methods: "GET", unmatched: "FORWARD" as const },
    };
    const preflight = facts({
      method: "OPTIONS",
      headers: headers({ origin: "https://app.test", "access-control-request-method": "GET" }),
    });
    const pages = guarded({ custom: [custom("opa")] }, { routes: [route] });
    expect(outcome(pages, preflight, { opa: denied })).toMatchObject({ code: "cors_preflight" });
  });
});

describe("several providers", () => {
  const of = guarded({ custom: [custom("second"), custom("opa")] });

  it("are asked in the order of their names, each about what those before it have made of the request", () => {
    const { decision, asked } = settle(of, facts(), { opa: allowed({ "x-user": "ann" }), second: allowed() });
    expect(decision.effect).toBe("forward");
    expect(asked.map(([key, { headers: sent }]) => [key, sent["x-user"]])).toEqual([
      ['["destination","opa"]', undefined],
      ['["destination","opa","second"]', "ann"],
    ]);
  });

  it("must each let it pass; after a refusal nobody is asked", () => {
    expect(settle(of, facts(), { opa: denied }).asked).toHaveLength(1);
    expect(outcome(of, facts(), { opa: allowed(), second: denied })).toMatchObject({ policy: "shop/ask-second" });
  });
});

describe("headers that a provider sets", () => {
  const of = guarded({
    custom: [custom("opa", [{ to: [{ paths: [exact("/admin")] }] }])],
    allow: [
      {
        name: "shop/ann",
        rules: [
          { to: [{ paths: [exact("/public")] }] },
          { when: [{ key: { kind: "header", name: "x-user" }, values: [exact("ann")] }] },
        ],
      },
    ],
  });
  const forged = headers({ "x-user": "ann" });
  it("go to the service, and are what the policies after it see", () => {
    const decision = outcome(of, facts({ path: "/admin" }), { opa: allowed({ "x-user": "ann" }) });
    expect(changes(decision)).toEqual([{ op: "set", name: "x-user", value: "ann", template: "(ext_authz)" }]);
    expect(outcome(of, facts({ path: "/admin" }), { opa: allowed({ "x-user": "bob" }) })).toMatchObject({
      code: "rbac_denied_no_allow",
    });
  });

  it("are never the client's own: neither where the provider says nothing, nor where it fails open, nor where nobody asks", () => {
    const admin = facts({ path: "/admin", headers: forged });
    expect(outcome(of, admin, { opa: allowed() })).toMatchObject({ code: "rbac_denied_no_allow" });
    const open = guarded({ custom: [custom("opa")] }, { authorizers: { opa: { ...opa, failOpen: true } } });
    expect(changes(outcome(open, admin, { opa: failed }))).toEqual([{ op: "remove", name: "x-user" }]);
    const unasked = outcome(of, facts({ path: "/public", headers: forged }), {});
    expect(changes(unasked)).toEqual([{ op: "remove", name: "x-user" }]);
  });

  it("are not to be had by another spelling, of a name or of a pattern (R9)", () => {
    expect(of.headers.names).toContain("x-user");
    const pattern = guarded(
      { custom: [custom("opa")] },
      { authorizers: { opa: { ...opa, toService: [{ kind: "prefix", value: "remote-" }] } } },
    );
    const spelt = facts({ headers: headers({ remote_user: "ann", "remote-group": "a", "x-remote-user": "b" }) });
    const decision = outcome(pattern, spelt, { opa: allowed({ "remote-user": "bob" }) });
    expect(changes(decision)).toEqual([
      { op: "remove", name: "remote_user" },
      { op: "remove", name: "remote-group" },
      { op: "set", name: "remote-user", value: "bob", template: "(ext_authz)" },
    ]);
  });

  it.each([
    { pattern: { kind: "prefix", value: "remote_" }, filled: "remote_user" },
    { pattern: { kind: "suffix", value: ".user" }, filled: "remote.user" },
  ] as const)("by the pattern $pattern.value are taken from a client in every spelling", ({ pattern, filled }) => {
    const of = guarded({ custom: [custom("opa")] }, { authorizers: { opa: { ...opa, toService: [pattern] } } });
    const sent = { "remote-user": "admin", remote_user: "admin", "remote.user": "admin", remote: "r", user: "u" };
    const decision = outcome(of, facts({ headers: headers(sent) }), { opa: allowed({ [filled]: "bob" }) });
    const kept = Object.keys(decision.effect === "forward" ? sent : {}).filter(
      (name) => !(changes(decision) ?? []).some((change) => change.op === "remove" && change.name === name),
    );
    expect(new Set(kept)).toEqual(new Set([filled, "remote", "user"]));
  });

  it("leave the client its credentials, which prove themselves", () => {
    const bearer = guarded(
      { custom: [custom("opa")] },
      { authorizers: { opa: { ...opa, toService: [exact("authorization")] } } },
    );
    const own = facts({ headers: headers({ authorization: "Bearer own" }) });
    expect(changes(outcome(bearer, own, { opa: allowed() }))).toBeUndefined();
    expect(changes(outcome(bearer, own, { opa: allowed({ authorization: "Bearer new" }) }))).toMatchObject([
      { op: "set", name: "authorization", value: "Bearer new" },
    ]);
  });

  it("choose the route, where a Gateway's provider sets them", () => {
    const routes = ["beta", ""].map((plan) => ({
      name: plan === "" ? "all" : plan,
      matches: plan === "" ? [] : [{ headers: [{ name: "x-user", match: exact(plan) }] }],
      destinations: [{ cluster: "a", weight: 1 }],
    }));
    const gate = guarded(
      { custom: [custom("opa")] },
      {
        front: FRONT,
        routes,
        policySets: [{ ...OPEN, custom: [custom("opa")] }, OPEN],
        clusters: { a: cluster("a", [endpoint("EP_A", 1)]), opa: cluster("opa", [endpoint("EP_OPA", 1)]) },
      },
    );
    const came = facts({ entrance: "public" });
    const decision = outcome(gate, came, { opa: allowed({ "x-user": "beta" }) });
    expect(decision.effect === "forward" && [decision.route.model.name, decision.headers["x-user"]]).toEqual([
      "beta",
      "beta",
    ]);
    expect(outcome(gate, came, { opa: allowed() }).route?.model.name).toBe("all");
  });
});

describe("headers that a provider takes away", () => {
  const taking = (...removed: string[]): CheckFact => ({ ...allowed({ "x-user": "ann" }), removed }) as CheckFact;
  const sent = headers({ authorization: "Basic secret", "x-session": "s1", x_session: "s2", "x-other": "o" });
  const of = guarded({ custom: [custom("opa"), custom("second")] });

  it("are not the service's, however they are spelt, nor what a later provider sees", () => {
    const { decision, asked } = settle(of, facts({ headers: sent }), {
      opa: taking("authorization", "x-session"),
      second: allowed(),
    });
    expect(changes(decision)).toEqual([
      { op: "set", name: "x-user", value: "ann", template: "(ext_authz)" },
      { op: "remove", name: "authorization" },
      { op: "remove", name: "x-session" },
      { op: "remove", name: "x_session" },
    ]);
    const later = asked[1]?.[1].headers;
    expect([later?.["authorization"], later?.["x-session"], later?.["x-other"]]).toEqual([undefined, undefined, "o"]);
  });

  it("go last: what it has set itself is taken away, too", () => {
    expect(changes(outcome(of, facts({ headers: sent }), { opa: taking("x-user"), second: allowed() }))).toEqual([
      { op: "set", name: "x-user", value: "ann", template: "(ext_authz)" },
      { op: "remove", name: "x-user" },
    ]);
  });

  it("hold no token for the rules behind it", () => {
    const jwt = guarded({ custom: [custom("opa")], jwt: [JWT] });
    const client = facts({ headers: headers({ authorization: "Bearer forged" }) });
    expect(outcome(jwt, client, { opa: allowed() })).toMatchObject({ code: "jwt_invalid" });
    expect(outcome(jwt, client, { opa: taking("authorization") })).toMatchObject({ effect: "forward" });
  });

  it("are written down by name alone, and replayed", () => {
    const { facts: whole, decision } = settle(of, facts({ headers: sent }), {
      opa: taking("authorization"),
      second: allowed(),
    });
    const written = writeFacts(of, whole);
    expect(written.checks?.['["destination","opa"]']).toMatchObject({ removed: ["authorization"] });
    expect(decide(of, readFacts(of, written)).effect).toBe(decision.effect);
  });
});

const JWT: JwtRule = {
  name: "shop/jwt/0",
  issuer: "https://issuer.test",
  audiences: [],
  keys: { kind: "inline", jwks: '{"keys":[]}' },
  from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: [], cookies: [] },
  forwardOriginalToken: true,
  outputClaimToHeaders: [],
  spaceDelimitedClaims: [],
};

describe("headers that a provider is told", () => {
  const told = (changes: Partial<ExternalAuthorizer>) =>
    guarded({ custom: [custom("opa")] }, { authorizers: { opa: { ...opa, ...changes } } });
  const left = (of: LinkedSlice, sent: Readonly<Record<string, string>>) => {
    const kept = headers(sent);
    dropAliases(
      kept,
      Object.keys(kept).filter((name) => /[._]/.test(name)),
      of.headers,
    );
    return Object.keys(kept);
  };
  const sent = { "x-role": "user", x_role: "admin", "x.role": "admin", x_other: "o", "x-other": "o" };

  it("come in the one spelling that it was told: a service could read another that it was not (R9)", () => {
    expect(left(told({ told: [exact("x-role")] }), sent)).toEqual(["x-role", "x_other", "x-other"]);
    expect(left(told({ added: [["x-asked", "%REQ(x-role)% %REQ(:path)%"]] }), sent)).toEqual([
      "x-role",
      "x_other",
      "x-other",
    ]);
    expect(left(told({ told: [{ kind: "prefix", value: "x-r" }] }), sent)).toEqual(["x-role", "x_other", "x-other"]);
    expect(left(told({ told: [{ kind: "suffix", value: "role" }] }), sent)).toEqual(["x-role", "x_other", "x-other"]);
    expect(left(told({ told: [exact("x_role")] }), sent)).toEqual(["x_role", "x_other", "x-other"]);
    expect(left(told({ told: [{ kind: "prefix", value: "x_r" }] }), sent)).toEqual(["x_role", "x_other", "x-other"]);
    expect(left(told({ told: [{ kind: "suffix", value: ".role" }] }), sent)).toEqual(["x.role", "x_other", "x-other"]);
    expect(left(told({}), sent)).toEqual(Object.keys(sent));
  });

  it("by patterns of two providers that spell it differently go on in none: each would miss the other's", () => {
    const two = (first: HeaderNames, second: HeaderNames) =>
      guarded(
        { custom: [custom("opa"), custom("second")] },
        { authorizers: { opa: { ...opa, told: first }, second: { ...opa, told: second } } },
      );
    const came = { "x-user-id": "admin", x_user_id: "bob", "x-other": "u", user_id: "i" };
    const dashed: HeaderNames = [{ kind: "prefix", value: "x-" }];
    const own: HeaderNames = [{ kind: "suffix", value: "_id" }];
    expect(left(two(dashed, own), came)).toEqual(["x-other", "user_id"]);
    expect(left(two([...dashed, { kind: "prefix", value: "x_" }], own), came)).toEqual([
      "x_user_id",
      "x-other",
      "user_id",
    ]);
    expect(left(two([{ kind: "prefix", value: "" }], [{ kind: "prefix", value: "x_" }]), came)).toEqual(["x_user_id"]);
  });

  it("by a pattern come in one spelling each, whatever the pattern's own: with its own separator", () => {
    const name = fc
      .array(fc.constantFrom("x", "y", "-", "_", "."), { minLength: 1, maxLength: 5 })
      .map((all) => all.join(""));
    const fold = (text: string): string => text.replace(/[._]/g, "-");
    fc.assert(
      fc.property(name, fc.constantFrom("prefix", "suffix"), fc.array(name), (value, kind, names) => {
        const came = Object.fromEntries(names.map((one) => [one, "v"]));
        const kept = left(told({ told: [{ kind, value }] }), came);
        const covers = (one: string, whole: string) =>
          kind === "prefix" ? one.startsWith(whole) : one.endsWith(whole);
        const isMeant = (one: string) => covers(fold(one), fold(value));
        // None is kept that the provider was not told of, none twice, and no other is lost.
        expect(kept.filter((one) => isMeant(one) && !covers(one, value))).toEqual([]);
        expect(new Set(kept.filter(isMeant).map(fold)).size).toBe(kept.filter(isMeant).length);
        expect(kept.filter((one) => !isMeant(one))).toEqual(Object.keys(came).filter((one) => !isMeant(one)));
      }),
    );
  });

  it("are in no record for that: they may be secrets", () => {
    const of = told({ told: [exact("x-session")] });
    const { facts: whole } = settle(of, facts({ headers: headers({ "x-session": "secret-1" }) }), { opa: allowed() });
    expect(JSON.stringify(writeFacts(of, whole))).not.toContain("secret-1");
  });
});

describe("a token that a provider brings", () => {
  const of = guarded(
    { custom: [custom("opa")], jwt: [JWT] },
    { authorizers: { opa: { ...opa, toService: [{ kind: "prefix", value: "auth" }] } } },
  );

  it("is the one that is verified", () => {
    expect(of.places.map(({ stable }) => stable)).toEqual([false]);
    const client = facts({ headers: headers({ authorization: "Bearer forged" }) });
    const good: TokenFact = {
      ok: true,
      principal: "https://issuer.test/ann",
      issuer: "https://issuer.test",
      subject: "ann",
      audiences: [],
      presenter: null,
      claims: {},
      spaceDelimited: [],
      rule: 0,
    };
    const answers = { opa: allowed({ authorization: "Bearer session" }) };
    expect(settle(of, client, answers, { session: good }).decision).toMatchObject({
      effect: "forward",
      requestPrincipal: "https://issuer.test/ann",
    });
    expect(settle(of, client, { opa: allowed() }, { session: good }).decision).toMatchObject({ code: "jwt_invalid" });
  });
});

describe("one question a place", () => {
  it("is enough for endpoints with other policies, and for copies", () => {
    const of = slice({
      routes: [
        {
          name: "r",
          matches: [],
          destinations: [{ cluster: "a", weight: 1 }],
          mirrors: [{ cluster: "b", share: 1 }],
        },
      ],
      clusters: {
        a: cluster("a", [endpoint("EP_A", 0), endpoint("EP_B", 1)]),
        b: cluster("b", [endpoint("EP_C", 1)]),
        opa: cluster("opa", [endpoint("EP_OPA", 2)]),
      },
      policySets: [
        { ...OPEN, custom: [custom("opa")] },
        { ...OPEN, custom: [custom("opa")], audit: [{ name: "shop/watch", rules: everything }] },
        OPEN,
      ],
      authorizers: { opa },
    });
    const { decision, facts: settled } = settle(of, facts(), { opa: allowed() });
    expect(decision.effect === "forward" && decision.mirrors.map(({ copy }) => copy.effect)).toEqual(["forward"]);
    expect([...(settled.checks ?? [])]).toHaveLength(1);
  });

  it("is asked at the Gateway, and at the destination about the request as it will be sent", () => {
    const of = guarded(
      { custom: [custom("opa")] },
      {
        front: FRONT,
        routes: [{ name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }], rewrite: { uri: "/v2/" } }],
      },
    );
    const { asked } = settle(of, facts({ entrance: "public", path: "/v1" }), { opa: allowed() });
    expect(asked.map(([key, { forwardPath, peer }]) => [key, forwardPath, peer.by])).toEqual([
      ['["gateway","opa"]', "/v1", "none"],
      ['["destination","opa"]', "/v2/v1", "gateway"],
    ]);
  });
});

describe("what the client gets of a provider that allows", () => {
  it("comes with the service's answer, and with the gateway's own", () => {
    const answer: CheckFact = {
      verdict: "allowed",
      toService: headers(),
      toClient: [
        ["set-cookie", "a=1"],
        ["x-a", "1"],
      ],
    };
    const forward = outcome(guarded({ custom: [custom("opa")] }), facts(), { opa: answer });
    expect(forward.effect === "forward" && forward.response).toEqual([
      { op: "add", name: "set-cookie", value: "a=1", template: "(ext_authz)" },
      { op: "set", name: "x-a", value: "1", template: "(ext_authz)" },
    ]);
    const nowhere = guarded({ custom: [custom("opa")] }, { front: FRONT, routes: [] });
    expect(outcome(nowhere, facts({ entrance: "public" }), { opa: answer })).toMatchObject({
      code: "no_route",
      headers: [
        ["set-cookie", "a=1", "(ext_authz)"],
        ["x-a", "1", "(ext_authz)"],
      ],
    });
  });
});

describe("a record", () => {
  const of = guarded(
    {
      custom: [custom("opa")],
      deny: [
        { name: "shop/d", rules: [{ when: [{ key: { kind: "header", name: "x-user" }, values: [exact("eve")] }] }] },
      ],
    },
    {
      authorizers: {
        opa: { ...opa, toService: [exact("x-user"), exact("x-token")], toClientOnAllow: [exact("set-cookie")] },
      },
    },
  );
  const secretive: CheckFact = {
    verdict: "allowed",
    toService: headers({ "x-user": "ann", "x-token": "secret-1" }),
    toClient: [["set-cookie", "secret-2"]],
  };

  it.each([
    { name: "that allows", answer: secretive },
    {
      name: "that refuses",
      answer: { ...denied, headers: [["set-cookie", "secret-3"]], body: "secret-4" } as CheckFact,
    },
    { name: "that failed", answer: failed },
  ])("replays an answer $name without asking, and holds no secret", ({ answer }) => {
    const { decision, facts: settled } = settle(of, facts(), { opa: answer });
    const record = JSON.parse(JSON.stringify(writeFacts(of, settled))) as ReturnType<typeof writeFacts>;
    const described = JSON.stringify([record, describeDecision(decision)]);
    expect(described).not.toContain("secret-");
    const again = decide(of, readFacts(of, record));
    expect(again.effect === "need" ? null : describeDecision(again)).toEqual(describeDecision(decision));
  });

  it("of an older configuration says nothing of a provider", () => {
    const before = guarded({});
    const record = writeFacts(before, facts());
    expect(decide(of, readFacts(of, record))).toMatchObject({ effect: "need", needs: [{ kind: "ext_authz" }] });
  });
});

describe("an explanation", () => {
  it("tells who was asked and what came of it", () => {
    const of = guarded({ custom: [custom("opa")] });
    const steps: Step[] = [];
    const { facts: settled } = settle(of, facts(), { opa: denied });
    decide(of, settled, traceInto(steps));
    expect(steps).toContainEqual({ stage: "destination", name: "shop/ask-opa", outcome: "ext_authz_denied" });
  });
});
