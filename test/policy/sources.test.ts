import { describe, expect, it } from "vitest";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import { authorize, linkPolicies } from "../../src/policy/authorization.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { AuthorizationRule, Condition, Source, StringMatch } from "../../src/snapshot/model.ts";
import { facts, peer } from "../decide/requests.ts";

const exact = (value: string): StringMatch => ({ kind: "exact", value });

/** Whether a DENY and an ALLOW of the rule hold for a request. */
function holds(rule: AuthorizationRule, request: Partial<RequestFacts>, stage: "gateway" | "destination" = "gateway") {
  const context = { stage, secretHeaders: new Set<string>() };
  const policies = [{ name: "p", rules: [rule] }];
  const asked = facts(request);
  const deny = authorize(linkPolicies(policies, true, context), linkPolicies([], false, context), asked, []);
  const allow = authorize(linkPolicies([], true, context), linkPolicies(policies, false, context), asked, []);
  return { deny: !deny.allowed, allow: allow.allowed };
}

const from = (source: Source): AuthorizationRule => ({ from: [source] });
const when = (condition: Condition): AuthorizationRule => ({ when: [condition] });
const both = (holding: boolean) => ({ deny: holding, allow: holding });

describe("service accounts", () => {
  const web = peer("web", "shop");
  const foreign: Peer = { ...web, principal: "other.test/ns/shop/sa/web", trustDomain: "other.test" };
  const odd: Peer = {
    principal: "cluster.local/team/web",
    namespace: null,
    trustDomain: "cluster.local",
    by: "binding",
  };

  it.each([
    { name: "the account", caller: web, accounts: ["shop/web"], holding: true },
    { name: "one of several", caller: web, accounts: ["shop/cart", "shop/web"], holding: true },
    { name: "an account of another trust domain", caller: foreign, accounts: ["shop/web"], holding: true },
    { name: "another account", caller: web, accounts: ["shop/cart"], holding: false },
    { name: "the same name elsewhere", caller: web, accounts: ["default/web"], holding: false },
    { name: "the end of a name", caller: web, accounts: ["shop/eb"], holding: false },
    { name: "a dot, which stands for itself", caller: peer("aXb", "shop"), accounts: ["shop/a.b"], holding: false },
    { name: "an identity in another form", caller: odd, accounts: ["team/web"], holding: false },
    { name: "nobody", caller: NO_PEER, accounts: ["shop/web"], holding: false },
  ])("$name: $holding", ({ caller, accounts, holding }) => {
    expect(holds(from({ serviceAccounts: accounts }), { peer: caller })).toEqual(both(holding));
    expect(holds(from({ notServiceAccounts: accounts }), { peer: caller })).toEqual(both(!holding));
    const key = { kind: "source.serviceAccount" } as const;
    expect(holds(when({ key, values: accounts.map(exact) }), { peer: caller })).toEqual(both(holding));
    expect(holds(when({ key, notValues: accounts.map(exact) }), { peer: caller })).toEqual(both(!holding));
  });
});

describe("trust domains", () => {
  it.each([
    { match: exact("cluster.local"), caller: peer("web"), holding: true },
    { match: { kind: "prefix", value: "cluster." } as const, caller: peer("web"), holding: true },
    { match: { kind: "suffix", value: ".local" } as const, caller: peer("web"), holding: true },
    { match: { kind: "nonempty" } as const, caller: peer("web"), holding: true },
    { match: exact("other.local"), caller: peer("web"), holding: false },
    { match: { kind: "nonempty" } as const, caller: NO_PEER, holding: false },
  ])("$match and $caller.trustDomain: $holding", ({ match, caller, holding }) => {
    expect(holds(from({ trustDomains: [match] }), { peer: caller })).toEqual(both(holding));
    expect(holds(from({ notTrustDomains: [match] }), { peer: caller })).toEqual(both(!holding));
    const key = { kind: "source.trustDomain" } as const;
    expect(holds(when({ key, values: [match] }), { peer: caller })).toEqual(both(holding));
    expect(holds(when({ key, notValues: [match] }), { peer: caller })).toEqual(both(!holding));
  });
});

