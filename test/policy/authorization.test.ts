import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { authorize, linkPolicies } from "../../src/policy/authorization.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { VerifiedToken } from "../../src/request/token-fact.ts";
import type {
  AuthorizationPolicyModel,
  AuthorizationRule,
  Condition,
  Operation,
  Source,
  StringMatch,
  TextCondition,
} from "../../src/snapshot/model.ts";
import { facts, headers, peer } from "../decide/requests.ts";
import { NO_PEER } from "../../src/identity/peer.ts";
import { linkPart } from "../support/link-with.ts";

const exact = (value: string): StringMatch => ({ kind: "exact", value });

/** A request, and the tokens that verified on it. */
interface View {
  readonly request: RequestFacts;
  readonly tokens: readonly VerifiedToken[];
}

function view({ tokens = [], ...change }: Partial<Omit<RequestFacts, "tokens"> & View> = {}): View {
  return { request: facts({ authority: "api.test:8080", path: "/a", peer: peer("web"), ...change }), tokens };
}

function token(issuer: string, subject: string, claims: Record<string, unknown> = {}): VerifiedToken {
  return {
    ok: true,
    principal: `${issuer}/${subject}`,
    issuer,
    subject,
    audiences: ["api"],
    presenter: null,
    claims,
    spaceDelimited: ["scope"],
    rule: 0,
  };
}

const verdict = (
  deny: readonly AuthorizationPolicyModel[],
  allow: readonly AuthorizationPolicyModel[],
  { request, tokens }: View,
) => {
  const linked = (policies: readonly AuthorizationPolicyModel[], denies: boolean) =>
    linkPart(policies, () => linkPolicies(policies, denies, CONTEXT));
  return authorize(linked(deny, true), linked(allow, false), request, tokens);
};

const CONTEXT = { stage: "destination", secretHeaders: new Set<string>() } as const;

const rule = (name: string, ...rules: readonly AuthorizationRule[]): AuthorizationPolicyModel => ({ name, rules });

