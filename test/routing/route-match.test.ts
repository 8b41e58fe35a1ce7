import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { VerifiedToken } from "../../src/request/token-fact.ts";
import { linkRoutes, matchRoute } from "../../src/routing/route-match.ts";
import type { Route, RouteMatch, StringMatch } from "../../src/snapshot/model.ts";
import { facts, headers, peer } from "../decide/requests.ts";
import { linkPart } from "../support/link-with.ts";
import { times } from "../support/scale.ts";

function view(change: Partial<RequestFacts> = {}): RequestFacts {
  return facts({
    authority: "api.test:8080",
    port: 8080,
    path: "/a/b",
    query: "q=1&q=2&empty=&flag",
    headers: headers({ "x-a": "1, 2", "x-empty": "" }),
    peer: peer("web"),
    ...change,
  });
}

const NO_SECRETS: ReadonlySet<string> = new Set();
const routeOf = (...matches: readonly RouteMatch[]) => ({
  model: { name: "r", matches, destinations: [] } satisfies Route as Route,
});
const linked = (...routes: readonly ReturnType<typeof routeOf>[]) =>
  linkPart(routes, (all) => linkRoutes(all, NO_SECRETS));
const holds = (match: RouteMatch, change: Partial<RequestFacts> = {}): boolean =>
  matchRoute(linked(routeOf(match)), view(change)) !== null;

const TOKEN: VerifiedToken = {
  ok: true,
  principal: "https://issuer.test/u",
  issuer: "https://issuer.test",
  subject: "u",
  audiences: [],
  presenter: null,
  claims: { tier: "gold", groups: ["a", "b"], scope: "read write", nested: { deep: "x" }, level: 3, none: [] },
  spaceDelimited: ["scope"],
  rule: 0,
};

describe("a match block of claims", () => {
  it.each<{ name: string; path: readonly string[]; match: StringMatch; want: boolean }>([
    { name: "takes text", path: ["tier"], match: { kind: "exact", value: "gold" }, want: true },
    { name: "compares all of it", path: ["tier"], match: { kind: "exact", value: "gol" }, want: false },
    { name: "takes a member of a list", path: ["groups"], match: { kind: "exact", value: "b" }, want: true },
    { name: "takes a word of a scope", path: ["scope"], match: { kind: "exact", value: "write" }, want: true },
    { name: "takes a nested claim", path: ["nested", "deep"], match: { kind: "regex", value: "[xy]" }, want: true },
    { name: "has no claim above a nested one", path: ["nested"], match: { kind: "present" }, want: false },
    { name: "knows that a claim is there", path: ["tier"], match: { kind: "present" }, want: true },
    { name: "takes no number", path: ["level"], match: { kind: "exact", value: "3" }, want: false },
    { name: "takes no empty list", path: ["none"], match: { kind: "present" }, want: false },
    { name: "takes no property of every object", path: ["constructor"], match: { kind: "present" }, want: false },
  ])("$name", ({ path, match, want }) => {
    const found = (claim: object, tokens: readonly VerifiedToken[]): boolean =>
      matchRoute(linked(routeOf({ claims: [{ path, match, ...claim }] })), view(), tokens) !== null;
    expect(found({}, [TOKEN])).toBe(want);
    expect(found({ invert: true }, [TOKEN])).toBe(!want);
    expect(found({}, [])).toBe(false);
    expect(found({ invert: true }, [])).toBe(true);
  });
});

describe("a match block", () => {
  it.each<{ name: string; match: RouteMatch; want: boolean }>([
    { name: "without fields", match: {}, want: true },
    { name: "of an exact path", match: { uri: { kind: "exact", value: "/a/b" } }, want: true },
    { name: "of another path", match: { uri: { kind: "exact", value: "/a" } }, want: false },
    { name: "of a plain prefix", match: { uri: { kind: "prefix", value: "/a/" } }, want: true },
    { name: "of a prefix within a segment", match: { uri: { kind: "prefix", value: "/a/b" } }, want: true },
    { name: "of a path in another case", match: { uri: { kind: "exact", value: "/A/B" } }, want: false },
    { name: "that ignores case", match: { uri: { kind: "prefix", value: "/A", ignoreCase: true } }, want: true },
    { name: "of a regex on the whole path", match: { uri: { kind: "regex", value: "/a/." } }, want: true },
    { name: "of a regex on a part", match: { uri: { kind: "regex", value: "/a" } }, want: false },
    {
      name: "of the authority with its port",
      match: { authority: { kind: "exact", value: "api.test:8080" } },
      want: true,
    },
    {
      name: "of the pseudo-header :path, with the query",
      match: { headers: [{ name: ":path", match: { kind: "prefix", value: "/a/b?q=1&" } }] },
      want: true,
    },
    {
      name: "of the pseudo-header :method",
      match: { headers: [{ name: ":method", match: { kind: "exact", value: "GET" } }] },
      want: true,
    },
    {
      name: "of the pseudo-header :authority",
      match: { headers: [{ name: ":authority", match: { kind: "exact", value: "api.test:8080" } }] },
      want: true,
    },
    {
      name: "without the scheme that it has",
      match: { headers: [{ name: ":scheme", match: { kind: "exact", value: "http" }, invert: true }] },
      want: false,
    },
    {
      name: "of a header called constructor",
      match: { headers: [{ name: "constructor", match: { kind: "present" } }] },
      want: false,
    },
    { name: "of a method in lower case", match: { method: { kind: "exact", value: "get" } }, want: false },
    { name: "of a scheme", match: { scheme: { kind: "exact", value: "https" } }, want: false },
    { name: "of a port", match: { port: 8080 }, want: true },
    { name: "of another port", match: { port: 80 }, want: false },
    { name: "of the caller's namespace", match: { sourceNamespace: "shop" }, want: false },
    {
      name: "of a repeated header, joined as Istio does",
      match: { headers: [{ name: "x-a", match: { kind: "exact", value: "1,2" } }] },
      want: true,
    },
    {
      name: "of a header that is there and empty",
      match: { headers: [{ name: "x-empty", match: { kind: "present" } }] },
      want: true,
    },
    {
      name: "of a header that is not there",
      match: { headers: [{ name: "x-b", match: { kind: "regex", value: ".*" } }] },
      want: false,
    },
    {
      name: "without a header that is not there",
      match: { headers: [{ name: "x-b", match: { kind: "exact", value: "1" }, invert: true }] },
      want: true,
    },
    {
      name: "without any value of a header that is not there",
      match: { headers: [{ name: "x-b", match: { kind: "regex", value: ".*" }, invert: true }] },
      want: false,
    },
    {
      name: "without a header that is there",
      match: { headers: [{ name: "x-a", match: { kind: "present" }, invert: true }] },
      want: false,
    },
    {
      name: "of the first value of a key",
      match: { query: [{ name: "q", match: { kind: "exact", value: "1" } }] },
      want: true,
    },
    {
      name: "of the second value of a key",
      match: { query: [{ name: "q", match: { kind: "exact", value: "2" } }] },
      want: false,
    },
    {
      name: "of a key without `=`",
      match: { query: [{ name: "flag", match: { kind: "exact", value: "" } }] },
      want: true,
    },
    { name: "of a key that is there", match: { query: [{ name: "empty", match: { kind: "present" } }] }, want: true },
    { name: "of a key that is not there", match: { query: [{ name: "x", match: { kind: "present" } }] }, want: false },
    { name: "of two fields of which one fails", match: { port: 8080, sourceNamespace: "shop" }, want: false },
  ])("$name: $want", ({ match, want }) => {
    expect(holds(match)).toBe(want);
  });
});