describe("namespaces with wildcards within", () => {
  it.each([
    { value: "a*c", namespace: "abc", holding: true },
    { value: "a*c", namespace: "ac", holding: true },
    { value: "a*c", namespace: "acd", holding: false },
    { value: "*b*", namespace: "abc", holding: true },
    { value: "*b*", namespace: "ac", holding: false },
    { value: "a*b*a", namespace: "aba", holding: true },
    { value: "a*a", namespace: "a", holding: false },
    { value: "a.*c", namespace: "abc", holding: false },
  ])("`$value` and $namespace: $holding", ({ value, namespace, holding }) => {
    const match: StringMatch = { kind: "wildcard", value };
    expect(holds(from({ namespaces: [match] }), { peer: peer("web", namespace) })).toEqual(both(holding));
    expect(holds(from({ namespaces: [match] }), { peer: NO_PEER })).toEqual(both(false));
  });
});

describe("addresses (R11)", () => {
  const RANGE = ["10.0.0.0/8"];
  const PUBLIC = { entrance: "public" } as const;

  it.each([
    { name: "within", address: "10.1.2.3", wanted: both(true), unwanted: both(false) },
    { name: "within, as IPv6", address: "::ffff:10.1.2.3", wanted: both(true), unwanted: both(false) },
    { name: "outside", address: "11.1.2.3", wanted: both(false), unwanted: both(true) },
    {
      name: "one that is none",
      address: "10.1.2.999",
      wanted: { deny: true, allow: false },
      unwanted: { deny: true, allow: false },
    },
    {
      name: "a part of one",
      address: "10.1",
      wanted: { deny: true, allow: false },
      unwanted: { deny: true, allow: false },
    },
    {
      name: "one that the platform does not tell",
      address: null,
      wanted: { deny: true, allow: false },
      unwanted: { deny: true, allow: false },
    },
  ])("of a client: $name", ({ address, wanted, unwanted }) => {
    const request = { ...PUBLIC, sourceIp: address, clientIp: address };
    expect(holds(from({ ipBlocks: RANGE }), request)).toEqual(wanted);
    expect(holds(from({ notIpBlocks: RANGE }), request)).toEqual(unwanted);
    expect(holds(from({ remoteIpBlocks: RANGE }), request)).toEqual(wanted);
    expect(holds(from({ notRemoteIpBlocks: RANGE }), request)).toEqual(unwanted);
    for (const kind of ["source.ip", "remote.ip"] as const) {
      expect(holds(when({ key: { kind }, values: RANGE }), request)).toEqual(wanted);
      expect(holds(when({ key: { kind }, notValues: RANGE }), request)).toEqual(unwanted);
    }
  });

  it("of a binding there is none: it is in no range, and no ALLOW by addresses is for it", () => {
    expect(holds(from({ ipBlocks: RANGE }), {})).toEqual(both(false));
    expect(holds(from({ notIpBlocks: RANGE }), {})).toEqual({ deny: true, allow: false });
    expect(holds(from({ ipBlocks: RANGE, notIpBlocks: ["10.1.0.0/16"] }), {})).toEqual(both(false));
  });

  it("are two behind trusted proxies: who connected, and who is behind", () => {
    const request = { ...PUBLIC, sourceIp: "192.0.2.1", clientIp: "10.1.2.3" };
    expect(holds(from({ ipBlocks: RANGE }), request)).toEqual(both(false));
    expect(holds(from({ remoteIpBlocks: RANGE }), request)).toEqual(both(true));
    expect(holds(from({ ipBlocks: ["192.0.2.1"], notRemoteIpBlocks: RANGE }), request)).toEqual(both(false));
  });
});

describe("the name of TLS", () => {
  const named = (values: readonly string[]): AuthorizationRule =>
    when({ key: { kind: "connection.sni" }, values: values.map(exact) });

  it("is the host of https at a Gateway, and none elsewhere", () => {
    const https = { entrance: "public", scheme: "https", host: "api.test" } as const;
    expect(holds(named(["api.test"]), https)).toEqual(both(true));
    expect(holds(named(["other.test"]), https)).toEqual(both(false));
    expect(holds(named(["api.test"]), { ...https, scheme: "http" })).toEqual(both(false));
    expect(holds(named(["api.test"]), { ...https, entrance: "mesh" })).toEqual(both(false));
    expect(holds(named(["api.test"]), https, "destination")).toEqual(both(false));
    const not = when({ key: { kind: "connection.sni" }, notValues: [exact("api.test")] });
    expect(holds(not, https)).toEqual(both(false));
    expect(holds(not, https, "destination")).toEqual(both(true));
  });
});
