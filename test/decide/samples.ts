import * as fc from "fast-check";
import { NO_PEER } from "../../src/identity/peer.ts";
import type { CheckNeed } from "../../src/decide/types.ts";
import type { CheckFact } from "../../src/request/check-fact.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import {
  type AuthorizationRule,
  type Condition,
  type CorsPolicy,
  type ExternalAuthorizer,
  type Fault,
  type Front,
  type HashKey,
  type JwtRule,
  type PolicySet,
  type Route,
  type RouteMatch,
  type Slice,
  type StringMatch,
  FORMAT,
} from "../../src/snapshot/model.ts";
import type { RehearsalModel } from "../../src/snapshot/rehearsal-model.ts";
import { cluster, endpoint, facts, headers, peer, withPrograms } from "./requests.ts";

/** Requests and slices that meet: words are few, so that most rules hold for some requests. */
const path = fc.constantFrom("/", "/a", "/a/b", "/b");
const word = fc.constantFrom("gold", "free", "secret", "a, b");

const match = (values: fc.Arbitrary<string>): fc.Arbitrary<StringMatch> =>
  fc.oneof(
    values.map((value): StringMatch => ({ kind: "exact", value })),
    values.map((value): StringMatch => ({ kind: "prefix", value: value.slice(0, 2) })),
    fc.constant<StringMatch>({ kind: "present" }),
    values.map((value): StringMatch => ({ kind: "regex", value: `.*${value.slice(0, 2)}.*` })),
  );

const headerName = fc.constantFrom("x-tier", "authorization", "cookie", "x-api-key");

const jwtRule: fc.Arbitrary<JwtRule> = fc
  .record({
    issuer: fc.constantFrom("https://one.test", "https://two.test"),
    forwardOriginalToken: fc.boolean(),
    header: fc.constantFrom("authorization", "x-token"),
    params: fc.constantFrom([], ["access_token"]),
    cookies: fc.constantFrom([], ["session"]),
    payload: fc.boolean(),
    claim: fc.boolean(),
    required: fc.constantFrom({}, {}, { required: true as const }),
  })
  .map(({ issuer, forwardOriginalToken, header, params, cookies, payload, claim, required }) => ({
    name: `default/jwt/${issuer}`,
    issuer,
    audiences: [],
    keys: { kind: "inline", jwks: '{"keys":[]}' },
    from: { headers: [{ name: header, prefix: "Bearer " }], params, cookies },
    forwardOriginalToken,
    ...(payload && { outputPayloadToHeader: "x-payload" }),
    outputClaimToHeaders: claim ? [{ header: "x-tier", claim: "tier" }] : [],
    spaceDelimitedClaims: [],
    ...required,
  }));

const condition: fc.Arbitrary<Condition> = fc
  .tuple(
    fc.oneof(
      fc.constant({ kind: "protocol" as const }),
      headerName.map((name) => ({ kind: "header" as const, name })),
      fc.constant({ kind: "request.auth.claims" as const, path: ["tier"] }),
      fc.constant({ kind: "source.namespace" as const }),
    ),
    fc.array(match(word), { minLength: 1, maxLength: 2 }),
    fc.boolean(),
  )
  .map(([key, words, not]) => {
    const values = key.kind === "protocol" ? [{ kind: "exact", value: "workers-rpc" } as const] : words;
    return { key, ...(not ? { notValues: values } : { values }) };
  });

const rule: fc.Arbitrary<AuthorizationRule> = fc.record(
  {
    to: fc.array(fc.record({ paths: fc.array(match(path), { minLength: 1, maxLength: 2 }) }), { maxLength: 1 }),
    when: fc.array(condition, { maxLength: 2 }),
    from: fc.constant([
      { requestPrincipals: [{ issuer: { kind: "nonempty" as const }, subject: { kind: "nonempty" as const } }] },
    ]),
  },
  { requiredKeys: [] },
);

const policies = fc.array(
  fc.array(rule, { minLength: 1, maxLength: 2 }).map((rules) => ({ name: "default/p", rules })),
  { maxLength: 1 },
);

const mayDryRun = fc.constantFrom({}, {}, { dryRun: true as const });

const policySet: fc.Arbitrary<PolicySet> = fc
  .record({
    mtls: fc.constantFrom("PERMISSIVE" as const, "STRICT" as const, "DISABLE" as const),
    jwt: fc.array(jwtRule, { maxLength: 2 }),
    deny: policies,
    allow: policies,
    asked: fc.constantFrom<string[]>([], [], ["opa"], ["opa", "plans"]),
    audit: policies,
    dryRun: mayDryRun,
  })
  .map(({ asked, audit, dryRun, deny, ...set }) => ({
    ...set,
    deny: deny.map((policy) => ({ ...policy, ...dryRun })),
    ...(audit.length > 0 && { audit }),
    ...(asked.length > 0 && {
      custom: asked.map((provider) => ({ name: `default/${provider}`, provider, rules: [{}] })),
    }),
  }));

