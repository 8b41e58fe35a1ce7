import { describe, expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import { type Step, traceInto } from "../../src/decide/steps.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import type { Front, JwtRule, PolicySet, Route } from "../../src/snapshot/model.ts";
import { complete, decided, facts, headers, OPEN, slice } from "./requests.ts";

const JWT: JwtRule = {
  name: "default/jwt/0",
  issuer: "https://issuer.test",
  audiences: [],
  keys: { kind: "inline", jwks: '{"keys":[]}' },
  from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: [], cookies: [] },
  forwardOriginalToken: false,
  outputClaimToHeaders: [],
  spaceDelimitedClaims: [],
};
const TOKENS: Readonly<Record<string, TokenFact>> = {
  gold: {
    ok: true,
    principal: "https://issuer.test/u",
    issuer: "https://issuer.test",
    subject: "u",
    audiences: [],
    presenter: null,
    claims: { groups: ["a", "gold"], email: "u@example.com" },
    spaceDelimited: [],
    rule: 0,
  },
  bad: { ok: false, code: "jwt_invalid", detail: "expired" },
};
const WORKLOAD = { name: "gw", namespace: "istio-system", principal: null, app: "gw", version: "latest" };
const FRONT: Front = { gateway: "default/g", workload: WORKLOAD, policySet: 0, clientCertificate: "none" };
const VERIFYING: PolicySet = { ...OPEN, jwt: [JWT] };

const to = { destinations: [{ cluster: "a", weight: 1 }] };
const ROUTES: readonly Route[] = [
  {
    name: "gold",
    matches: [{ claims: [{ path: ["groups"], match: { kind: "exact", value: "gold" } }] }],
    ...to,
  },
  { name: "rest", matches: [{ claims: [{ path: ["groups"], match: { kind: "present" }, invert: true }] }], ...to },
];
const GATEWAY = slice({ front: FRONT, routes: ROUTES, policySets: [VERIFYING] });
const withToken = (token: string) => facts({ headers: headers({ authorization: `Bearer ${token}` }) });

describe("routes by claims", () => {
  it("are chosen by the token that the Gateway accepted", () => {
    expect(decided(GATEWAY, withToken("gold"), TOKENS)).toMatchObject({ route: { model: { name: "gold" } } });
    expect(decided(GATEWAY, facts())).toMatchObject({ route: { model: { name: "rest" } } });
  });

  it("are not reached with a token that is refused", () => {
    expect(decided(GATEWAY, withToken("bad"), TOKENS)).toMatchObject({ code: "jwt_invalid", status: 401 });
  });

  it("see no token that nobody verified, and no header that is called like a claim", () => {
    const open = slice({ front: FRONT, routes: ROUTES, policySets: [OPEN] });
    const named = facts({ headers: headers({ "request.auth.claims.groups": "gold", authorization: "Bearer gold" }) });
    expect(decided(open, named)).toMatchObject({ route: { model: { name: "rest" } } });
  });

  it("replay from a record that holds the claims that they name, and no other", () => {
    const whole = complete(GATEWAY, withToken("gold"), TOKENS);
    const written = writeFacts(GATEWAY, whole);
    expect(Object.values(written.tokens)[0]).toMatchObject({ claims: { groups: ["a", "gold"] } });
    expect(JSON.stringify(written)).not.toContain("u@example.com");
    expect(describeDecision(decided(GATEWAY, readFacts(GATEWAY, written)))).toMatchObject({ route: "gold" });
  });

  it("are named in the trace where they do not hold", () => {
    const steps: Step[] = [];
    decide(GATEWAY, facts({ tokens: [null] }), traceInto(steps));
    expect(steps.filter(({ stage }) => stage === "route")).toEqual([
      { stage: "route", name: "gold", outcome: "claim `groups` does not match" },
      { stage: "route", name: "rest", outcome: "matched" },
    ]);
  });
});
