import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_PEER } from "../../src/identity/peer.ts";
import { anchorsOf } from "../../src/policy/anchors.ts";
import { authorize, linkPolicies } from "../../src/policy/authorization.ts";
import { linkRule } from "../../src/policy/rules.ts";
import type { VerifiedToken } from "../../src/request/token-fact.ts";
import type { AuthorizationRule, Condition, StringMatch } from "../../src/snapshot/model.ts";
import { facts, peer } from "../decide/requests.ts";
import { times } from "../support/scale.ts";

const CONTEXT = { stage: "destination", secretHeaders: new Set<string>() } as const;
const exact = (value: string): StringMatch => ({ kind: "exact", value });

function token(subject: string, groups: readonly string[]): VerifiedToken {
  return {
    ok: true,
    principal: `issuer/${subject}`,
    issuer: "issuer",
    subject,
    audiences: ["api"],
    presenter: null,
    claims: { groups, nested: { "a.b": groups } },
    spaceDelimited: ["scope"],
    rule: 0,
  };
}

const NOTHING = linkPolicies([], true, CONTEXT);

const match = (...values: readonly string[]): fc.Arbitrary<StringMatch> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...values).map(exact) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...values).map((value) => ({ kind: "prefix" as const, value: value.slice(0, 2) })),
    },
    { weight: 1, arbitrary: fc.constant({ kind: "nonempty" as const }) },
  );
const list = <T>(member: fc.Arbitrary<T>) => fc.array(member, { minLength: 1, maxLength: 2 });
const PRINCIPALS = ["cluster.local/ns/default/sa/web", "cluster.local/ns/shop/sa/web", "cluster.local/ns/shop/sa/cart"];
const ACCOUNTS = ["default/web", "shop/web", "shop/cart"];
const SUBJECTS = ["alice", "bob"];

const source = fc.record(
  {
    principals: list(match(...PRINCIPALS)),
    notPrincipals: list(match(...PRINCIPALS)),
    serviceAccounts: list(fc.constantFrom(...ACCOUNTS)),
    notServiceAccounts: list(fc.constantFrom(...ACCOUNTS)),
    namespaces: list(match("default", "shop")),
    trustDomains: list(match("cluster.local", "other")),
    requestPrincipals: list(match(...SUBJECTS).map((subject) => ({ issuer: exact("issuer"), subject }))),
  },
  { requiredKeys: [] },
);
const operation = fc.record(
  {
    hosts: list(match("api.test", "api.test:8080", "other.test")),
    notHosts: list(match("api.test", "other.test")),
    methods: list(match("GET", "POST")),
    paths: list(match("/a", "/a/b", "/b")),
    notPaths: list(match("/a", "/b")),
  },
  { requiredKeys: [] },
);
const condition: fc.Arbitrary<Condition> = fc.oneof(
  list(match(...PRINCIPALS)).map((values) => ({ key: { kind: "source.principal" as const }, values })),
  list(fc.constantFrom(...ACCOUNTS)).map((values) => ({
    key: { kind: "source.serviceAccount" as const },
    values: values.map(exact),
  })),
  list(match("issuer/alice", "issuer/bob")).map((values) => ({
    key: { kind: "request.auth.principal" as const },
    values,
  })),
  fc
    .tuple(list(match("red", "blue")), fc.constantFrom(["groups"], ["nested", "a.b"], ["none"]), fc.boolean())
    .map(([values, path, not]) => ({
      key: { kind: "request.auth.claims" as const, path },
      ...(not ? { notValues: values } : { values }),
    })),
);
const rule: fc.Arbitrary<AuthorizationRule> = fc.record(
  { from: list(source), to: list(operation), when: list(condition) },
  { requiredKeys: [] },
);
const request = fc.record({
  method: fc.constantFrom("GET", "POST"),
  path: fc.constantFrom("/a", "/a/b", "/b", "/c"),
  authority: fc.constantFrom("api.test", "api.test:8080"),
  peer: fc.constantFrom(NO_PEER, peer("web"), peer("web", "shop"), peer("cart", "shop")),
});
const tokens = fc.array(
  fc
    .tuple(fc.constantFrom(...SUBJECTS), fc.subarray(["red", "blue"]))
    .map(([subject, groups]) => token(subject, groups)),
  { maxLength: 2 },
);

describe("anchors of rules", () => {
  it("leave no rule out that holds", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 6 }), request, tokens, fc.boolean(), (rules, change, known, deny) => {
        const asked = facts(change);
        const policies = rules.map((one, index) => ({ name: `p${index}`, rules: [one] }));
        const found = linkPolicies(policies, deny, CONTEXT).rules.find(asked, known)?.policy ?? null;
        const first = policies.find(({ rules: [one] }) => one && linkRule(one, deny, CONTEXT)(asked, known));
        expect(found).toBe(first?.name ?? null);
      }),
      { numRuns: times(2_000, 20_000) },
    );
  });

  it.each<{ name: string; of: (value: string) => AuthorizationRule }>([
    { name: "paths", of: (value) => ({ to: [{ paths: [exact(`/${value}`)] }] }) },
    { name: "principals", of: (value) => ({ from: [{ principals: [exact(`cluster.local/ns/${value}/sa/web`)] }] }) },
    { name: "service accounts", of: (value) => ({ from: [{ serviceAccounts: [`${value}/web`] }] }) },
    {
      name: "request principals",
      of: (value) => ({ from: [{ requestPrincipals: [{ issuer: exact("issuer"), subject: exact(value) }] }] }),
    },
    { name: "namespaces", of: (value) => ({ from: [{ namespaces: [exact(value)] }] }) },
    { name: "trust domains", of: (value) => ({ from: [{ trustDomains: [exact(value)] }] }) },
    { name: "hosts", of: (value) => ({ to: [{ hosts: [exact(`${value}.test`)] }] }) },
    { name: "methods", of: (value) => ({ to: [{ methods: [exact(value)] }] }) },
    {
      name: "claims",
      of: (value) => ({ when: [{ key: { kind: "request.auth.claims", path: ["groups"] }, values: [exact(value)] }] }),
    },
    {
      name: "principals in conditions",
      of: (value) => ({ when: [{ key: { kind: "source.principal" }, values: [exact(value)] }] }),
    },
  ])("of $name alone: thousands of other rules are not looked at", ({ of }) => {
    let tested = 0;
    const rules = Array.from({ length: 5_000 }, (_, index) => of(`other-${index}`));
    const allow = linkPolicies(
      rules.map((one, index) => ({ name: `p${index}`, rules: [one] })),
      false,
      CONTEXT,
    );
    // Each rule that is tested reads something of the request.
    const asked = new Proxy(facts({ peer: peer("web"), path: "/own" }), {
      get: (target, property) => {
        tested += 1;
        return Reflect.get(target, property) as unknown;
      },
    });
    expect(authorize(NOTHING, allow, asked, [token("alice", ["red"])]).allowed).toBe(false);
    expect(tested).toBeLessThan(20);
  });

  it("are none where a part of the rule may hold for anything", () => {
    expect(anchorsOf({ from: [{ principals: [exact("a")] }, { notPrincipals: [exact("b")] }] })).toEqual({});
    expect(anchorsOf({ to: [{ paths: [exact("/a")] }, { methods: [exact("GET")] }] })).toEqual({});
    expect(anchorsOf({ when: [{ key: { kind: "source.principal" }, notValues: [exact("a")] }] })).toEqual({});
    expect(anchorsOf({ to: [{ hosts: [{ kind: "suffix", value: ".test" }] }] })).toEqual({});
  });
});