/** Providers that fill headers which rules look at, and one from which a token comes. */
const AUTHORIZERS: Readonly<Record<string, ExternalAuthorizer>> = {
  opa: { cluster: "a", timeoutMs: 1, toService: [{ kind: "prefix", value: "x-t" }] },
  plans: { cluster: "b", timeoutMs: 1, failOpen: true, toService: [{ kind: "exact", value: "authorization" }] },
};

/** What each of them says, by what comes first of it in a draw. */
const CHECKS: Readonly<Record<string, readonly CheckFact[]>> = {
  opa: [
    { verdict: "allowed", toService: headers({ "x-tier": "gold" }), toClient: [["set-cookie", "a=secret"]] },
    { verdict: "allowed", toService: headers({ "x-token": "Bearer two" }), toClient: [] },
    { verdict: "denied", status: 401, headers: [["x-secret", "secret"]], body: "secret" },
    { verdict: "failed", reason: "timeout" },
  ],
  plans: [
    { verdict: "allowed", toService: headers({ authorization: "Bearer one" }), toClient: [] },
    { verdict: "failed", reason: "unreachable" },
  ],
};

/** The same for the same request. */
export function checkOf({ authorizer: { name }, facts: { seed } }: CheckNeed): CheckFact {
  const answers = CHECKS[name] ?? [];
  const answer = answers[Math.abs(seed) % answers.length];
  if (answer === undefined) throw new Error(`nobody says what ${name} answers`);
  return answer;
}

const block: fc.Arbitrary<RouteMatch> = fc.record(
  {
    uri: match(path),
    headers: fc.oneof(
      fc.tuple(headerName, match(word)).map(([name, value]) => [{ name, match: value }]),
      match(path).map((value) => [{ name: ":path", match: value }]),
    ),
    claims: fc
      .tuple(match(word), fc.constantFrom({}, { invert: true as const }))
      .map(([value, invert]) => [{ path: ["tier"], match: value, ...invert }]),
    query: match(word).map((value) => [{ name: "q", match: value }]),
  },
  { requiredKeys: [] },
);

const route: fc.Arbitrary<Route> = fc
  .record({
    matches: fc.array(block, { maxLength: 2 }),
    both: fc.boolean(),
    rewrite: fc.constantFrom(
      undefined,
      { uri: "/x" },
      { authority: "other.test" },
      { regex: { match: "a", rewrite: "b" } },
    ),
    request: fc.constantFrom(
      undefined,
      { set: [["authorization", "Bearer ours"]] as const },
      { remove: ["x-tier"] },
      { add: [["x-tier", "gold"]] as const },
      { set: [["x-tier", "%REQ(authorization?x-api-key)%"]] as const },
      { add: [["x-api-key", "%REQ(:path)% %REQ(x-tier)% %START_TIME%"]] as const },
    ),
    cors: fc.constantFrom<(CorsPolicy | undefined)[]>(undefined, undefined, {
      origins: [{ kind: "suffix", value: ".test" }],
      methods: "*",
      unmatched: "FORWARD",
    }),
    fault: fc.constantFrom<(Fault | undefined)[]>(undefined, undefined, {
      delay: { share: 0.5, ms: 50 },
      abort: { share: 0.5, status: 503, grpcStatus: 14 },
    }),
    mirrors: fc.constantFrom<Route["mirrors"][]>(undefined, undefined, [
      { cluster: "b", share: 0.5 },
      { cluster: "a", share: 1 },
    ]),
    redirect: fc.constantFrom(undefined, undefined, undefined, { status: 302 as const, authority: "else.test" }),
    rehearsals: fc.constantFrom({}, {}, { rehearsals: [0, 1] }),
  })
  .map(({ matches, both, rewrite, request, cors, fault, mirrors, redirect, rehearsals }) => ({
    name: "r",
    matches,
    destinations: [{ cluster: "a", weight: 3, ...rehearsals }, ...(both ? [{ cluster: "b", weight: 1 }] : [])],
    ...(rewrite && { rewrite }),
    ...(request && { request }),
    ...(cors && { cors }),
    ...(fault && { fault }),
    ...(mirrors && { mirrors }),
    ...(redirect && { redirect }),
  }));

