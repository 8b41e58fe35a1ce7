import { describe, expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import { decideHypothetical } from "../../src/decide/explain.ts";
import { Explanation } from "../../src/decide/stages.ts";
import { type Step, traceInto } from "../../src/decide/steps.ts";
import { hypotheticalRequest } from "../../src/decide/hypothetical.ts";
import type { HypotheticalFacts } from "../../src/decide/hypothetical-facts.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { JwtRule, Route, RouteMatch } from "../../src/snapshot/model.ts";
import { cluster, endpoint, facts, headers, OPEN, slice } from "./requests.ts";

const route = (name: string, ...matches: readonly RouteMatch[]): Route => ({
  name,
  matches,
  destinations: [{ cluster: "a", weight: 1 }],
});

const HYPOTHETICAL: HypotheticalFacts = {
  method: "GET",
  host: "api.test",
  path: "/",
  query: "",
  headers: {},
  peer: null,
  clientIp: null,
  tokens: [],
  startedAt: 0,
  seed: 0,
};

function traced(of: LinkedSlice, request: RequestFacts): readonly Step[] {
  const steps: Step[] = [];
  decide(of, request, traceInto(steps));
  return steps;
}

describe("the trace of a decision", () => {
  it("names the failing part of each match block before the one that holds, and nothing of those after it", () => {
    const of = slice({
      routes: [
        route("first", { uri: { kind: "exact", value: "/b" } }, { method: { kind: "exact", value: "POST" } }),
        route("second"),
        route("third", { port: 81 }),
      ],
    });
    expect(traced(of, facts({ path: "/a" }))).toEqual([
      { stage: "route", name: "first", outcome: "uri does not match" },
      { stage: "route", name: "first", outcome: "method does not match" },
      { stage: "route", name: "second", outcome: "matched" },
    ]);
  });

  it("of patterns and templates is as of all else", () => {
    const routes = [
      route("pattern", { uri: { kind: "regex", value: "/b+" } }, { method: { kind: "regex", value: "P.*" } }),
      route("template", { uri: { kind: "template", value: "/b/{*}" } }),
      route("second", { uri: { kind: "regex", value: "/a*" } }),
    ];
    const of = slice({ routes });
    expect(traced(of, facts({ path: "/a" }))).toEqual([
      { stage: "route", name: "pattern", outcome: "uri does not match" },
      { stage: "route", name: "pattern", outcome: "method does not match" },
      { stage: "route", name: "template", outcome: "uri does not match" },
      { stage: "route", name: "second", outcome: "matched" },
    ]);
    const deny = [
      { name: "default/none", rules: [{ to: [{ paths: [{ kind: "template", value: "/b/{*}" } as const] }] }] },
    ];
    const guarded = slice({ routes, policySets: [{ ...OPEN, deny }] });
    const explanation = new Explanation(guarded);
    expect(decide(guarded, facts({ path: "/a" }), explanation).effect).toBe("forward");
    expect(explanation.stages.find(({ stage }) => stage === "deny")?.outcome).toBe("missed");
  });

  it("is bounded where routes are many", () => {
    const routes = Array.from({ length: 1_000 }, (_, at) =>
      route(`r${at}`, { uri: { kind: "exact", value: `/${at}` } }),
    );
    const steps = traced(slice({ routes }), facts({ path: "/none" }));
    expect(steps).toHaveLength(102);
    expect(steps.slice(-2)).toEqual([
      { stage: "route", name: "others", outcome: "900 more do not match" },
      { stage: "route", name: "none", outcome: "no route" },
    ]);
  });

  it("of a record tells where a value would be needed that the record leaves out", () => {
    const plain = slice({ routes: [route("rest")] });
    const record = writeFacts(plain, facts({ headers: headers({ "x-tier": "gold" }) }));
    // The index finds by the plain header that this block cannot hold, before it would look at the other one.
    const of = slice({
      routes: [
        route("secret", {
          headers: [
            { name: "authorization", match: { kind: "prefix", value: "a" } },
            { name: "x-tier", match: { kind: "exact", value: "free" } },
          ],
        }),
        route("rest"),
      ],
    });
    expect(traced(of, readFacts(of, record))).toContainEqual({
      stage: "route",
      name: "secret",
      outcome: "the record does not say why it does not match",
    });
  });

  it("tells what a fault and a CORS policy do, and what becomes of copies", () => {
    const cors = { origins: [{ kind: "exact", value: "https://app.test" }], unmatched: "FORWARD" } as const;
    const fault = { delay: { share: 1, ms: 5 }, abort: { share: 1, status: 503 } };
    const outcomes = (change: Partial<Route>, request: RequestFacts) =>
      traced(slice({ routes: [{ ...route("r"), ...change }] }), request)
        .filter(({ stage }) => stage === "filter" || stage === "mirror")
        .map(({ stage, name, outcome }) => `${stage} ${name}: ${outcome}`);
    const page = { origin: "https://app.test" };
    expect(outcomes({ fault, cors }, facts({ headers: headers(page) }))).toEqual([
      "filter r: delay 5 ms",
      "filter r: fault_filter_abort",
    ]);
    expect(outcomes({ cors }, facts({ headers: headers(page) }))).toEqual(["filter r: origin allowed"]);
    const asked = headers({ ...page, "access-control-request-method": "GET" });
    expect(outcomes({ cors }, facts({ method: "OPTIONS", headers: asked }))).toEqual(["filter r: cors_preflight"]);
    const mirrors = [{ cluster: "a", share: 1 }];
    expect(outcomes({ mirrors }, facts())).toEqual(["mirror a: forward"]);
  });

  it("of a request that nobody sent knows the tokens that only a copy's policies look for", () => {
    const jwt: JwtRule = {
      name: "default/jwt/0",
      issuer: "https://issuer.test",
      audiences: [],
      keys: { kind: "inline", jwks: '{"keys":[]}' },
      from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: [], cookies: [] },
      forwardOriginalToken: true,
      outputClaimToHeaders: [],
      spaceDelimitedClaims: [],
    };
    const wanted = [{ issuer: { kind: "nonempty" }, subject: { kind: "nonempty" } }] as const;
    const allow = [{ name: "default/p", rules: [{ from: [{ requestPrincipals: wanted }] }] }];
    const of = slice({
      routes: [{ ...route("r"), mirrors: [{ cluster: "b", share: 1 }] }],
      clusters: { a: cluster("a", [endpoint("EP_A")]), b: cluster("b", [endpoint("EP_B", 1)]) },
      policySets: [OPEN, { ...OPEN, jwt: [jwt], allow }],
    });
    const token = { issuer: "https://issuer.test", subject: "u", audiences: [], presenter: null, claims: {} };
    const told = (tokens: HypotheticalFacts["tokens"]) => {
      const asked = { ...HYPOTHETICAL, tokens };
      const request = hypotheticalRequest(asked, null);
      if (!request.ok || "effect" in request.value) throw new Error("no such request");
      const decision = decideHypothetical(of, request.value, 80, asked, new Explanation(of));
      if (!decision.ok) throw new Error(decision.error.message);
      return describeDecision(decision.value);
    };
    expect(told([])).toMatchObject({ mirrors: [{ cluster: "b", refused: "rbac_denied_no_allow" }] });
    expect(told([token])).toMatchObject({ mirrors: [{ cluster: "b", refused: null }] });
    expect(told([{ ...token, refused: "jwt_invalid" }])).toMatchObject({ mirrors: [{ refused: "jwt_invalid" }] });
  });

  it("is not asked for: the decision is the same", () => {
    const of = slice({ routes: [route("first", { port: 81 }), route("second")] });
    expect(decide(of, facts(), traceInto([]))).toEqual(decide(of, facts()));
  });
});
