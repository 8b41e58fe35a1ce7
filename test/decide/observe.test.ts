import { describe, expect, it } from "vitest";
import type { RequestFacts } from "../../src/request/facts.ts";
import { NO_PEER } from "../../src/identity/peer.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { AuthorizationPolicyModel, Front, JwtRule, PolicySet } from "../../src/snapshot/model.ts";
import { cluster, decided, endpoint, facts, headers, OPEN, peer, slice } from "./requests.ts";

const deletes: AuthorizationPolicyModel = {
  name: "shop/deletes",
  rules: [{ to: [{ methods: [{ kind: "exact", value: "DELETE" }] }] }],
};
const nothing: AuthorizationPolicyModel = { name: "shop/nothing", rules: [] };
const jwt: JwtRule = {
  name: "shop/jwt/0",
  issuer: "https://issuer.test",
  audiences: [],
  keys: { kind: "inline", jwks: "{}" },
  from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: [], cookies: [] },
  forwardOriginalToken: false,
  outputClaimToHeaders: [{ header: "x-user", claim: "sub" }],
  spaceDelimitedClaims: [],
};

const FRONT: Front = {
  gateway: "shop/front",
  workload: { name: "gw", namespace: "istio-system", principal: null, app: "gw", version: "latest" },
  policySet: 0,
  clientCertificate: "none",
};

const observed = (set: Partial<PolicySet>): LinkedSlice => slice({ policySets: [{ ...OPEN, ...set, observe: true }] });

function told(of: LinkedSlice, request: Partial<RequestFacts> = {}): readonly string[] {
  const decision = decided(of, facts(request));
  expect(decision.effect).toBe("forward");
  return (decision.notes ?? []).map(({ action, code, policy }) => `${action} ${code} ${policy ?? "none"}`);
}

describe("where a namespace observes", () => {
  it.each<{ name: string; set: Partial<PolicySet>; request?: Partial<RequestFacts>; note: string }>([
    {
      name: "a DENY",
      set: { deny: [deletes] },
      request: { method: "DELETE" },
      note: "rbac_denied_matched_policy shop/deletes",
    },
    { name: "no ALLOW", set: { allow: [nothing] }, note: "rbac_denied_no_allow none" },
    { name: "STRICT", set: { mtls: "STRICT" }, request: { peer: NO_PEER }, note: "mtls_required none" },
  ])("what $name would refuse passes and is told", ({ set, request, note }) => {
    expect(told(observed(set), request)).toEqual([`OBSERVE ${note}`]);
    const { observe: _, ...enforced } = { ...OPEN, ...set, observe: true };
    expect(decided(slice({ policySets: [enforced] }), facts(request)).effect).toBe("answer");
  });

  it("every reason is told", () => {
    const set = { mtls: "STRICT", deny: [deletes] } as const;
    expect(told(observed(set), { peer: NO_PEER, method: "DELETE" })).toEqual([
      "OBSERVE mtls_required none",
      "OBSERVE rbac_denied_matched_policy shop/deletes",
    ]);
  });

  it("nothing is told of what would pass", () => {
    expect(told(observed({ deny: [deletes], mtls: "STRICT" }), { peer: peer("web") })).toEqual([]);
  });

  it("a bad token passes as it came, and nothing that it claims is passed on", () => {
    const of = observed({ jwt: [jwt] });
    const refused = { ok: false, code: "jwt_invalid", detail: "expired" } as const;
    const request = { headers: headers({ authorization: "Bearer bad", "x-user": "forged" }), tokens: [refused] };
    expect(told(of, request)).toEqual(["OBSERVE jwt_invalid shop/jwt/0"]);
    const decision = decided(of, facts(request));
    if (decision.effect !== "forward") throw new Error("it was refused");
    const [changes] = decision.bySet?.values() ?? [];
    expect(changes).toEqual([{ op: "remove", name: "x-user" }]);
  });

  it("a caller that policies know by its token is none with a bad one", () => {
    const byToken: AuthorizationPolicyModel = {
      name: "shop/users",
      rules: [{ from: [{ requestPrincipals: [{ issuer: { kind: "nonempty" }, subject: { kind: "nonempty" } }] }] }],
    };
    const refused = { ok: false, code: "jwt_invalid", detail: "expired" } as const;
    const request = { headers: headers({ authorization: "Bearer bad" }), tokens: [refused] };
    expect(told(observed({ jwt: [jwt], allow: [byToken] }), request)).toEqual([
      "OBSERVE jwt_invalid shop/jwt/0",
      "OBSERVE rbac_denied_no_allow none",
    ]);
  });

  it("another endpoint's policies refuse what they refuse", () => {
    const sets = [
      { ...OPEN, deny: [deletes], observe: true as const },
      { ...OPEN, deny: [deletes] },
    ];
    const both = slice({
      policySets: sets,
      clusters: { a: cluster("a", [endpoint("EP_A", 0), endpoint("EP_B", 1)]) },
    });
    const decision = decided(both, facts({ method: "DELETE" }));
    if (decision.effect !== "forward") throw new Error("it was refused");
    expect([...(decision.refusals?.keys() ?? [])]).toEqual([1]);
  });

  it("what a Gateway refuses by its own policies is refused", () => {
    const set: PolicySet = { ...OPEN, deny: [deletes], observe: true };
    expect(decided(slice({ policySets: [set], front: FRONT }), facts({ method: "DELETE" }))).toMatchObject({
      code: "rbac_denied_matched_policy",
    });
  });
});