const hashKey = fc.constantFrom<(HashKey | undefined)[]>(
  undefined,
  { kind: "header", name: "x-tier" },
  { kind: "header", name: "x-api-key" },
  { kind: "cookie", name: "session" },
  { kind: "cookie", name: "a", create: { maxAgeSeconds: 0 } },
  { kind: "cookie", name: "sticky", create: { maxAgeSeconds: 60, path: "/" } },
  { kind: "query", name: "q" },
  { kind: "sourceIp" },
);

/** A delay for some, that a secret header picks, and then an abort for others. */
function rehearsalsUntil(last: number, first: number): readonly RehearsalModel[] {
  const match = { kind: "prefix", value: "go" } as const;
  return [
    { name: "default/slow", endsAt: last, share: 0.5, headers: [{ name: "x-api-key", match }], delayMs: 500 },
    { name: "default/broken", endsAt: first, share: 0.5, abort: { status: 503 } },
  ];
}

const FRONT: Front = {
  gateway: "default/front",
  workload: {
    name: "gw",
    namespace: "istio-system",
    principal: "cluster.local/ns/istio-system/sa/gw",
    app: "gw",
    version: "1",
  },
  policySet: 0,
  clientCertificate: "optional",
};

export const slices: fc.Arbitrary<Slice> = fc
  .record({
    routes: fc.array(route, { minLength: 1, maxLength: 3 }),
    policySets: fc.array(policySet, { minLength: 2, maxLength: 2 }),
    front: fc.option(fc.record({ httpsRedirect: fc.boolean() })),
    key: hashKey,
    ends: fc.tuple(fc.integer({ min: 0, max: 2 ** 41 }), fc.integer({ min: 0, max: 2 ** 41 })),
  })
  .map(({ routes, policySets, front, key, ends }): Slice => ({
    format: FORMAT,
    host: "api.test",
    path: { mergeSlashes: true, escapedSlashes: "REFUSE", params: "CUT" },
    routes,
    clusters: {
      a: cluster("a", [endpoint("EP_A", 0), endpoint("EP_B", 1)]),
      b: { ...cluster("b", [endpoint("EP_C", 1)]), loadBalancer: { ring: 16, ...(key && { key }) } },
    },
    policySets,
    authorizers: AUTHORIZERS,
    ...(routes.some(({ destinations }) => destinations.some(({ rehearsals }) => rehearsals !== undefined)) && {
      rehearsals: rehearsalsUntil(Math.max(...ends), Math.min(...ends)),
    }),
    ...(front && { front: { ...FRONT, ...(front.httpsRedirect && { httpsRedirect: true as const }) } }),
  }))
  .map(withPrograms);

const verified = (issuer: string, subject: string, tier: string): TokenFact => ({
  ok: true,
  principal: `${issuer}/${subject}`,
  issuer,
  subject,
  audiences: [],
  presenter: null,
  claims: { tier, mail: `${subject}@secret.test` },
  spaceDelimited: [],
  rule: 0,
});

/** What verifying each token that a request may hold gives. */
export const TOKENS: Readonly<Record<string, TokenFact>> = {
  one: verified("https://one.test", "u", "gold"),
  two: verified("https://two.test", "v", "free"),
  bad: { ok: false, code: "jwt_invalid", detail: "token_signature" },
  ours: verified("https://one.test", "mesh", "gold"),
};

const token = fc.constantFrom("one", "two", "one", "bad");

export const requests: fc.Arbitrary<RequestFacts> = fc
  .record({
    protocol: fc.constantFrom("http" as const, "http" as const, "workers-rpc" as const),
    method: fc.constantFrom("GET", "POST", "OPTIONS"),
    scheme: fc.constantFrom("http" as const, "https" as const),
    path,
    peer: fc.constantFrom(NO_PEER, peer("web"), peer("cart", "shop")),
    startedAt: fc.integer({ min: 0, max: 2 ** 41 }),
    seed: fc.integer(),
    fields: fc.record(
      {
        authorization: token.map((text) => `Bearer ${text}`),
        "x-token": token.map((text) => `Bearer ${text}`),
        cookie: token.map((text) => `a=secret; session=${text}`),
        "x-tier": word,
        "x-api-key": word,
        origin: fc.constant("https://else.test"),
        "access-control-request-method": fc.constant("GET"),
      },
      { requiredKeys: [] },
    ),
    query: fc.constantFrom("", "q=gold", "q=free&access_token=one", "a&access_token=bad"),
  })
  .map(({ fields, ...rest }) => facts({ ...rest, headers: headers(fields as Record<string, string>) }));