describe("authorize", () => {
  it.each([
    { name: "is open without any policy", deny: [], allow: [], want: { allowed: true, policy: null } },
    {
      name: "lets nothing through an ALLOW without rules",
      deny: [],
      allow: [rule("a")],
      want: { allowed: false, policy: null },
    },
    {
      name: "lets all through an ALLOW of `{}`",
      deny: [],
      allow: [rule("a", {})],
      want: { allowed: true, policy: "a" },
    },
    {
      name: "denies nothing by a DENY without rules",
      deny: [rule("d")],
      allow: [],
      want: { allowed: true, policy: null },
    },
    {
      name: "lets DENY win over ALLOW",
      deny: [rule("d", {})],
      allow: [rule("a", {})],
      want: { allowed: false, policy: "d" },
    },
  ])("$name", ({ deny, allow, want }) => {
    expect(verdict(deny, allow, view())).toMatchObject(want);
  });

  it("matches no principal where there is no identity, and every `not`", () => {
    const wants: Source = { principals: [{ kind: "nonempty" }] };
    const not: Source = { notPrincipals: [exact("cluster.local/ns/default/sa/web")] };
    const nobody = view({ peer: NO_PEER });
    expect(verdict([], [rule("a", { from: [wants] })], nobody).allowed).toBe(false);
    expect(verdict([], [rule("a", { from: [not] })], nobody).allowed).toBe(true);
    expect(verdict([rule("d", { from: [not] })], [], nobody).allowed).toBe(false);
  });

  it("sees hosts with and without the port", () => {
    const on = (value: string) => rule("d", { to: [{ hosts: [exact(value)] }] });
    expect(verdict([on("api.test")], [], view()).allowed).toBe(false);
    expect(verdict([on("api.test:8080")], [], view()).allowed).toBe(false);
    expect(verdict([on("api.test:9090")], [], view()).allowed).toBe(true);
  });

  it.each([
    { text: "admin", denied: true, allowed: true },
    { text: "user, admin", denied: true, allowed: false },
    { text: "user,admin", denied: true, allowed: false },
    { text: " admin ", denied: true, allowed: true },
    { text: "administrator", denied: false, allowed: false },
    { text: "", denied: false, allowed: false },
  ])("reads header `$text` as a list: any value denies, every value must be allowed", ({ text, denied, allowed }) => {
    const condition: Condition = { key: { kind: "header", name: "x-role" }, values: [exact("admin")] };
    const request = view({ headers: headers({ "x-role": text }) });
    expect(verdict([rule("d", { when: [condition] })], [], request).allowed).toBe(!denied);
    expect(verdict([], [rule("a", { when: [condition] })], request).allowed).toBe(allowed);
  });

  it("with several tokens allows what each may and denies what any may not", () => {
    const gold: Condition = { key: { kind: "request.auth.claims", path: ["tier"] }, values: [exact("gold")] };
    const tokens = [token("i", "a", { tier: "gold" }), token("i", "b", { tier: "free" })];
    expect(verdict([], [rule("a", { when: [gold] })], view({ tokens })).allowed).toBe(false);
    expect(verdict([rule("d", { when: [gold] })], [], view({ tokens })).allowed).toBe(false);
    expect(verdict([], [rule("a", { when: [gold] })], view({ tokens: tokens.slice(0, 1) })).allowed).toBe(true);
  });

  it.each([
    { claims: { scope: "read write" }, holds: true },
    { claims: { scope: ["read"] }, holds: true },
    { claims: { scope: "readwrite" }, holds: false },
    { claims: { scope: 1 }, holds: false },
    { claims: {}, holds: false },
    { claims: Object.create({ scope: "read" }) as Record<string, unknown>, holds: false },
  ])("reads the claim of $claims", ({ claims, holds }) => {
    const read: Condition = { key: { kind: "request.auth.claims", path: ["scope"] }, values: [exact("read")] };
    const request = view({ tokens: [token("i", "s", claims)] });
    expect(verdict([], [rule("a", { when: [read] })], request).allowed).toBe(holds);
  });

  it.each([
    { path: "/a/b/c", template: "/a/{*}/c", holds: true },
    { path: "/a//c", template: "/a/{*}/c", holds: false },
    { path: "/a/b/x/c", template: "/a/{*}/c", holds: false },
    { path: "/a/", template: "/a/{**}", holds: true },
    { path: "/a", template: "/a/{**}", holds: false },
    { path: "/a/b/c", template: "/a/{**}", holds: true },
    { path: "/aXb/c", template: "/a.b/{*}", holds: false },
  ])("template $template on $path: $holds", ({ path, template, holds }) => {
    const allow = rule("a", { to: [{ paths: [{ kind: "template", value: template }] }] });
    expect(verdict([], [allow], view({ path })).allowed).toBe(holds);
  });

  it("lets a pattern that cannot be compiled deny, and not allow", () => {
    const broken: Operation = { paths: [{ kind: "regex", value: "(" }] };
    expect(verdict([rule("d", { to: [broken] })], [], view()).allowed).toBe(false);
    expect(verdict([], [rule("a", { to: [broken] })], view()).allowed).toBe(false);
  });
});

/** The semantics as the documentation tells them, without index or order. */
function naive(
  deny: readonly AuthorizationPolicyModel[],
  allow: readonly AuthorizationPolicyModel[],
  request: RequestFacts,
): boolean {
  const some = (policies: readonly AuthorizationPolicyModel[]) =>
    policies.some(({ rules }) => rules.some((one) => ruleHolds(one, request)));
  if (some(deny)) return false;
  return allow.length === 0 || some(allow);
}

function ruleHolds({ from = [], to = [] }: AuthorizationRule, request: RequestFacts): boolean {
  const source = from.length === 0 || from.some((one) => sourceHolds(one, request));
  return source && (to.length === 0 || to.some((one) => operationHolds(one, request)));
}