describe("a query value is compared as it stands", () => {
  it.each([
    { query: "q=a%20b", value: "a%20b", want: true },
    { query: "q=a%20b", value: "a b", want: false },
    { query: "q=a+b", value: "a+b", want: true },
    { query: "q=a+b", value: "a b", want: false },
    { query: "q=%61", value: "a", want: false },
    { query: "%71=a", value: "a", want: false },
    { query: "q=a=b", value: "a=b", want: true },
    { query: "x=1&q=a&q=b", value: "a", want: true },
    { query: "x=1&q=a&q=b", value: "b", want: false },
    { query: "xq=a&q=b", value: "b", want: true },
    { query: "qq=a", value: "a", want: false },
    { query: "&&q=a", value: "a", want: true },
    { query: "q", value: "", want: true },
    { query: "q&x", value: "", want: true },
    { query: "=a", value: "a", want: false },
    { query: "q=a%2", value: "a%2", want: true },
  ])("$query is $value: $want", ({ query, value, want }) => {
    expect(holds({ query: [{ name: "q", match: { kind: "exact", value } }] }, { query })).toBe(want);
  });

  it("whatever the query holds", () => {
    const text = fc.array(fc.constantFrom("q", "x", "=", "&", "%71", "+"), { maxLength: 8 }).map((all) => all.join(""));
    fc.assert(
      fc.property(
        text,
        fc.constantFrom("q", "x", "qx"),
        fc.constantFrom("", "q", "x", "=", "%71"),
        (query, name, value) => {
          const pairs = query.split("&").map((pair) => [pair.split("=", 1)[0], pair.split("=").slice(1).join("=")]);
          const first = pairs.find(([key]) => key === name);
          const want = query !== "" && first !== undefined && first[1] === value;
          return holds({ query: [{ name, match: { kind: "exact", value } }] }, { query }) === want;
        },
      ),
    );
  });
});

it("the first route in order whose any block holds wins, as a scan of all would find it", () => {
  const path = fc.constantFrom("/", "/a", "/a/b", "/ab", "/b");
  const uri: fc.Arbitrary<StringMatch> = fc.oneof(
    path.map((value): StringMatch => ({ kind: "exact", value })),
    path.map((value): StringMatch => ({ kind: "prefix", value })),
    fc.constant<StringMatch>({ kind: "prefix", value: "" }),
    path.map((value): StringMatch => ({ kind: "exact", value: value.toUpperCase(), ignoreCase: true })),
  );
  const tier = fc.constantFrom("gold", "free", "x, y", "x,y");
  const block: fc.Arbitrary<RouteMatch> = fc.record(
    {
      uri,
      port: fc.constantFrom(80, 81),
      headers: tier.map((value) => [{ name: "x-tier", match: { kind: "exact" as const, value } }]),
    },
    { requiredKeys: [] },
  );
  const routes = fc.array(fc.array(block, { maxLength: 3 }), { maxLength: 8 });
  const request = fc.record({ path, port: fc.constantFrom(80, 81), tier: fc.option(tier) });
  fc.assert(
    fc.property(routes, request, (blocks, { path: at, port, tier: value }) => {
      const all = blocks.map((matches) => routeOf(...matches));
      const asked = view({ path: at, port, headers: headers(value === null ? {} : { "x-tier": value }) });
      const naive = all.find((route) => {
        const { matches } = route.model;
        return matches.length === 0 || matches.some((match) => matchRoute(linked(routeOf(match)), asked) !== null);
      });
      expect(matchRoute(linked(...all), asked)?.route ?? null).toBe(naive ?? null);
    }),
    { numRuns: times(300, 3_000) },
  );
});