function pair(
  wanted: readonly StringMatch[] | undefined,
  unwanted: readonly StringMatch[] | undefined,
  value: string | null,
): boolean {
  const any = (matches: readonly StringMatch[]) => value !== null && matches.some((match) => textHolds(match, value));
  return (wanted === undefined || any(wanted)) && (unwanted === undefined || !any(unwanted));
}

function textHolds(match: StringMatch, value: string): boolean {
  switch (match.kind) {
    case "exact":
      return value === match.value;
    case "prefix":
      return value.startsWith(match.value);
    case "suffix":
      return value.endsWith(match.value);
    case "nonempty":
      return value !== "";
    case "present":
    case "wildcard":
    case "template":
    case "regex":
      throw new Error("not drawn here");
  }
}

function sourceHolds(source: Source, { peer: { principal, namespace } }: RequestFacts): boolean {
  return (
    pair(source.principals, source.notPrincipals, principal) && pair(source.namespaces, source.notNamespaces, namespace)
  );
}

function operationHolds(operation: Operation, { method, path }: RequestFacts): boolean {
  return pair(operation.methods, operation.notMethods, method) && pair(operation.paths, operation.notPaths, path);
}

it("authorizes as a reading of all rules one after the other would", () => {
  const word = fc.constantFrom("/a", "/a/b", "/ab", "/", "/b");
  const match = (values: fc.Arbitrary<string>): fc.Arbitrary<StringMatch> =>
    fc.oneof(
      values.map((value): StringMatch => ({ kind: "exact", value })),
      values.map((value): StringMatch => ({ kind: "prefix", value })),
      values.map((value): StringMatch => ({ kind: "suffix", value: value.slice(-2) })),
      fc.constant<StringMatch>({ kind: "nonempty" }),
    );
  const list = (values: fc.Arbitrary<string>) => fc.array(match(values), { minLength: 1, maxLength: 3 });
  const principal = fc.constantFrom(
    "cluster.local/ns/default/sa/web",
    "cluster.local/ns/shop/sa/web",
    "cluster.local/ns/shop/sa/cart",
  );
  const source = fc.record(
    {
      principals: list(principal),
      notPrincipals: list(principal),
      namespaces: list(fc.constantFrom("default", "shop")),
    },
    { requiredKeys: [] },
  );
  const method = fc.constantFrom("GET", "POST");
  const operation = fc.record(
    { methods: list(method), paths: list(word), notPaths: list(word), notMethods: list(method) },
    { requiredKeys: [] },
  );
  const one = fc.record(
    { from: fc.array(source, { maxLength: 2 }), to: fc.array(operation, { maxLength: 2 }) },
    { requiredKeys: [] },
  );
  const policies = fc.array(
    fc.array(one, { maxLength: 3 }).map((rules) => rule("p", ...rules)),
    { maxLength: 3 },
  );
  const request = fc.record({
    method,
    path: word,
    peer: fc.oneof(fc.constant(NO_PEER), fc.constantFrom(peer("web"), peer("web", "shop"), peer("cart", "shop"))),
  });
  fc.assert(
    fc.property(policies, policies, request, (deny, allow, change) => {
      const asked = view(change);
      expect(verdict(deny, allow, asked).allowed).toBe(naive(deny, allow, asked.request));
    }),
    { numRuns: 2_000 },
  );
});

describe("the condition on the protocol", () => {
  const of = (condition: Omit<TextCondition, "key">) => [
    rule("rpc", { when: [{ key: { kind: "protocol" }, ...condition }] }),
  ];
  const http = view({ protocol: "http" });
  const rpc = view({ protocol: "workers-rpc" });

  it("tells a call of Workers RPC from an HTTP request, whatever else is equal", () => {
    const only = of({ values: [exact("workers-rpc")] });
    expect([verdict([], only, rpc).allowed, verdict([], only, http).allowed]).toEqual([true, false]);
    expect([verdict(only, [], rpc).allowed, verdict(only, [], http).allowed]).toEqual([false, true]);
    const none = of({ notValues: [exact("workers-rpc")] });
    expect([verdict([], none, rpc).allowed, verdict([], none, http).allowed]).toEqual([false, true]);
  });
});
